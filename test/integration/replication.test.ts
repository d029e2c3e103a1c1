/** ReplicateData between nodes that listen: what arrives, and what a target of another make is told. */
import { afterAll, describe, expect, test } from "bun:test";
import { HashBuckets } from "../../src/migration/hash-buckets.ts";
import { HashRanges, wholeRing } from "../../src/migration/hash-ranges.ts";
import { PeerDirectory } from "../../src/peers/peer-directory.ts";
import { type HostAndPort, TargetPolicy } from "../../src/peers/target-policy.ts";
import { grpcClient, type StorageClient } from "../support/rpc-clients.ts";
import { startTestServer, type TestServerOptions } from "../support/test-server.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const clock = (nodeId: string, timestamp: bigint) => ({
  entries: [{ coordinatorNodeId: nodeId, logicalTimestamp: timestamp }],
});
const keyAt = (i: number) => `k${String(i).padStart(5, "0")}`;

const never = new AbortController().signal;

/** A node that listens, and that knows those which are put into `known`. */
async function startNode(options: TestServerOptions = {}) {
  const known = new Map<string, HostAndPort>();
  const policy: TargetPolicy = new TargetPolicy({
    nodeId: "node-1",
    own: () => ({ host: "127.0.0.1", port: server.server.grpcPort }),
    isOwnAddress: () => true,
    configured: known,
    ring: () => undefined,
    allowsAnyTarget: false,
    resolve: async (host) => [host],
  });
  const peers = new PeerDirectory(policy, () => ({ authorization: undefined, tls: undefined }));
  const server = await startTestServer({ peers, ...options });
  const connection = grpcClient(server);
  afterAll(() => connection.close());
  return { ...server, known, peers, client: connection.client, port: server.server.grpcPort };
}

const source = await startNode();
const target = await startNode();
source.known.set("target", { host: "127.0.0.1", port: target.port });
source.known.set("itself", { host: "127.0.0.1", port: source.port });

/** All that a node holds of a tenant. */
async function holdings(client: StorageClient, tenantId: string): Promise<unknown[]> {
  const entries = await Array.fromAsync(client.streamKeys({ tenantId }));
  return entries.map(({ key, value, vectorClock, timestamp, isTombstone }) => ({
    key,
    value: new TextDecoder().decode(value),
    clock: vectorClock?.entries.map((entry) => `${entry.coordinatorNodeId}${entry.logicalTimestamp}`),
    timestamp,
    isTombstone,
  }));
}

async function fill(tenantId: string, count: number): Promise<void> {
  const entries = Array.from({ length: count }, (_, i) => ({
    tenantId,
    key: keyAt(i),
    value: bytes(`value ${i}`),
    vectorClock: clock("c", 1n),
  }));
  for (let i = 0; i < count; i += 1000) {
    await source.client.batchWrite({ entries: entries.slice(i, i + 1000) });
  }
}

describe("to a node of this make", () => {
  test("a tenant arrives as it is: siblings, tombstones, clocks and times", async () => {
    const tenantId = "whole";
    await fill(tenantId, 300);
    const write = { tenantId, key: keyAt(5), value: bytes("beside"), vectorClock: clock("d", 1n) };
    await source.client.write(write);
    await source.client.delete({ tenantId, key: keyAt(6), vectorClock: clock("c", 2n) });
    source.clock.advance(5000);
    target.clock.advance(50_000);
    const answer = await source.client.replicateData({ tenantId, targetNodeId: "target" });
    expect(answer).toMatchObject({ success: true, keysReplicated: 300n, errorMessage: "", errorCode: 0 });
    const held = await holdings(source.client, tenantId);
    expect(held.length).toBe(301);
    expect(await holdings(target.client, tenantId)).toEqual(held);
    // Once more: nothing changes.
    expect((await source.client.replicateData({ tenantId, targetNodeId: "target" })).keysReplicated).toBe(
      300n,
    );
    expect(await holdings(target.client, tenantId)).toEqual(held);
  });

  test("what is newer there stays", async () => {
    const tenantId = "newer";
    await fill(tenantId, 2);
    const newer = { tenantId, key: keyAt(0), value: bytes("newer"), vectorClock: clock("c", 2n) };
    await target.client.write(newer);
    await source.client.replicateData({ tenantId, targetNodeId: "target" });
    expect((await target.client.read({ tenantId, key: keyAt(0) })).value).toEqual(bytes("newer"));
  });
});

test("a peer tells the checksums and digests of what it holds", async () => {
  const tenantId = "compared";
  await fill(tenantId, 50);
  await source.client.replicateData({ tenantId, targetNodeId: "target", keys: [keyAt(1), keyAt(2)] });
  const peer = await source.peers.connect({ nodeId: "target" });
  const buckets = new HashBuckets(new HashRanges([wholeRing]), 4);
  const options = { signal: never, timeoutMs: 60_000 };
  const checksums = await peer.rangeChecksums(buckets, 1, options);
  expect(checksums.bucketCount).toBe(4);
  const digests = await Array.fromAsync(peer.rangeDigests(buckets, new Uint8Array(4).fill(1), 1, options));
  const keys = digests.flatMap((chunk) => chunk.keys);
  expect(keys.length).toBe(checksums.recordCount);
  expect(keys).toContain(`${tenantId}:${keyAt(1)}`);
  expect(keys).toEqual(keys.toSorted());
  const ofOne = await Array.fromAsync(peer.rangeDigests(buckets, Uint8Array.of(0, 1, 0, 0), 1, options));
  const keysOfOne = ofOne.flatMap((chunk) => chunk.keys);
  expect(keysOfOne.length).toBeLessThan(keys.length);
  expect(await Array.fromAsync(peer.rangeDigests(buckets, new Uint8Array(4), 1, options))).toEqual([]);
  peer.close();
  const closed = peer.rangeChecksums(buckets, 1, options);
  expect(closed).rejects.toMatchObject({ code: "UNAVAILABLE" });
});
