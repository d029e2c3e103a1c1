/** A node is killed while batches are under way: each is there afterwards as a whole or not at all. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { StorageNodeService } from "../../src/gen/storage/storage_node_pb.ts";
import { type NodeProcess, startNode } from "../support/node-process.ts";
import type { StorageClient } from "../support/rpc-clients.ts";
import { temporaryFolder } from "../support/temp-folder.ts";

const roundCount = Number(process.env["KILL_ROUNDS"] ?? 5);
const entryCount = 40;
const inFlight = 8;
const writeBackEntry = join(import.meta.dir, "../support/entries/write-back-node.ts");

async function withClient<T>(node: NodeProcess, use: (client: StorageClient) => Promise<T>): Promise<T> {
  const baseUrl = `http://${node.grpcAddress}`;
  const sessionManager = new Http2SessionManager(baseUrl);
  try {
    return await use(createClient(StorageNodeService, createGrpcTransport({ baseUrl, sessionManager })));
  } finally {
    sessionManager.abort();
  }
}

const keysOf = (batch: number) =>
  Array.from({ length: entryCount }, (_, index) => `batch-${batch}-entry-${index}`);

/** Sends batches, some at a time, until the node is gone; the numbers of those that were acknowledged. */
async function writeUntilKilled(node: NodeProcess, firstBatch: number, killAfter: number) {
  const acknowledged = new Set<number>();
  let nextBatch = firstBatch;
  await withClient(node, async (client) => {
    const write = async (): Promise<void> => {
      for (;;) {
        const batch = nextBatch++;
        const value = Buffer.from(String(batch).padEnd(1000, "."));
        const entries = keysOf(batch).map((key) => ({ tenantId: "t", key, value }));
        try {
          await client.batchWrite({ entries });
        } catch {
          return;
        }
        acknowledged.add(batch);
        if (acknowledged.size === killAfter) node.signal("SIGKILL");
      }
    };
    await Promise.all(Array.from({ length: inFlight }, write));
  });
  await node.exited;
  return { acknowledged, sentCount: nextBatch - firstBatch };
}

/** How many entries of each batch are there. */
async function storedCounts(node: NodeProcess, firstBatch: number, batchCount: number): Promise<number[]> {
  return await withClient(node, async (client) => {
    const counts: number[] = [];
    for (let batch = firstBatch; batch < firstBatch + batchCount; batch++) {
      const { results } = await client.batchRead({ tenantId: "t", keys: keysOf(batch) });
      counts.push(results.filter(({ success }) => success).length);
    }
    return counts;
  });
}

test.each([
  ["on the real file system", {}],
  [
    "on a file system that drops unsynced bytes with the process",
    { command: [process.execPath, writeBackEntry] },
  ],
])(
  "batches survive SIGKILL as a whole or not at all, %s",
  async (_, options) => {
    const dataDirectory = join(temporaryFolder(), "data");
    let firstBatch = 0;
    for (let round = 0; round < roundCount; round++) {
      const node = await startNode({ ...options, dataDirectory });
      const { acknowledged, sentCount } = await writeUntilKilled(node, firstBatch, 20 + 7 * round);
      const restarted = await startNode({ ...options, dataDirectory });
      const counts = await storedCounts(restarted, firstBatch, sentCount);
      await restarted.kill();
      expect(acknowledged.size).toBeGreaterThanOrEqual(20 + 7 * round);
      counts.forEach((count, index) => {
        const allowed = acknowledged.has(firstBatch + index) ? [entryCount] : [0, entryCount];
        expect(allowed).toContain(count);
      });
      firstBatch += sentCount;
    }
  },
  300_000,
);
