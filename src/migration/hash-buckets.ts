/**
 * The buckets into which hash ranges are cut, so that two nodes find what differs without telling each other all.
 *
 * Every range has the same number of buckets, a power of two up to 1,024. A hash belongs to bucket
 * `(hash - start) >> shift` of its range, where `shift` is the least by which every hash of the range gets a bucket: so
 * a range whose size is a power of two fills all of them evenly, and any other at least half, all but the last evenly.
 * Buckets are counted through: those of the first range come first.
 */
import { StorageError } from "../base/errors.ts";
import { type HashRange, type HashRanges, highOf, lowOf, rangeSize } from "./hash-ranges.ts";

export const maxBucketsPerRange = 1024;
/** Of all ranges together; their checksums take 2.5 MiB. */
export const maxBuckets = 128 * 1024;

export class HashBuckets {
  readonly ranges: HashRanges;
  readonly perRange: number;
  /** Of all ranges. */
  readonly count: number;
  readonly #startHigh: Uint32Array;
  readonly #startLow: Uint32Array;
  readonly #shift: Uint8Array;

  /** `perRange` 0: as many as there may be. Throws INVALID_ARGUMENT for a number that is not allowed. */
  constructor(hashRanges: HashRanges, perRange = 0) {
    const { ranges } = hashRanges;
    this.ranges = hashRanges;
    this.perRange = perRange === 0 ? mostPerRange(ranges.length) : perRange;
    this.count = ranges.length * this.perRange;
    checkCount(this.perRange, ranges.length);
    this.#startHigh = Uint32Array.from(ranges, ({ start }) => highOf(start));
    this.#startLow = Uint32Array.from(ranges, ({ start }) => lowOf(start));
    this.#shift = Uint8Array.from(ranges, (range) => shiftOf(range, this.perRange));
  }

  /** The bucket of the hash with these upper and lower 32 bits; -1 where it lies in no range. */
  indexOf(high: number, low: number): number {
    const range = this.ranges.indexOf(high, low);
    if (range < 0) return -1;
    const startLow = this.#startLow[range]!;
    const borrow = low < startLow ? 1 : 0;
    const offsetLow = (low - startLow) >>> 0;
    const offsetHigh = (high - this.#startHigh[range]! - borrow) >>> 0;
    return range * this.perRange + shiftRight(offsetHigh, offsetLow, this.#shift[range]!);
  }
}

/** Of a result below 2^32; a shift of JavaScript's own is only up to 31. */
function shiftRight(high: number, low: number, shift: number): number {
  if (shift === 64) return 0;
  if (shift >= 32) return high >>> (shift - 32);
  return shift === 0 ? low : ((high << (32 - shift)) | (low >>> shift)) >>> 0;
}

function shiftOf(range: HashRange, perRange: number): number {
  const lastOffset = rangeSize(range) - 1n;
  const bits = lastOffset === 0n ? 0 : lastOffset.toString(2).length;
  return Math.max(0, bits - Math.log2(perRange));
}

function mostPerRange(rangeCount: number): number {
  let perRange = maxBucketsPerRange;
  while (perRange * rangeCount > maxBuckets) perRange /= 2;
  return perRange;
}

function checkCount(perRange: number, rangeCount: number): void {
  if (!Number.isInteger(Math.log2(perRange)) || perRange < 1 || perRange > maxBucketsPerRange) {
    throw new StorageError(
      "INVALID_ARGUMENT",
      `bucket_count is ${perRange}; a power of two from 1 to ${maxBucketsPerRange} is allowed, or 0`,
    );
  }
  if (perRange * rangeCount > maxBuckets) {
    throw new StorageError(
      "INVALID_ARGUMENT",
      `${rangeCount} ranges with ${perRange} buckets each are too many; at most ${maxBuckets} buckets are allowed`,
    );
  }
}
