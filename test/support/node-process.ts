/**
 * A real node as a child process, on ports of its own.
 *
 * `PAIRDB_BIN` runs the tests against the single executable instead of the source.
 */
import { afterAll } from "bun:test";
import { join, resolve } from "node:path";
import { temporaryFolder } from "./temp-folder.ts";

const root = join(import.meta.dir, "../..");

/** The command that stands for `pairdb-node`. */
export function nodeCommand(): string[] {
  const executable = process.env["PAIRDB_BIN"];
  return executable === undefined || executable === ""
    ? [process.execPath, join(root, "src/main.ts")]
    : [resolve(root, executable)];
}

/** The environment without what would configure the node. */
export function cleanEnvironment(): Record<string, string> {
  const entries = Object.entries(process.env).filter(
    ([name, value]) => value !== undefined && !/^(PAIRDB_|CONFIG_PATH$|NODE_ID$)/.test(name),
  );
  return Object.fromEntries(entries) as Record<string, string>;
}

export interface StartNodeOptions {
  /** Default: a new temporary one. */
  readonly dataDirectory?: string;
  /** Further arguments of `serve`. */
  readonly args?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** Runs before `serve`: another entry point, a tracer; default `nodeCommand()`. */
  readonly command?: readonly string[];
}

export interface NodeProcess {
  readonly pid: number;
  readonly dataDirectory: string;
  readonly grpcPort: number;
  readonly httpPort: number;
  /** `127.0.0.1:PORT` */
  readonly grpcAddress: string;
  /** `http://127.0.0.1:PORT` */
  readonly httpUrl: string;
  /** Everything printed so far. */
  output(): string;
  /** Sends SIGTERM and resolves with the exit code. */
  stop(): Promise<number>;
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>;
  signal(signal: NodeJS.Signals): void;
  readonly exited: Promise<number>;
}

interface ServingLine {
  readonly msg: string;
  readonly grpc_port: number;
  readonly http_port: number;
}

/**
 * Starts a node and resolves once it serves; rejects with what it printed when it ends before. If it still runs then,
 * it is killed after the test that calls, or, called outside of tests and hooks, after the test file.
 */
export async function startNode(options: StartNodeOptions = {}): Promise<NodeProcess> {
  let kill = async (): Promise<void> => undefined;
  // Before the folder's own clean-up, so that the node is gone when its files go.
  afterAll(() => kill());
  const { dataDirectory = temporaryFolder(), args = [], environment = {}, command = nodeCommand() } = options;
  const ports = ["--host", "127.0.0.1", "--grpc-port", "0", "--http-port", "0"];
  const child = Bun.spawn([...command, "serve", "--data-dir", dataDirectory, ...ports, ...args], {
    cwd: root,
    env: { ...cleanEnvironment(), ...environment },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  kill = async () => {
    child.kill("SIGKILL");
    await child.exited;
  };

  const printed = new Printed();
  const streamsEnded = Promise.all([printed.read(child.stdout), printed.read(child.stderr)]);
  const ended = child.exited.then(async (code) => {
    await streamsEnded;
    throw new Error(`the node ended with ${code} before it served:\n${printed.text}`);
  });
  const serving = await Promise.race([printed.serving, ended]);
  ended.catch(() => undefined);
  return {
    pid: child.pid,
    dataDirectory,
    grpcPort: serving.grpc_port,
    httpPort: serving.http_port,
    grpcAddress: `127.0.0.1:${serving.grpc_port}`,
    httpUrl: `http://127.0.0.1:${serving.http_port}`,
    output: () => printed.text,
    stop() {
      child.kill("SIGTERM");
      return child.exited;
    },
    kill,
    signal: (signal) => child.kill(signal),
    exited: child.exited,
  };
}

/** What a process prints, and the log line that says that it serves. */
class Printed {
  text = "";
  readonly #serving = Promise.withResolvers<ServingLine>();

  get serving(): Promise<ServingLine> {
    return this.#serving.promise;
  }

  async read(stream: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of stream) {
      this.text += decoder.decode(chunk, { stream: true });
      const line = this.text.split("\n").find((candidate) => candidate.includes('"msg":"serving"'));
      if (line?.endsWith("}")) this.#serving.resolve(JSON.parse(line) as ServingLine);
    }
  }
}

export interface CommandResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs one command of `pairdb-node` to its end. */
export async function runCommand(
  args: readonly string[],
  options: {
    readonly input?: string | Uint8Array;
    readonly environment?: Readonly<Record<string, string>>;
  } = {},
): Promise<CommandResult> {
  const child = Bun.spawn([...nodeCommand(), ...args], {
    cwd: root,
    env: { ...cleanEnvironment(), ...options.environment },
    stdin: options.input === undefined ? "ignore" : new Blob([options.input]),
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr, exitCode] = await Promise.all([
    child.stdout.text(),
    child.stderr.text(),
    child.exited,
  ]);
  return { exitCode, stdout, stderr };
}
