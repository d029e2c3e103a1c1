/**
 * Keys that are written and deleted again and again while half of them move from one node to another, and whether all
 * that was acknowledged has arrived in the end.
 */
import { expect } from "bun:test";
import { keyHash } from "../../../src/versions/key-hash.ts";
import { waitUntil } from "../gossip/loopback-member.ts";
import type { ReplaceableNode } from "./replaceable-node.ts";

const tenantId = "moved";
const keyAt = (i: number) => `key-${String(i).padStart(6, "0")}`;
/** The upper half of the ring. */
const keyRanges = [{ startHash: 2n ** 63n, endHash: 0n }];
const isMoved = (key: string) => keyHash(tenantId, key) >= 2n ** 63n;
/** A guard against hanging only. */
const patienceMs = 240_000;

export interface Route {
  readonly source: ReplaceableNode;
  readonly target: ReplaceableNode;
  /** Where the source finds the target; default: where it is. */
  readonly targetPort?: number;
}

/** Writes until it is told to stop; remembers the last round of each key that was acknowledged. */
export class MovingKeys {
  readonly acknowledged = new Map<string, number>();
  readonly #source: ReplaceableNode;
  readonly #value: string;
  #isStopped = false;
  #round = 1;
  #running: Promise<void> = Promise.resolve();

  constructor(source: ReplaceableNode, valueBytes = 0) {
    this.#source = source;
    this.#value = "v".repeat(valueBytes);
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
      value: isDeleted(from + i, round)
        ? new Uint8Array(0)
        : new TextEncoder().encode(`value ${round}${this.#value}`),
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

async function holdings(
  node: ReplaceableNode,
): Promise<Map<string, { round: number; isTombstone: boolean }>> {
  const held = new Map<string, { round: number; isTombstone: boolean }>();
  for await (const { key, vectorClock, isTombstone } of node.client.streamKeys({ tenantId })) {
    const round = Number(vectorClock?.entries[0]?.logicalTimestamp ?? 0n);
    expect(held.has(key)).toBe(false);
    held.set(key, { round, isTombstone });
  }
  return held;
}

export async function beginStream({ source, target, targetPort }: Route): Promise<void> {
  const answer = await source.client.startStreaming({
    sourceNodeId: source.nodeId,
    targetNodeId: target.nodeId,
    targetHost: "127.0.0.1",
    targetPort: targetPort ?? target.node.grpcPort,
    keyRanges,
  });
  expect(answer).toMatchObject({ success: true });
}

export function stopStream({ source, target }: Route) {
  return source.client.stopStreaming({ sourceNodeId: source.nodeId, targetNodeId: target.nodeId });
}

export function streamStatus({ source, target }: Route) {
  return source.client.getStreamStatus({ sourceNodeId: source.nodeId, targetNodeId: target.nodeId });
}

export async function untilState(route: Route, state: string): Promise<void> {
  await waitFor(async () => (await streamStatus(route)).state === state, `the stream to be ${state}`);
}

/** Each key that moves is at the target in the round that was acknowledged last, or a later one. Gives how many. */
export async function expectMoved(keys: MovingKeys, { source, target }: Route): Promise<number> {
  const missing = async () => {
    const there = await holdings(target);
    return [...keys.acknowledged].filter(
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
  return there.size;
}

export async function waitFor(holds: () => Promise<boolean>, what: string): Promise<void> {
  await waitUntil(holds, patienceMs, () => what);
}
