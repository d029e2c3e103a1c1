import fc from "fast-check";
import type { HashRange } from "../../src/migration/hash-ranges.ts";

export const ringSize = 2n ** 64n;

/** Hashes where bounds are found: close to each other, to the ends of the ring and to those of its halves. */
export const someHash: fc.Arbitrary<bigint> = fc.oneof(
  fc.bigInt({ min: 0n, max: ringSize - 1n }),
  fc.bigInt({ min: 0n, max: 6n }),
  fc.bigInt({ min: ringSize - 6n, max: ringSize - 1n }),
  fc.bigInt({ min: 2n ** 32n - 3n, max: 2n ** 32n + 3n }),
  fc.bigInt({ min: 2n ** 63n - 3n, max: 2n ** 63n + 3n }),
);

/** Ranges that do not overlap, in any order; the last may wrap around. */
export const someRanges: fc.Arbitrary<HashRange[]> = fc
  .uniqueArray(someHash, { minLength: 1, maxLength: 12 })
  .chain((bounds) => {
    const sorted = bounds.sort((a, b) => (a < b ? -1 : 1));
    const cut = sorted.map((start, i) => ({ start, end: sorted[(i + 1) % sorted.length]! }));
    return fc.shuffledSubarray(cut, { minLength: 1 });
  });

/** By the definition alone. */
export function isInRange(hash: bigint, { start, end }: HashRange): boolean {
  if (start === end) return true;
  return BigInt.asUintN(64, hash - start) < BigInt.asUintN(64, end - start);
}
