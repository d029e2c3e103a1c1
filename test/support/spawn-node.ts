/**
 * A real node as a child process, on ports of its own, for tests (by node-process.ts) and benchmarks.
 *
 * `PAIRDB_BIN` runs the single executable instead of the source.
 */
import { join, resolve } from "node:path";

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

export interface SpawnNodeOptions {
  readonly dataDirectory: string;
  /** Further arguments of `serve`. */
  readonly args?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** Runs before `serve`: another entry point, a tracer; default `nodeCommand()`. */
  readonly command?: readonly string[];
  /** In a process group of its own, which Ctrl-C does not reach. */
  readonly detached?: boolean;
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

export interface SpawnedNode {
  /** Resolves once the node serves; rejects with what it printed when it ends before. */
  readonly serving: Promise<NodeProcess>;
  /** SIGKILL, at any time; resolves when the process is gone. */
  kill(): Promise<void>;
}

interface ServingLine {
  readonly msg: string;
  readonly grpc_port: number;
  readonly http_port: number;
}

export function spawnNode(options: SpawnNodeOptions): SpawnedNode {
  const { dataDirectory, args = [], environment = {}, command = nodeCommand(), detached = false } = options;
  const ports = ["--host", "127.0.0.1", "--grpc-port", "0", "--http-port", "0"];
  const child = Bun.spawn([...command, "serve", "--data-dir", dataDirectory, ...ports, ...args], {
    cwd: root,
    env: { ...cleanEnvironment(), ...environment },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    detached,
  });
  const kill = async (): Promise<void> => {
    child.kill("SIGKILL");
    await child.exited;
  };

  const printed = new Printed();
  const streamsEnded = Promise.all([printed.read(child.stdout), printed.read(child.stderr)]);
  const ended = child.exited.then(async (code) => {
    await streamsEnded;
    throw new Error(`the node ended with ${code} before it served:\n${printed.text}`);
  });
  ended.catch(() => undefined);
  const serving = printed.serving.then((line) => ({
    pid: child.pid,
    dataDirectory,
    grpcPort: line.grpc_port,
    httpPort: line.http_port,
    grpcAddress: `127.0.0.1:${line.grpc_port}`,
    httpUrl: `http://127.0.0.1:${line.http_port}`,
    output: () => printed.text,
    stop() {
      child.kill("SIGTERM");
      return child.exited;
    },
    kill,
    signal: (signal: NodeJS.Signals) => child.kill(signal),
    exited: child.exited,
  }));
  return { serving: Promise.race([serving, ended]), kill };
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
