/**
 * The checksums of the buckets of hash ranges: of each bucket, how many records it holds, and the sum of their digests
 * modulo 2^128. A sum does not depend on the order, so it is the same on two replicas however they came to their records.
 *
 * On the wire a bucket has 20 bytes, big-endian: count(u32) sum(16).
 */
import { assert, StorageError } from "../base/errors.ts";

const packedBucketBytes = 20;
const maxWord = 0xffff_ffff;
/** A bucket in memory: its count, then the words of its sum, the most significant first; together for the processor's cache. */
const bucketWords = packedBucketBytes / 4;

export class RangeChecksums {
  readonly bucketCount: number;
  readonly #words: Uint32Array;

  constructor(bucketCount: number) {
    this.bucketCount = bucketCount;
    this.#words = new Uint32Array(bucketCount * bucketWords);
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
    const words = checksums.#words;
    for (let i = 0; i < words.length; i++) words[i] = view.getUint32(4 * i);
    return checksums;
  }

  pack(): Uint8Array<ArrayBuffer> {
    const words = this.#words;
    const packed = new Uint8Array(4 * words.length);
    const view = new DataView(packed.buffer);
    for (let i = 0; i < words.length; i++) view.setUint32(4 * i, words[i]!);
    return packed;
  }

  /** Counts a record in whose digest is the first 16 bytes of `digest`. */
  add(bucket: number, digest: Uint8Array): void {
    const words = this.#words;
    const start = bucket * bucketWords;
    words[start]!++;
    let carry = 0;
    for (let word = bucketWords - 1; word > 0; word--) {
      const at = 4 * (word - 1);
      const high = (digest[at]! << 8) | digest[at + 1]!;
      const summand = ((high << 16) | (digest[at + 2]! << 8) | digest[at + 3]!) >>> 0;
      const sum = words[start + word]! + summand + carry;
      words[start + word] = sum;
      carry = sum > maxWord ? 1 : 0;
    }
  }

  /** Of all buckets. */
  get recordCount(): number {
    let sum = 0;
    for (let i = 0; i < this.#words.length; i += bucketWords) sum += this.#words[i]!;
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
    for (let i = bucket * bucketWords; i < (bucket + 1) * bucketWords; i++) {
      if (this.#words[i] !== other.#words[i]) return false;
    }
    return true;
  }
}
