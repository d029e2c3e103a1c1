import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import fc from "fast-check";
import { RangeChecksums } from "../../../src/migration/range-checksums.ts";
import type { StorageNode } from "../../../src/node/storage-node.ts";
import { encodeClock, encodedClockLength } from "../../../src/versions/clock-encoding.ts";
import type { ClockEntry } from "../../../src/versions/vector-clock.ts";
import { bytesOf, clock, entries } from "../../support/arbitrary-versions.ts";
import { bucketOfKey, bucketsOf, checksumsOf, digestsOf } from "../../support/range-checksums.ts";
import { gcGraceMs, testNode } from "../../support/test-node.ts";

const someDigest = fc.uint8Array({ minLength: 16, maxLength: 16 });

function sumOf(checksums: RangeChecksums, bucket: number): bigint {
  return BigInt(
    `0x${checksums
      .pack()
      .slice(20 * bucket + 4, 20 * (bucket + 1))
      .toHex()}`,
  );
}

describe("a bucket", () => {
  test("holds the count and the sum modulo 2^128, in whatever order the digests come", () => {
    fc.assert(
      fc.property(fc.array(someDigest, { maxLength: 20 }), fc.array(fc.nat()), (digests, order) => {
        const shuffled = [...digests].sort((a, b) => (order[a[0]!] ?? a[1]!) - (order[b[0]!] ?? b[1]!));
        const [one, other] = [new RangeChecksums(2), new RangeChecksums(2)];
        for (const digest of digests) one.add(1, digest);
        for (const digest of shuffled) other.add(1, digest);
        expect(one.differingFrom(other)).toEqual([]);
        const sum = digests.reduce((before, digest) => before + BigInt(`0x${digest.toHex()}`), 0n);
        expect(sumOf(one, 1)).toBe(BigInt.asUintN(128, sum));
        expect([one.recordCount, sumOf(one, 0)]).toEqual([digests.length, 0n]);
        expect(RangeChecksums.unpack(one.pack(), 2).differingFrom(one)).toEqual([]);
      }),
    );
  });

  test("differs by its count alone, or by any byte of its sum", () => {
    const one = new RangeChecksums(3);
    one.add(1, new Uint8Array(16));
    expect(one.differingFrom(new RangeChecksums(3))).toEqual([1]);
    for (let i = 0; i < 16; i++) {
      const other = new RangeChecksums(3);
      other.add(1, new Uint8Array(16).fill(1, i, i + 1));
      expect(other.differingFrom(one)).toEqual([1]);
    }
  });

  test("is not read from bytes of another length", () => {
    expect(() => RangeChecksums.unpack(new Uint8Array(39), 2)).toThrow(
      expect.objectContaining({ code: "INVALID_ARGUMENT" }),
    );
  });
});

describe("a digest", () => {
  test("is the start of SHA-256 over the key's, and flag, lengths, clock and value of each version", async () => {
    const { node } = testNode();
    await node.write("t", "k", bytesOf("right"), entries({ a: 1, b: 1 }));
    await node.write("t", "k", bytesOf(""), entries({ c: 1 }));
    await node.delete("t", "k", entries({ d: 1 }));
    const version = (flag: number, clockOf: ReturnType<typeof clock>, value: string) => {
      const clockBytes = Buffer.alloc(encodedClockLength(clockOf));
      encodeClock(clockOf, clockBytes, 0);
      return Buffer.concat([
        Buffer.of(flag, clockBytes.length, value.length),
        clockBytes,
        Buffer.from(value),
      ]);
    };
    const wanted = createHash("sha256")
      .update(createHash("sha256").update("t:k").digest())
      .update(version(0, clock({ a: 1, b: 1 }), "right"))
      .update(version(0, clock({ c: 1 }), ""))
      .update(version(1, clock({ d: 1 }), ""));
    expect(await digestsOf(node)).toEqual([["t:k", wanted.digest("hex").slice(0, 32)]]);
  });

  test("is the same of a record that takes several turns", async () => {
    const { node } = testNode();
    const value = new Uint8Array(1_300_000).fill(7);
    await node.write("t", "large", value, entries({ a: 1 }));
    await node.write("t", "small", bytesOf("s"), entries({ a: 1 }));
    const clockOf = clock({ a: 1 });
    const clockBytes = Buffer.alloc(encodedClockLength(clockOf));
    encodeClock(clockOf, clockBytes, 0);
    const wanted = createHash("sha256")
      .update(createHash("sha256").update("t:large").digest())
      // 1,300,000 as a varint.
      .update(Buffer.of(0, clockBytes.length, 0xa0, 0xac, 0x4f))
      .update(clockBytes)
      .update(value);
    const digests = await digestsOf(node);
    expect(digests[0]).toEqual(["t:large", wanted.digest("hex").slice(0, 32)]);
    expect(digests[1]![0]).toBe("t:small");
    expect((await checksumsOf(node)).recordCount).toBe(2);
  });
});

/** Records of two tenants, with siblings and a tombstone. */
async function fill(node: StorageNode): Promise<void> {
  for (let i = 0; i < 300; i++) await node.write("t", `k${i}`, bytesOf(`v${i}`), entries({ c: 1 }));
  await node.write("u", "k1", bytesOf("other tenant"), entries({ c: 1 }));
  await node.write("t", "k1", bytesOf("sibling"), entries({ d: 1 }));
  await node.delete("t", "k2", entries({ c: 2 }));
}

