/**
 * Ranges of the ring of key hashes, and which of them a hash lies in.
 *
 * A range starts inclusive and ends exclusive. One that starts behind its end wraps around; one that starts where it ends
 * is the whole ring. Ranges that wrap are looked up as two segments; a segment names its last hash, since the one after
 * the last of the ring does not exist.
 *
 * Invariants:
 * 1. No two ranges overlap.
 * 2. Segments are sorted, so a hash can only lie in the last one that does not start behind it.
 */
import { StorageError } from "../base/errors.ts";

/** All in 0 to 2^64 - 1. */
export interface HashRange {
  /** Inclusive. */
  readonly start: bigint;
  /** Exclusive. */
  readonly end: bigint;
}

export const maxHashRanges = 4096;
const ringSize = 2n ** 64n;

export const wholeRing: HashRange = { start: 0n, end: 0n };

interface Segment {
  readonly first: bigint;
  readonly last: bigint;
  readonly rangeIndex: number;
}

export class HashRanges {
  /** In the order in which they were given. */
  readonly ranges: readonly HashRange[];
  readonly #firstHigh: Uint32Array;
  readonly #firstLow: Uint32Array;
  readonly #lastHigh: Uint32Array;
  readonly #lastLow: Uint32Array;
  readonly #rangeIndexes: Uint32Array;

  /** Throws INVALID_ARGUMENT for no range, more than `maxHashRanges`, a bound outside of the ring and an overlap. */
  constructor(ranges: readonly HashRange[]) {
    checkRanges(ranges);
    const segments = ranges.flatMap(segmentsOf).sort((a, b) => (a.first < b.first ? -1 : 1));
    checkDisjoint(segments, ranges);
    this.ranges = ranges;
    this.#firstHigh = Uint32Array.from(segments, ({ first }) => highOf(first));
    this.#firstLow = Uint32Array.from(segments, ({ first }) => lowOf(first));
    this.#lastHigh = Uint32Array.from(segments, ({ last }) => highOf(last));
    this.#lastLow = Uint32Array.from(segments, ({ last }) => lowOf(last));
    this.#rangeIndexes = Uint32Array.from(segments, ({ rangeIndex }) => rangeIndex);
  }

  /** The index of the range in which the hash with these upper and lower 32 bits lies; -1 where it lies in none. */
  indexOf(high: number, low: number): number {
    let found = -1;
    for (let from = 0, to = this.#rangeIndexes.length; from < to; ) {
      const middle = (from + to) >>> 1;
      if (isAtMost(this.#firstHigh[middle]!, this.#firstLow[middle]!, high, low)) {
        found = middle;
        from = middle + 1;
      } else to = middle;
    }
    if (found < 0 || !isAtMost(high, low, this.#lastHigh[found]!, this.#lastLow[found]!)) return -1;
    return this.#rangeIndexes[found]!;
  }

  /** As `indexOf`. */
  indexOfHash(hash: bigint): number {
    return this.indexOf(highOf(hash), lowOf(hash));
  }
}

/** How many hashes lie in the range. */
export function rangeSize({ start, end }: HashRange): bigint {
  return start === end ? ringSize : BigInt.asUintN(64, end - start);
}

export function highOf(hash: bigint): number {
  return Number(hash >> 32n);
}

export function lowOf(hash: bigint): number {
  return Number(BigInt.asUintN(32, hash));
}

function isAtMost(aHigh: number, aLow: number, bHigh: number, bLow: number): boolean {
  return aHigh === bHigh ? aLow <= bLow : aHigh < bHigh;
}

function segmentsOf({ start, end }: HashRange, rangeIndex: number): Segment[] {
  if (start < end) return [{ first: start, last: end - 1n, rangeIndex }];
  const upper = { first: start, last: ringSize - 1n, rangeIndex };
  return end === 0n ? [upper] : [upper, { first: 0n, last: end - 1n, rangeIndex }];
}

function checkRanges(ranges: readonly HashRange[]): void {
  if (ranges.length === 0) throw new StorageError("INVALID_ARGUMENT", "no hash range is given");
  if (ranges.length > maxHashRanges) {
    throw new StorageError(
      "INVALID_ARGUMENT",
      `${ranges.length} hash ranges are given; at most ${maxHashRanges} are allowed`,
    );
  }
  for (const range of ranges) {
    const { start, end } = range;
    if (start >= 0n && start < ringSize && end >= 0n && end < ringSize) continue;
    const message = `the hash range ${rangeText(range)} leaves the ring; bounds are 0 to ${ringSize - 1n}`;
    throw new StorageError("INVALID_ARGUMENT", message);
  }
}

function checkDisjoint(sorted: readonly Segment[], ranges: readonly HashRange[]): void {
  for (let i = 1; i < sorted.length; i++) {
    const { last, rangeIndex } = sorted[i - 1]!;
    const next = sorted[i]!;
    if (next.first > last) continue;
    const both = `${rangeText(ranges[rangeIndex]!)} and ${rangeText(ranges[next.rangeIndex]!)}`;
    throw new StorageError("INVALID_ARGUMENT", `the hash ranges ${both} overlap`);
  }
}

function rangeText({ start, end }: HashRange): string {
  return `[${start}, ${end})`;
}
