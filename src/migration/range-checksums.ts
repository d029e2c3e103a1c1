/**
 * The checksums of the buckets of hash ranges: of each bucket, how many records it holds, and the sum of their digests
 * modulo 2^128. A sum does not depend on the order, so it is the same on two replicas however they came to their records.
 *
 * On the wire a bucket has 20 bytes, big-endian: count(u32) sum(16).
 */
import { assert, StorageError } from "../base/errors.ts";

export const packedBucketBytes = 20;
/** Words of 32 bits in a sum, the most significant first. */
const sumWords = 4;

export class RangeChecksums {
  readonly bucketCount: number;
  readonly #counts: Uint32Array;
  readonly #sums: Uint32Array;

  constructor(bucketCount: number) {
    this.bucketCount = bucketCount;
    this.#counts = new Uint32Array(bucketCount);
    this.#sums = new Uint32Array(bucketCount * sumWords);
  }

  /** From what `pack` gave. Throws INVALID_ARGUMENT where the bytes are not those of so many buckets. */
  static unpack(packed: Uint8Array, bucketCount: number): RangeChecksums {
    if (packed.length !== bucketCount * packedBucketBytes) {
      throw new StorageError(
        "INVALID_ARGUMENT",
        `the checksums of ${bucketCount} buckets have ${bucketCount * packedBucketBytes} bytes, not ${packed.length}`,
      );
    }
    const checksums = new RangeChecksums(bucketCount);
    const view = new DataView(packed.buffer, packed.byteOffset, packed.length);
    for (let bucket = 0; bucket < bucketCount; bucket++) {
      const position = bucket * packedBucketBytes;
      checksums.#counts[bucket] = view.getUint32(position);
      for (let word = 0; word < sumWords; word++) {
        checksums.#sums[bucket * sumWords + word] = view.getUint32(position + 4 + 4 * word);
      }
    }
    return checksums;
  }

  pack(): Uint8Array<ArrayBuffer> {
    const packed = new Uint8Array(this.bucketCount * packedBucketBytes);
    const view = new DataView(packed.buffer);
    for (let bucket = 0; bucket < this.bucketCount; bucket++) {
      const position = bucket * packedBucketBytes;
      view.setUint32(position, this.#counts[bucket]!);
      for (let word = 0; word < sumWords; word++) {
        view.setUint32(position + 4 + 4 * word, this.#sums[bucket * sumWords + word]!);
      }
    }
    return packed;
  }

  /** Counts a record in whose digest is the first 16 bytes of `digest`. */
  add(bucket: number, digest: Uint8Array): void {
    this.#counts[bucket]!++;
    let carry = 0;
    for (let word = sumWords - 1; word >= 0; word--) {
      const at = 4 * word;
      const low = (digest[at + 1]! << 16) | (digest[at + 2]! << 8) | digest[at + 3]!;
      const sum = this.#sums[bucket * sumWords + word]! + digest[at]! * 2 ** 24 + low + carry;
      this.#sums[bucket * sumWords + word] = sum;
      carry = sum >= 2 ** 32 ? 1 : 0;
    }
  }

  /** Of all buckets. */
  get recordCount(): number {
    let sum = 0;
    for (const count of this.#counts) sum += count;
    return sum;
  }

  /** The buckets, ascending, that do not hold the same there. The other's buckets are of the same ranges. */
  differingFrom(other: RangeChecksums): number[] {
    assert(other.bucketCount === this.bucketCount, "checksums that are compared have the same buckets");
    const differing: number[] = [];
    for (let bucket = 0; bucket < this.bucketCount; bucket++) {
      if (!this.#isEqual(other, bucket)) differing.push(bucket);
    }
    return differing;
  }

  #isEqual(other: RangeChecksums, bucket: number): boolean {
    if (this.#counts[bucket] !== other.#counts[bucket]) return false;
    for (let at = bucket * sumWords; at < (bucket + 1) * sumWords; at++) {
      if (this.#sums[at] !== other.#sums[at]) return false;
    }
    return true;
  }
}
