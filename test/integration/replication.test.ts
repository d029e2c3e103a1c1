/** ReplicateData between nodes that listen: what arrives, and what a target of another make is told. */
import { afterAll, describe, expect, test } from "bun:test";
import { createServer } from "node:http2";
import type { AddressInfo } from "node:net";
import { Code, ConnectError, type ServiceImpl } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { Slice } from "../../src/base/bytes.ts";
import {
  ErrorDetailsSchema,
  type RepairRequest,
  StorageNodeService,
} from "../../src/gen/storage/storage_node_pb.ts";
import { HashBuckets } from "../../src/migration/hash-buckets.ts";
import { HashRanges, wholeRing } from "../../src/migration/hash-ranges.ts";
import { PeerDirectory } from "../../src/peers/peer-directory.ts";
import { type HostAndPort, TargetPolicy } from "../../src/peers/target-policy.ts";
import { clockFrom } from "../../src/versions/vector-clock.ts";
import { failureOf, grpcClient, type StorageClient } from "../support/rpc-clients.ts";
import { testNode } from "../support/test-node.ts";
import { startTestServer, type TestServerOptions } from "../support/test-server.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const clock = (nodeId: string, timestamp: bigint) => ({
  entries: [{ coordinatorNodeId: nodeId, logicalTimestamp: timestamp }],
});
const keyAt = (i: number) => `k${String(i).padStart(5, "0")}`;

const testVersion = {
  clock: clockFrom([{ nodeId: "c", timestamp: 1n }]),
  timestampSeconds: 1,
  isTombstone: false,
  value: new Slice(bytes("v")),
};
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

/** A node of another make, with these methods alone. */
async function startForeignNode(
  service: Partial<ServiceImpl<typeof StorageNodeService>>,
): Promise<HostAndPort> {
  const server = createServer(
    connectNodeAdapter({ routes: (router) => void router.service(StorageNodeService, service) }),
  );
  afterAll(() => void server.close());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { host: "127.0.0.1", port: (server.address() as AddressInfo).port };
}

