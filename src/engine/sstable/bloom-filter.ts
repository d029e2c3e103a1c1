/**
 * Bloom filter over whole keys: says "certainly absent" or "perhaps there".
 *
 * Content of the block: one byte, the number of probes, then the bits, bit i in byte i / 8 at position i % 8.
 *
 * A key sets the bits (x >> 1) mod bitCount for x = first, first + step, first + 2 · step, … (modulo 2^32), one
 * for each probe, where `first` and `step` are the two hashes of `KeyHash`. The halving keeps the remainder in
 * 31-bit integers, which this runtime divides natively.
 *
 * Invariant: a key that was added is always found. So the hashes are part of the format and never change.
 */
import { corruption } from "../../base/errors.ts";
import type { GrowableBytes } from "../../base/growable-bytes.ts";
import { sealBlock, trailerSizeBytes } from "./format.ts";

const maxProbeCount = 30;
const headerSizeBytes = 1;

/**
 * Two 32-bit hashes of a key in one pass, kept in the object so that no look-up allocates. The key is read in
 * little-endian words of four bytes, the last one filled up with zeros; the length goes into the start values,
 * so that such zeros make a difference.
 */
export class KeyHash {
  first = 0;
  /** Odd, so that the probes visit different bits. */
  step = 0;

  of(bytes: Uint8Array, start: number, length: number): void {
    let a = length ^ 0x5bd1e995;
    let b = Math.imul(length + 1, 0x27d4eb2f);
    const end = start + length;
    const wordsEnd = end - (length & 3);
    for (let i = start; i < wordsEnd; i += 4) {
      const word = bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24);
      a = Math.imul(a ^ word, 0x9e3779b1);
      a ^= a >>> 15;
      b = Math.imul(b + word, 0x85ebca77);
      b ^= b >>> 13;
    }
    if (wordsEnd < end) {
      let word = 0;
      for (let i = end - 1; i >= wordsEnd; i--) word = (word << 8) | bytes[i]!;
      a = Math.imul(a ^ word, 0x9e3779b1);
      a ^= a >>> 15;
      b = Math.imul(b + word, 0x85ebca77);
      b ^= b >>> 13;
    }
    this.first = mix(a);
    this.step = mix(b) | 1;
  }
}

/** Spreads every input bit over all output bits. */
function mix(hash: number): number {
  hash = Math.imul(hash ^ (hash >>> 16), 0x7feb352d);
  hash = Math.imul(hash ^ (hash >>> 15), 0x846ca68b);
  return hash ^ (hash >>> 16);
}

/** Collects the hashes of a table's keys, eight bytes each, and sizes the filter when their number is known. */
export class BloomFilterBuilder {
  readonly #bitsPerKey: number;
  readonly #probeCount: number;
  readonly #hash = new KeyHash();
  #hashes = new Int32Array(2048);
  #keyCount = 0;

  constructor(falsePositiveRate: number) {
    this.#bitsPerKey = -Math.log(falsePositiveRate) / Math.LN2 ** 2;
    this.#probeCount = Math.min(maxProbeCount, Math.max(1, Math.round(this.#bitsPerKey * Math.LN2)));
  }

  /** Of the whole block, trailer included. */
  get sizeBytes(): number {
    return headerSizeBytes + this.#bitCount / 8 + trailerSizeBytes;
  }

  add(bytes: Uint8Array, start: number, length: number): void {
    const at = 2 * this.#keyCount++;
    if (at === this.#hashes.length) {
      const grown = new Int32Array(2 * at);
      grown.set(this.#hashes);
      this.#hashes = grown;
    }
    this.#hash.of(bytes, start, length);
    this.#hashes[at] = this.#hash.first;
    this.#hashes[at + 1] = this.#hash.step;
  }

  appendTo(output: GrowableBytes): void {
    const start = output.length;
    const bitCount = this.#bitCount;
    const bits = new Uint8Array(bitCount / 8);
    for (let i = 0; i < 2 * this.#keyCount; i += 2) {
      let probe = this.#hashes[i]!;
      const step = this.#hashes[i + 1]!;
      for (let n = 0; n < this.#probeCount; n++) {
        const bit = (probe >>> 1) % bitCount;
        bits[bit >>> 3]! |= 1 << (bit & 7);
        probe = (probe + step) | 0;
      }
    }
    output.appendByte(this.#probeCount);
    output.appendRange(bits, 0, bits.length);
    sealBlock(output, start);
  }

  get #bitCount(): number {
    return 8 * Math.ceil((this.#keyCount * this.#bitsPerKey) / 8);
  }
}

/** The filter in place: it reads the block's content where it lies and copies nothing. */
export class BloomFilter {
  readonly probeCount: number;
  readonly bitCount: number;
  readonly #content: Uint8Array;
  readonly #hash = new KeyHash();

  /** Over the content of the filter block at `offset` of `file`. */
  constructor(file: string, offset: number, content: Uint8Array) {
    this.#content = content;
    this.probeCount = content[0] ?? 0;
    this.bitCount = 8 * (content.length - headerSizeBytes);
    if (this.probeCount < 1 || this.probeCount > maxProbeCount || this.bitCount < 8) {
      const message = `a filter of ${this.bitCount} bits and ${this.probeCount} probes is impossible`;
      throw corruption(file, offset, message);
    }
  }

  /** False: the key was certainly not added. */
  mayContain(bytes: Uint8Array, start: number, length: number): boolean {
    this.#hash.of(bytes, start, length);
    let probe = this.#hash.first;
    const step = this.#hash.step;
    const content = this.#content;
    const bitCount = this.bitCount;
    for (let n = this.probeCount; n > 0; n--) {
      const bit = (probe >>> 1) % bitCount;
      if ((content[headerSizeBytes + (bit >>> 3)]! & (1 << (bit & 7))) === 0) return false;
      probe = (probe + step) | 0;
    }
    return true;
  }
}