describe("the checksums of a node", () => {
  type Change = readonly [what: string, change: (node: StorageNode) => Promise<unknown>, key: string];
  const change = (key: string, value: string, clockOf: ClockEntry[]) => (node: StorageNode) =>
    node.write("t", key, bytesOf(value), clockOf);
  const changes: Change[] = [
    ["a new record", change("new", "v", entries({ c: 1 })), "new"],
    ["another content", change("k7", "v8", entries({ c: 1 })), "k7"],
    ["another clock", change("k7", "v7", entries({ c: 2 })), "k7"],
    ["a further sibling", change("k1", "sibling", entries({ e: 1 })), "k1"],
    ["a sibling less", change("k1", "sibling", entries({ c: 1, d: 1 })), "k1"],
    ["a tombstone", (node) => node.delete("t", "k7", entries({ c: 2 })), "k7"],
    ["a later tombstone", (node) => node.delete("t", "k2", entries({ c: 3 })), "k2"],
    ["an empty value for a tombstone", change("k2", "", entries({ c: 2 })), "k2"],
  ];

  test.each(changes)("%s changes its bucket and no other", async (_, apply, key) => {
    const [one, other] = [testNode(), testNode()];
    await fill(one.node);
    await fill(other.node);
    await apply(other.node);
    const differing = (await checksumsOf(one.node)).differingFrom(await checksumsOf(other.node));
    expect(differing).toEqual([bucketOfKey("t", key)]);
  });

  test("times of arrival and deletion change nothing", async () => {
    const [one, other] = [testNode(), testNode()];
    await fill(one.node);
    other.clock.advance(5000);
    await fill(other.node);
    expect((await checksumsOf(one.node)).differingFrom(await checksumsOf(other.node))).toEqual([]);
    expect(await digestsOf(one.node)).toEqual(await digestsOf(other.node));
  });

  test("expired tombstones are left out, by the given time alone", async () => {
    const { node, clock: time } = testNode();
    await node.delete("t", "old", entries({ c: 1 }));
    await node.delete("t", "both", entries({ c: 1 }));
    const deletedAt = Math.floor(time.nowMs() / 1000);
    time.advance(10_000);
    await node.delete("t", "young", entries({ c: 1 }));
    await node.delete("t", "both", entries({ d: 1 }));
    await node.write("t", "live", bytesOf("v"), entries({ c: 1 }));
    const keysAt = async (deletedBeforeSeconds: number) =>
      (await digestsOf(node, { deletedBeforeSeconds })).map(([key]) => key);
    expect(await keysAt(deletedAt)).toEqual(["t:both", "t:live", "t:old", "t:young"]);
    expect(await keysAt(deletedAt + 1)).toEqual(["t:both", "t:live", "t:young"]);
    expect(await keysAt(deletedAt + 11)).toEqual(["t:live"]);
    expect((await checksumsOf(node, { deletedBeforeSeconds: deletedAt + 1 })).recordCount).toBe(3);
    time.advance(gcGraceMs);
    expect(node.deletedBeforeSeconds).toBe(deletedAt + 10);
  });

  test("cover the tenant and the ranges that are asked for", async () => {
    const { node } = testNode();
    await fill(node);
    expect((await checksumsOf(node)).recordCount).toBe(301);
    expect((await checksumsOf(node, { tenantId: "u" })).recordCount).toBe(1);
    const halves = [
      { start: 0n, end: 2n ** 63n },
      { start: 2n ** 63n, end: 0n },
    ];
    const both = (await checksumsOf(node, {}, bucketsOf(halves, 512))).pack();
    const ring = (await checksumsOf(node)).pack();
    expect(both.toHex()).toBe(ring.toHex());
    // The upper half and, wrapping around, the first quarter.
    const wrapping = await checksumsOf(node, {}, bucketsOf([{ start: 2n ** 63n, end: 2n ** 62n }], 1024));
    const quarter = await checksumsOf(node, {}, bucketsOf([{ start: 2n ** 62n, end: 2n ** 63n }], 1024));
    expect(wrapping.recordCount + quarter.recordCount).toBe(301);
    expect(quarter.recordCount).toBeGreaterThan(40);
  });
});

describe("a list of digests", () => {
  test("is in the order of the keys, of the wanted buckets, and goes on behind any key", async () => {
    const { node } = testNode();
    await fill(node);
    const all = await digestsOf(node);
    const keys = all.map(([key]) => key);
    expect(keys).toEqual([...keys].sort());
    expect(keys).toHaveLength(301);
    const bucket = bucketOfKey("t", "k7");
    const wanted = keys.filter((key) => bucketOfKey("t", key.slice(2)) === bucket && key.startsWith("t:"));
    expect((await digestsOf(node, { tenantId: "t" }, [bucket])).map(([key]) => key)).toEqual(wanted);
    const afterKey = new TextEncoder().encode(keys[122]);
    expect(await digestsOf(node, { afterKey })).toEqual(all.slice(123));
  });
});
