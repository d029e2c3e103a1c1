/** Real nodes and commands as child processes of a test; a node that still runs ends with it. */
import { afterAll } from "bun:test";
import { join } from "node:path";
import {
  cleanEnvironment,
  type NodeProcess,
  nodeCommand,
  type SpawnNodeOptions,
  spawnNode,
} from "./spawn-node.ts";
import { temporaryFolder } from "./temp-folder.ts";

export { cleanEnvironment, type NodeProcess, nodeCommand } from "./spawn-node.ts";

const root = join(import.meta.dir, "../..");

export interface StartNodeOptions extends Omit<SpawnNodeOptions, "dataDirectory"> {
  /** Default: a new temporary one. */
  readonly dataDirectory?: string;
}

/**
 * Starts a node and resolves once it serves; rejects with what it printed when it ends before. If it still runs then,
 * it is killed after the test that calls, or, called outside of tests and hooks, after the test file.
 */
export async function startNode(options: StartNodeOptions = {}): Promise<NodeProcess> {
  let kill = async (): Promise<void> => undefined;
  // Before the folder's own clean-up, so that the node is gone when its files go.
  afterAll(() => kill());
  const { dataDirectory = temporaryFolder() } = options;
  const node = spawnNode({ ...options, dataDirectory });
  kill = node.kill;
  return await node.serving;
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
