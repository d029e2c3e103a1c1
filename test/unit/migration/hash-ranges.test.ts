import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { HashBuckets, maxBuckets } from "../../../src/migration/hash-buckets.ts";
import { HashRanges, highOf, lowOf, maxHashRanges, wholeRing } from "../../../src/migration/hash-ranges.ts";
import { isInRange, ringSize, someHash, someRanges } from "../../support/hash-ranges.ts";

const invalid = (message: string) =>
  expect.objectContaining({ code: "INVALID_ARGUMENT", message: expect.stringContaining(message) });

function bucketOf(buckets: HashBuckets, hash: bigint): number {
  return buckets.indexOf(highOf(hash), lowOf(hash));
}

describe("hash ranges", () => {
  test("a hash lies in the range that its definition says", () => {
    fc.assert(
      fc.property(someRanges, someHash, (ranges, hash) => {
        const found = new HashRanges(ranges);
        const hashes = [hash, ...ranges.flatMap(({ start, end }) => [start, start + 1n, end, end - 1n])];
        for (const each of hashes.map((value) => BigInt.asUintN(64, value))) {
          expect(found.indexOfHash(each)).toBe(ranges.findIndex((range) => isInRange(each, range)));
        }
      }),
    );
  });

  test("the whole ring has every hash, wherever it starts", () => {
    for (const start of [0n, 7n, ringSize - 1n]) {
      const ranges = new HashRanges([{ start, end: start }]);
      for (const hash of [0n, 6n, 7n, 8n, ringSize - 1n]) expect(ranges.indexOfHash(hash)).toBe(0);
    }
  });

  test("ranges that overlap are refused, ranges that meet are not", () => {
    const overlap = [
      [
        { start: 0n, end: 10n },
        { start: 9n, end: 20n },
      ],
      [
        { start: 5n, end: 10n },
        { start: 5n, end: 10n },
      ],
      [
        { start: ringSize - 5n, end: 5n },
        { start: 4n, end: 6n },
      ],
      [wholeRing, { start: 1n, end: 2n }],
    ];
    for (const ranges of overlap) expect(() => new HashRanges(ranges)).toThrow(invalid("overlap"));
    const meeting = new HashRanges([
      { start: ringSize - 5n, end: 5n },
      { start: 5n, end: 6n },
    ]);
    expect([4n, 5n, 6n].map((hash) => meeting.indexOfHash(hash))).toEqual([0, 1, -1]);
  });

  test("none, too many, and bounds outside of the ring are refused", () => {
    expect(() => new HashRanges([])).toThrow(invalid("no hash range"));
    const many = Array.from({ length: maxHashRanges + 1 }, (_, i) => ({
      start: BigInt(2 * i),
      end: BigInt(2 * i + 1),
    }));
    expect(() => new HashRanges(many)).toThrow(invalid("at most 4096"));
    expect(new HashRanges(many.slice(1)).indexOfHash(2n)).toBe(0);
    for (const range of [
      { start: -1n, end: 5n },
      { start: 0n, end: ringSize },
    ]) {
      expect(() => new HashRanges([range])).toThrow(invalid("leaves the ring"));
    }
  });
});

describe("buckets", () => {
  test("a hash belongs to bucket (hash - start) >> shift of its range", () => {
    fc.assert(
      fc.property(someRanges, someHash, fc.constantFrom(0, 1, 2, 64, 1024), (some, hash, perRange) => {
        const ranges = new HashRanges(some);
        const buckets = new HashBuckets(ranges, perRange);
        const range = ranges.indexOfHash(hash);
        if (range < 0) return expect(bucketOf(buckets, hash)).toBe(-1);
        const { start, end } = some[range]!;
        const size = start === end ? ringSize : BigInt.asUintN(64, end - start);
        let shift = 0n;
        while ((size - 1n) >> shift >= BigInt(buckets.perRange)) shift++;
        const wanted = Number(BigInt.asUintN(64, hash - start) >> shift);
        expect(bucketOf(buckets, hash)).toBe(range * buckets.perRange + wanted);
      }),
    );
  });

  test("those of the whole ring go by the uppermost bits, and a narrow range fills its own evenly", () => {
    const ring = new HashBuckets(new HashRanges([wholeRing]));
    expect([ring.perRange, ring.count]).toEqual([1024, 1024]);
    expect(bucketOf(ring, 0x0040_0000_0000_0000n)).toBe(1);
    expect(bucketOf(ring, ringSize - 1n)).toBe(1023);
    const narrow = new HashBuckets(new HashRanges([{ start: ringSize - 2048n, end: 2048n }]));
    const counts = new Map<number, number>();
    for (let hash = -2048n; hash < 2048n; hash++) {
      const bucket = bucketOf(narrow, BigInt.asUintN(64, hash));
      counts.set(bucket, (counts.get(bucket) ?? 0) + 1);
    }
    expect([counts.size, ...new Set(counts.values())]).toEqual([1024, 4]);
  });

  test("their number has a bound, and is a power of two", () => {
    const ranges = new HashRanges(
      Array.from({ length: 200 }, (_, i) => ({ start: BigInt(i), end: BigInt(i + 1) })),
    );
    expect(new HashBuckets(ranges).perRange).toBe(512);
    expect(() => new HashBuckets(ranges, 1024)).toThrow(invalid(`at most ${maxBuckets}`));
    for (const count of [3, 2048, 1.5]) {
      expect(() => new HashBuckets(ranges, count)).toThrow(invalid("a power of two"));
    }
  });
});
