/**
 * What an existing coordinator calls while a node joins, from a script: its writes with clocks of its own counter, which
 * begins at 0 again when it restarts, its hints, which are writes of before that it repeats until they succeed, and
 * its three calls for the stream. In the end no key is older than what was acknowledged last, on either node.
 */
import { expect, test } from "bun:test";
import { keyHash } from "../../src/versions/key-hash.ts";
import { waitUntil } from "../support/gossip/loopback-member.ts";
import { ReplaceableNode } from "../support/streams/replaceable-node.ts";
import { bytes } from "../support/wire-values.ts";

const tenantId = "t";
const keyCount = 300;
/** More keys, first written late and to the source alone: half while the stream is under way, half when it has all. */
const lateCount = 40;
const keyAt = (i: number) => `k${i}`;
const isMoved = (key: string) => keyHash(tenantId, key) >= 2n ** 63n;

interface Hint {
  readonly node: ReplaceableNode;
  readonly request: ReturnType<typeof writeOf>;
}

function writeOf(key: string, value: string, logicalTimestamp: number) {
  return {
    tenantId,
    key,
    value: bytes(value),
    vectorClock: {
      entries: [{ coordinatorNodeId: "coordinator-1", logicalTimestamp: BigInt(logicalTimestamp) }],
    },
    idempotencyKey: `${key}-${logicalTimestamp}`,
  };
}

/** Knows of the clocks of nodes only what a read tells it. */
class ScriptedCoordinator {
  readonly hints: Hint[] = [];
  readonly acknowledged = new Map<string, string>();
  #counter = 0;

  /** To each replica; one that fails gets it later. */
  async write(nodes: readonly ReplaceableNode[], key: string, value: string): Promise<void> {
    const request = writeOf(key, value, ++this.#counter);
    let successes = 0;
    for (const node of nodes) {
      const isDone = await node.client.write(request).then(
        ({ success }) => success,
        () => false,
      );
      if (isDone) successes++;
      else this.hints.push({ node, request });
    }
    if (successes > 0) this.acknowledged.set(key, value);
  }

  async replayHints(): Promise<void> {
    for (const { node, request } of this.hints) {
      await waitUntil(
        () =>
          node.client.write(request).then(
            ({ success }) => success,
            () => false,
          ),
        120_000,
        () => "a hint to be taken",
      );
    }
  }

  /** It forgets its counter; hints are on its disk. */
  restart(): void {
    this.#counter = 0;
  }
}

async function readAll(node: ReplaceableNode): Promise<Map<string, string>> {
  const held = new Map<string, string>();
  for (let i = 0; i < keyCount + lateCount; i++) {
    const { success, value } = await node.client.read({ tenantId, key: keyAt(i) });
    if (success) held.set(keyAt(i), new TextDecoder().decode(value));
  }
  return held;
}

test("a node joins while its coordinator restarts and replays hints", async () => {
  const [source, target] = await Promise.all([
    ReplaceableNode.start("source"),
    ReplaceableNode.start("target"),
  ]);
  const coordinator = new ScriptedCoordinator();
  for (let i = 0; i < keyCount; i++) await coordinator.write([source], keyAt(i), `first ${i}`);
  const stream = { sourceNodeId: "source", targetNodeId: "target" };
  const start = () =>
    source.client.startStreaming({
      ...stream,
      targetHost: "127.0.0.1",
      targetPort: target.node.grpcPort,
      keyRanges: [{ startHash: 2n ** 63n, endHash: 0n }],
    });
  expect(await start()).toMatchObject({ success: true });
  // A coordinator that did not see the answer asks again.
  expect(await start()).toMatchObject({ success: true });

  // The target is away for a while: writes to it become hints.
  const { grpcPort } = target.node;
  await target.node.kill();
  for (let i = 0; i < keyCount; i += 3) {
    const key = keyAt(i);
    await coordinator.write(isMoved(key) ? [source, target] : [source], key, `second ${i}`);
  }
  expect(coordinator.hints.length).toBeGreaterThan(0);
  await target.replace();
  expect(target.node.grpcPort).toBe(grpcPort);
  // Keys that were never written before get clocks that begin anew; of others, clocks that the node knows already.
  coordinator.restart();
  const stale = [keyAt(1), keyAt(2)];
  for (const key of stale) await coordinator.write([source], key, "stale");
  for (const key of stale) coordinator.acknowledged.delete(key);
  const late = Array.from({ length: lateCount }, (_, i) => keyAt(keyCount + i));
  for (const key of late.slice(lateCount / 2)) await coordinator.write([source], key, "new");
  await coordinator.replayHints();
  await coordinator.replayHints();

  await waitUntil(
    async () => (await source.client.getStreamStatus(stream)).state === "completed",
    240_000,
    () => "the stream to complete",
  );
  const followed = late.slice(0, lateCount / 2);
  for (const key of followed) await coordinator.write([source], key, "new");
  // Only what follows the log brings these.
  expect(followed.filter(isMoved).length).toBeGreaterThan(0);
  const lateMoved = late.filter(isMoved);
  const arrived = async () => {
    const there = await readAll(target);
    return lateMoved.filter((key) => there.has(key)).length;
  };
  await waitUntil(
    async () => (await arrived()) === lateMoved.length,
    240_000,
    async () => `${await arrived()} of ${lateMoved.length} late keys`,
  );
  const [here, there] = [await readAll(source), await readAll(target)];
  for (const [key, value] of coordinator.acknowledged) {
    expect([key, here.get(key)]).toEqual([key, value]);
    if (isMoved(key)) expect([key, there.get(key)]).toEqual([key, value]);
  }
  for (const key of stale) {
    // What its clock had seen stands, whatever came later with a clock of before.
    expect(here.get(key)).toBe(`first ${key.slice(1)}`);
    if (isMoved(key)) expect(there.get(key)).toBe(`first ${key.slice(1)}`);
  }
  for (const key of there.keys()) expect(isMoved(key)).toBe(true);
  expect(await source.client.stopStreaming(stream)).toMatchObject({ success: true });
  expect(await source.client.stopStreaming(stream)).toMatchObject({ success: true });
  expect((await source.client.getStreamStatus(stream)).state).toBe("not_found");
  await Promise.all([source.kill(), target.kill()]);
}, 600_000);