/** What ReplicateData failed with: status, message, details. */
async function failure(request: Parameters<StorageClient["replicateData"]>[0]) {
  const error = ConnectError.from(await failureOf(source.client.replicateData(request)));
  const [details] = error.findDetails(ErrorDetailsSchema);
  return { status: Code[error.code], message: error.rawMessage, details: details?.details };
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

describe("to an existing node, which knows no batches", () => {
  test("each live key goes by Repair, as its highest-ranked version; the rest is counted and named", async () => {
    const tenantId = "existing";
    const repairs: RepairRequest[] = [];
    let batchCalls = 0;
    const place = await startForeignNode({
      repair: (request) => {
        repairs.push(request);
        return { success: true };
      },
      batchWrite: () => {
        batchCalls++;
        throw new ConnectError("unknown method BatchWrite", Code.Unimplemented);
      },
    });
    source.known.set("existing", place);
    await fill(tenantId, 100);
    for (const key of [keyAt(3), keyAt(4)]) {
      await source.client.delete({ tenantId, key, vectorClock: clock("c", 2n) });
    }
    const beside = { tenantId, key: keyAt(7), value: bytes("beside"), vectorClock: clock("d", 9n) };
    await source.client.write(beside);
    const answer = await source.client.replicateData({ tenantId, targetNodeId: "existing" });
    expect(answer).toMatchObject({
      success: true,
      keysReplicated: 98n,
      deletedKeysNotSent: 2n,
      deletedKeys: [keyAt(3), keyAt(4)],
      siblingsNotSent: 1n,
      errorMessage: `the target knows no BatchWrite, so it was not told of 2 deleted keys ("${keyAt(3)}", "${keyAt(4)}") and 1 siblings`,
    });
    expect(repairs.length).toBe(98);
    const sent = repairs.find(({ key }) => key === keyAt(7));
    expect(new TextDecoder().decode(sent?.value)).toBe("beside");
    expect(sent?.vectorClock?.entries.map((entry) => entry.coordinatorNodeId)).toEqual(["d"]);
    expect(batchCalls).toBe(1);
  });

  test("one that refuses a Repair in its answer is tried again, and then it has failed", async () => {
    const tenantId = "refused";
    let refusals = 2;
    const place = await startForeignNode({
      repair: () => (refusals-- > 0 ? { success: false, errorMessage: "not now" } : { success: true }),
    });
    source.known.set("refusing", place);
    await fill(tenantId, 1);
    const replicated = source.client.replicateData({ tenantId, targetNodeId: "refusing" });
    expect((await replicated).keysReplicated).toBe(1n);
  });

  test("something that knows neither is told so", async () => {
    source.known.set("nothing", await startForeignNode({}));
    await fill("nothing", 1);
    expect(await failure({ tenantId: "nothing", targetNodeId: "nothing" })).toMatchObject({
      status: "InvalidArgument",
      message: expect.stringContaining("does not know Repair"),
    });
  });
});

describe("a target with lower limits", () => {
  test("gets smaller batches", async () => {
    const small = await startNode({
      node: testNode({ batchLimits: { maxEntries: 7, maxBytes: 1 << 20 } }),
    });
    source.known.set("small", { host: "127.0.0.1", port: small.port });
    await fill("smaller", 100);
    const answer = await source.client.replicateData({ tenantId: "smaller", targetNodeId: "small" });
    expect(answer.keysReplicated).toBe(100n);
    expect(await holdings(small.client, "smaller")).toEqual(await holdings(source.client, "smaller"));
  });

  test("gets a key in parts where it does not fit a message, and what fits in no way is named", async () => {
    const tenantId = "large";
    const small = await startNode({ settings: { maxMessageBytes: 64 * 1024 } });
    source.known.set("short", { host: "127.0.0.1", port: small.port });
    const value = new Uint8Array(50 * 1024);
    for (const nodeId of ["c", "d", "e"]) {
      await source.client.write({ tenantId, key: "siblings", value, vectorClock: clock(nodeId, 1n) });
    }
    expect((await source.client.replicateData({ tenantId, targetNodeId: "short" })).keysReplicated).toBe(1n);
    expect((await holdings(small.client, tenantId)).length).toBe(3);
    const tooLarge = {
      tenantId,
      key: "value",
      value: new Uint8Array(70 * 1024),
      vectorClock: clock("c", 1n),
    };
    await source.client.write(tooLarge);
    expect(await failure({ tenantId, targetNodeId: "short" })).toMatchObject({
      status: "InvalidArgument",
      message: expect.stringContaining('the key "value" of the tenant "large" does not fit a call'),
    });
  });
});

describe("bad input", () => {
  test.each([
    [{ tenantId: "bad", targetNodeId: "nobody" }, "InvalidArgument", 'the node "nobody" is not known'],
    [{ tenantId: "bad", targetNodeId: "" }, "InvalidArgument", "node id is empty"],
    [{ tenantId: "bad", targetNodeId: "node-1" }, "InvalidArgument", "is this node itself"],
    [{ tenantId: "bad", targetNodeId: "itself" }, "InvalidArgument", "is this node itself"],
    [{ tenantId: "bad", targetNodeId: "metadata" }, "PermissionDenied", "a link-local address"],
    [
      { tenantId: "bad", targetNodeId: "target", keyRangeStart: "b", keyRangeEnd: "a" },
      "InvalidArgument",
      "behind its end",
    ],
    [
      { tenantId: "bad", targetNodeId: "target", keyRangeStart: "b", keys: ["k"] },
      "InvalidArgument",
      "both keys and a range",
    ],
    [{ tenantId: "a:b", targetNodeId: "target" }, "InvalidArgument", '":"'],
    [{ tenantId: "", targetNodeId: "target" }, "InvalidArgument", "tenant id is empty"],
    [{ tenantId: "bad", targetNodeId: "target", keys: ["\u0000"] }, "InvalidArgument", "keys[0]"],
  ])("%j is %s", async (request, status, message) => {
    source.known.set("metadata", { host: "169.254.169.254", port: 80 });
    expect(await failure(request)).toMatchObject({ status, message: expect.stringContaining(message) });
  });

  test("an empty range, and keys that are not there, are nothing to replicate", async () => {
    for (const selection of [{ keyRangeStart: "b", keyRangeEnd: "b" }, { keys: ["none"] }, {}]) {
      const answer = await source.client.replicateData({
        tenantId: "empty",
        targetNodeId: "target",
        ...selection,
      });
      expect(answer).toMatchObject({ success: true, keysReplicated: 0n });
    }
  });
});

test("a target that is down is tried until it is there", async () => {
  const tenantId = "down";
  await fill(tenantId, 3);
  const listener = createServer();
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  const { port } = listener.address() as AddressInfo;
  await new Promise((resolve) => listener.close(resolve));
  source.known.set("late", { host: "127.0.0.1", port });
  const peer = await source.peers.connect({ nodeId: "late" });
  const refused = peer.writeReplicated([], { signal: never, timeoutMs: 60_000 });
  expect((await refused).keysWritten).toBe(0);
  const record = { tenantId, key: "k", versions: [testVersion] };
  expect(peer.writeReplicated([record], { signal: never, timeoutMs: 60_000 })).rejects.toMatchObject({
    code: "UNAVAILABLE",
    message: expect.stringContaining(`the node "late" at 127.0.0.1:${port} cannot be called`),
  });
  const replicated = source.client.replicateData({ tenantId, targetNodeId: "late" });
  await Bun.sleep(50);
  const late = await startNode({ settings: { grpcPort: port } });
  expect((await replicated).keysReplicated).toBe(3n);
  expect((await holdings(late.client, tenantId)).length).toBe(3);
  peer.close();
}, 60_000);

test("a call that its caller gives up ends the work for it", async () => {
  let calls = 0;
  const stalled = Promise.withResolvers<void>();
  const place = await startForeignNode({
    batchWrite: async (_, { signal }) => {
      calls++;
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      stalled.resolve();
      return {};
    },
  });
  source.known.set("stalled", place);
  await fill("stalled", 3);
  const request = { tenantId: "stalled", targetNodeId: "stalled" };
  const call = source.client.replicateData(request, { timeoutMs: 200 });
  expect(ConnectError.from(await failureOf(call)).code).toBe(Code.DeadlineExceeded);
  await stalled.promise;
  expect(calls).toBe(1);
});
