/**
 * Keys move from one node to another while writes go on, and nodes are killed meanwhile: nothing that was acknowledged may
 * be missing at the target in the end, and nothing that was deleted may be back.
 *
 * `PAIRDB_STREAM_KILLS` says how many times nodes are killed; the default is few.
 */
import { describe, expect, test } from "bun:test";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { StorageNodeService } from "../../src/gen/storage/storage_node_pb.ts";
import { keyHash } from "../../src/versions/key-hash.ts";
import { waitUntil } from "../support/gossip/loopback-member.ts";
import { type NodeProcess, runCommand, startNode } from "../support/node-process.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const tenantId = "moved";
const keyAt = (i: number) => `key-${String(i).padStart(6, "0")}`;
/** The upper half of the ring. */
const keyRanges = [{ startHash: 2n ** 63n, endHash: 0n }];
const isMoved = (key: string) => keyHash(tenantId, key) >= 2n ** 63n;
const killCount = Number(process.env["PAIRDB_STREAM_KILLS"] ?? 3);

/** Anybody may be a target, and gossip is off: the coordinator is the test. */
const common = (nodeId: string) => ["--node-id", nodeId, "--insecure"];

/** A node that can be killed and started again where it was. */
class Replaceable {
  readonly nodeId: string;
  node: NodeProcess;

  private constructor(nodeId: string, node: NodeProcess) {
    this.nodeId = nodeId;
    this.node = node;
  }

  static async start(nodeId: string): Promise<Replaceable> {
    return new Replaceable(nodeId, await startNode({ args: common(nodeId) }));
  }

  get client() {
    return createClient(
      StorageNodeService,
      createGrpcTransport({ baseUrl: `http://${this.node.grpcAddress}` }),
    );
  }

  /** SIGKILL, and a new start on the same port. */
  async replace(): Promise<void> {
    const { dataDirectory, grpcPort } = this.node;
    await this.node.kill();
    const args = [...common(this.nodeId), "--grpc-port", String(grpcPort)];
    this.node = await startNode({ dataDirectory, args });
  }
}

/** Writes until it is told to stop; remembers the last round of each key that was acknowledged. */
class Writer {
  readonly acknowledged = new Map<string, number>();
  readonly #source: Replaceable;
  #isStopped = false;
  #round = 1;
  #running: Promise<void> = Promise.resolve();

  constructor(source: Replaceable) {
    this.#source = source;
  }

  async fill(count: number): Promise<void> {
    for (let i = 0; i < count; i += 500) await this.#write(i, Math.min(count, i + 500));
  }

  begin(count: number): void {
    this.#running = this.#run(count);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#running;
  }

  async #run(count: number): Promise<void> {
    for (let i = 0; !this.#isStopped; i = (i + 97) % count) {
      this.#round++;
      // A node that is being replaced takes no writes.
      await this.#write(i, i + 20).catch(() => Bun.sleep(20));
    }
  }

  async #write(from: number, to: number): Promise<void> {
    const round = this.#round;
    const entries = Array.from({ length: to - from }, (_, i) => ({
      tenantId,
      key: keyAt(from + i),
      value: isDeleted(from + i, round) ? new Uint8Array(0) : bytes(`value ${round}`),
      isTombstone: isDeleted(from + i, round),
      vectorClock: { entries: [{ coordinatorNodeId: "c", logicalTimestamp: BigInt(round) }] },
    }));
    await this.#source.client.batchWrite({ entries });
    for (const { key } of entries) this.acknowledged.set(key, round);
  }
}

function isDeleted(index: number, round: number): boolean {
  return (index + round) % 5 === 0;
}

async function holdings(node: Replaceable): Promise<Map<string, { round: number; isTombstone: boolean }>> {
  const held = new Map<string, { round: number; isTombstone: boolean }>();
  for await (const { key, vectorClock, isTombstone } of node.client.streamKeys({ tenantId })) {
    const round = Number(vectorClock?.entries[0]?.logicalTimestamp ?? 0n);
    expect(held.has(key)).toBe(false);
    held.set(key, { round, isTombstone });
  }
  return held;
}

async function begin(source: Replaceable, target: Replaceable): Promise<void> {
  const answer = await source.client.startStreaming({
    sourceNodeId: source.nodeId,
    targetNodeId: target.nodeId,
    targetHost: "127.0.0.1",
    targetPort: target.node.grpcPort,
    keyRanges,
  });
  expect(answer).toMatchObject({ success: true });
}

function status(source: Replaceable, target: Replaceable) {
  return source.client.getStreamStatus({ sourceNodeId: source.nodeId, targetNodeId: target.nodeId });
}

/** Each key that moves is at the target in the round that was acknowledged last, or a later one. */
async function expectMoved(writer: Writer, source: Replaceable, target: Replaceable): Promise<void> {
  const missing = async () => {
    const there = await holdings(target);
    return [...writer.acknowledged].filter(
      ([key, round]) => isMoved(key) && (there.get(key)?.round ?? 0) < round,
    );
  };
  await waitFor(async () => (await missing()).length === 0, "the target to have all");
  const [here, there] = [await holdings(source), await holdings(target)];
  for (const [key, record] of there) {
    expect(isMoved(key)).toBe(true);
    expect([key, record]).toEqual([key, here.get(key)!]);
    expect(record.isTombstone).toBe(isDeleted(Number(key.slice(4)), record.round));
  }
}

const patienceMs = 18000;

async function waitFor(holds: () => Promise<boolean>, what: string): Promise<void> {
  await waitUntil(holds, patienceMs, () => what);
}

describe("a stream between two processes", () => {
  test("moves keys while writes go on, and nodes are killed", async () => {
    const [source, target] = await Promise.all([Replaceable.start("source"), Replaceable.start("target")]);
    const writer = new Writer(source);
    await writer.fill(8000);
    writer.begin(8000);
    await begin(source, target);
    for (let kill = 0; kill < killCount; kill++) {
      const killed = [[source], [target], [source, target]][kill % 3]!;
      await Promise.all(killed.map((node) => node.replace()));
      // Not for the sake of time: the stream has done something since.
      const before = await status(source, target);
      await waitFor(async () => {
        const { keysCopied, keysStreamed, state } = await status(source, target);
        return state === "completed" || keysCopied + keysStreamed > before.keysCopied + before.keysStreamed;
      }, "the stream to go on");
    }
    await waitFor(async () => (await status(source, target)).state === "completed", "the stream to complete");
    await writer.stop();
    await expectMoved(writer, source, target);
    const listed = await runCommand(["streams", "--addr", source.node.grpcAddress]);
    expect(listed.stdout).toMatch(
      /^target\tcompleted\t\d+ keys copied \(.* KiB\), \d+ streamed, \d+ repaired, /,
    );
    const stop = { sourceNodeId: "source", targetNodeId: "target" };
    expect(await source.client.stopStreaming(stop)).toMatchObject({ success: true });
    expect((await status(source, target)).state).toBe("not_found");
    await source.replace();
    expect((await status(source, target)).state).toBe("not_found");
    await begin(source, target);
    await waitFor(
      async () => (await status(source, target)).state === "completed",
      "the second stream to complete",
    );
    await expectMoved(writer, source, target);
  }, 600_000);
});
