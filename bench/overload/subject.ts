/** The node that bears the load, and the process that puts it there. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FrameClient } from "../../test/support/frame-client.ts";
import { type NodeProcess, nodeCommand, spawnNode } from "../../test/support/spawn-node.ts";
import { beginCallAt, isOk } from "../grpc-call.ts";
import { loadPrefix, serverPrefix } from "../rpc/processors.ts";
import type { LoadEnded, LoadPlan, LoadReport } from "./plan.ts";

/** Runs `work` on a node of its own, which has to end well. */
export async function withNode<T>(work: (node: NodeProcess) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "pairdb-overload-"));
  const spawned = spawnNode({
    dataDirectory: join(folder, "data"),
    environment: { PAIRDB_SERVER_MAX_CONNECTIONS: "2000" },
    command: [...serverPrefix(), ...nodeCommand()],
  });
  try {
    const node = await spawned.serving;
    const result = await work(node);
    const exitCode = await node.stop();
    if (exitCode !== 0) throw new Error(`the node ended with ${exitCode}:\n${node.output()}`);
    return result;
  } finally {
    await spawned.kill();
    rmSync(folder, { recursive: true, force: true });
  }
}

export interface RunningLoad {
  /** Resolves, on the clock of `Date.now`, when no further call begins. */
  readonly endedAtMs: Promise<number>;
  /** Rejects when a connection was lost. */
  readonly report: Promise<LoadReport>;
}

export function startLoad(plan: LoadPlan): RunningLoad {
  const ended = Promise.withResolvers<number>();
  const report = Promise.withResolvers<LoadReport>();
  const script = join(import.meta.dir, "load.ts");
  const child = Bun.spawn([...loadPrefix(), process.execPath, script, JSON.stringify(plan)], {
    stdio: ["ignore", "inherit", "inherit"],
    ipc: (message: LoadEnded | LoadReport) => {
      if ("endedAtMs" in message) ended.resolve(message.endedAtMs);
      else report.resolve(message);
    },
  });
  void child.exited.then((code) => {
    const failure = new Error(`the load ended with ${code}`);
    ended.reject(failure);
    report.reject(failure);
  });
  return { endedAtMs: ended.promise, report: report.promise };
}

/** Whoever asks one thing at a time, on a connection that does nothing else. */
export async function asker(
  port: number,
  path: string,
  message: Uint8Array,
): Promise<() => Promise<boolean>> {
  const client = await FrameClient.connect(port);
  return async () => isOk(await client.answer(await beginCallAt(client, path, message)));
}
