/** Checksums of hash ranges and lists of digests, over every protocol on every port. */
import { afterAll, describe, expect, test } from "bun:test";
import { Code, ConnectError } from "@connectrpc/connect";
import { RangeChecksums } from "../../src/migration/range-checksums.ts";
import { bucketOfKey } from "../support/range-checksums.ts";
import { everyClient, failureOf } from "../support/rpc-clients.ts";
import { startTestServer } from "../support/test-server.ts";
import { bytes, clockOf } from "../support/wire-values.ts";

const server = await startTestServer();
const clients = everyClient(server);
afterAll(() => clients.forEach((client) => void client.close()));

const wholeRing = { startHash: 0n, endHash: 0n };
const halves = [
  { startHash: 0n, endHash: 2n ** 63n },
  { startHash: 2n ** 63n, endHash: 0n },
];

describe.each(clients.map(({ name, client }) => [name, client] as const))("%s", (name, client) => {
  const tenantId = `sums ${name}`.replaceAll(" ", "-");
  const keys = Array.from({ length: 1500 }, (_, i) => `k${String(i).padStart(5, "0")}`);

  test("sums and lists are of the records in the ranges", async () => {
    const entries = keys.map((key) => ({
      tenantId,
      key,
      value: bytes(key),
      vectorClock: clockOf("c", 1n),
    }));
    await client.batchWrite({ entries: entries.slice(0, 1000) });
    await client.batchWrite({ entries: entries.slice(1000) });
    const ring = await client.getRangeChecksum({ tenantId, keyRanges: [wholeRing] });
    expect([ring.bucketCount, ring.checksums.length, ring.sequenceNumber > 0n]).toEqual([1024, 20_480, true]);
    expect(RangeChecksums.unpack(ring.checksums, 1024).recordCount).toBe(keys.length);
    const both = await client.getRangeChecksum({ tenantId, keyRanges: halves, bucketCount: 512 });
    expect(Buffer.from(both.checksums).equals(ring.checksums)).toBe(true);

    const list = { tenantId, keyRanges: halves, bucketCount: 512 };
    const all = await Array.fromAsync(client.listRangeDigests(list));
    expect(all.flatMap((chunk) => chunk.keys)).toEqual(keys.map((key) => `${tenantId}:${key}`));
    for (const chunk of all) expect(chunk.digests.length).toBe(16 * chunk.keys.length);
    expect(all.length).toBeGreaterThan(1);
    const bucket = bucketOfKey(tenantId, keys[7]!);
    const [some] = await Array.fromAsync(client.listRangeDigests({ ...list, buckets: [bucket] }));
    const wanted = keys.filter((key) => bucketOfKey(tenantId, key) === bucket);
    expect(some!.keys).toEqual(wanted.map((key) => `${tenantId}:${key}`));
    const afterKey = `${tenantId}:${keys.at(-3)}`;
    const [last] = await Array.fromAsync(client.listRangeDigests({ ...list, afterKey }));
    expect(last!.keys).toEqual(keys.slice(-2).map((key) => `${tenantId}:${key}`));
  });

  test("without ranges there is nothing but the time before which deletions have expired", async () => {
    const { checksums, deletedBefore } = await client.getRangeChecksum({});
    expect([checksums.length, deletedBefore > 1_600_000_000n]).toEqual([0, true]);
    const given = await client.getRangeChecksum({ tenantId, keyRanges: [wholeRing], deletedBefore: 5n });
    expect(given.deletedBefore).toBe(5n);
  });

  const overlapping = [wholeRing, halves[0]!];
  test.each([
    ["a negative time", { deletedBefore: -1n }, "deleted_before is -1"],
    ["ranges that overlap", { keyRanges: overlapping }, "overlap"],
    ["a number of buckets that is no power of two", { bucketCount: 3 }, "bucket_count is 3"],
    ["a tenant that can be none", { tenantId: "a:b" }, "tenant id"],
  ])("%s is refused", async (_, request, message) => {
    const whole = { keyRanges: [wholeRing], ...request };
    const calls = [client.getRangeChecksum(whole), Array.fromAsync(client.listRangeDigests(whole))];
    for (const call of calls) {
      const failure = ConnectError.from(await failureOf(call));
      expect([failure.code, failure.rawMessage]).toEqual([
        Code.InvalidArgument,
        expect.stringContaining(message),
      ]);
    }
  });

  test("digests of no range, and of a bucket that is not there, are refused", async () => {
    for (const request of [{}, { keyRanges: [wholeRing], buckets: [1024] }]) {
      const call = Array.fromAsync(client.listRangeDigests(request));
      expect(ConnectError.from(await failureOf(call)).code).toBe(Code.InvalidArgument);
    }
  });
});
