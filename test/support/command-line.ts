/** Runs commands of `pairdb-node` inside the test's own process, with their streams in memory. */
import { afterAll } from "bun:test";
import type { CommandEnvironment, RunningNode } from "../../src/cli/context.ts";
import { runCommandLine } from "../../src/cli/program.ts";
import { systemClock } from "../../src/platform/clock.ts";
import { readClockStatus } from "../../src/platform/clock-status.ts";
import { readSystemFile } from "../../src/platform/memory-status.ts";
import { systemRandom } from "../../src/platform/random.ts";
import { realFileSystem } from "../../src/platform/real.ts";
import { temporaryFolder } from "./temp-folder.ts";

export interface CommandOutcome {
  readonly exitCode: number;
  readonly stdout: Uint8Array;
  readonly stderr: string;
}

export interface CommandInputs extends Partial<CommandEnvironment> {
  /** Chunks of standard input. */
  readonly input?: readonly (string | Uint8Array)[];
}

/** The environment of a command that prints into `printed`. */
function commandEnvironment(
  inputs: CommandInputs,
  stdout: Uint8Array[],
  stderr: string[],
): CommandEnvironment {
  const { input = [], ...overrides } = inputs;
  const encoder = new TextEncoder();
  const asBytes = (chunk: string | Uint8Array) => (typeof chunk === "string" ? encoder.encode(chunk) : chunk);
  return {
    streams: {
      input: (async function* () {
        for (const chunk of input) yield asBytes(chunk);
      })(),
      output: {
        write: async (chunk) => void stdout.push(asBytes(chunk)),
        close: async () => undefined,
        abort: async () => undefined,
      },
      error: (text) => void stderr.push(text),
      outputIsTerminal: false,
      errorIsTerminal: false,
    },
    variables: {},
    hostName: "test-host",
    memoryLimitBytes: 2 ** 28,
    files: realFileSystem,
    readSystemFile,
    readClockStatus,
    clock: systemClock,
    random: systemRandom,
    exitAtOnce: () => undefined,
    ...overrides,
  };
}

export async function command(args: readonly string[], inputs: CommandInputs = {}): Promise<CommandOutcome> {
  const stdout: Uint8Array[] = [];
  const stderr: string[] = [];
  const exitCode = await runCommandLine(args, commandEnvironment(inputs, stdout, stderr));
  return { exitCode, stdout: Buffer.concat(stdout), stderr: stderr.join("") };
}

export interface ServedNode extends RunningNode {
  readonly address: string;
  readonly httpUrl: string;
  /** Resolves with the exit code of `serve`. */
  readonly ended: Promise<number>;
}

/**
 * `serve` on free ports over a new data directory, or the one that `args` names; rejects with what it printed when
 * it ends before it serves. Stopped after the test that calls, or, called outside of tests and hooks, after the
 * test file.
 */
export async function serve(args: readonly string[] = [], inputs: CommandInputs = {}): Promise<ServedNode> {
  let stop = async (): Promise<unknown> => undefined;
  // Before the folder's own clean-up, so that the node is gone when its files go.
  afterAll(() => stop());
  const folder = args.includes("--data-dir") ? [] : ["--data-dir", temporaryFolder()];
  const ports = ["--grpc-port", "0", "--http-port", "0", "--log-level", "error"];

  const serving = Promise.withResolvers<RunningNode>();
  const environment = { onServing: serving.resolve, ...inputs };
  const outcome = command(["serve", ...folder, ...ports, ...args], environment);
  const failed = outcome.then(({ exitCode, stderr }) => {
    throw new Error(`serve ended with ${exitCode}: ${stderr}`);
  });
  const node = await Promise.race([serving.promise, failed]);
  failed.catch(() => undefined);
  const ended = outcome.then(({ exitCode }) => exitCode);
  stop = () => {
    node.stop();
    return ended;
  };
  return {
    ...node,
    address: `127.0.0.1:${node.grpcPort}`,
    httpUrl: `http://127.0.0.1:${node.httpPort}`,
    ended,
  };
}
