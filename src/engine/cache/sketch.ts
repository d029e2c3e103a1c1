/**
 * How often keys were asked for lately: a count-min sketch of 4-bit counters, with aging.
 *
 * A key has four counters, all in one block of 64 bytes (one cache line), one in each quarter of it; its estimate
 * is the smallest of them. Only counters at the smallest value are raised, which keeps keys that share some of them
 * apart for longer. Estimates end at 15: enough to tell keys that are worth their place from those that are not.
 *
 * Aging halves every counter once per `sampleSize` increments. A hand walks the blocks while keys are counted and
 * halves as it goes, so that no single operation pays for the whole table.
 */

/** 16 words of 8 counters. */
const blockWords = 16;
const quarterWords = blockWords / 4;
const largestCount = 15;
const halvedBits = 0x77777777;

export class FrequencySketch {
  readonly #words: Int32Array;
  readonly #blockMask: number;
  /** Word and shift of each of the four counters of the key at hand. */
  readonly #counterWords = new Int32Array(4);
  readonly #counterShifts = new Int32Array(4);
  /** The next block to halve, and what is due of it: halved at 1. */
  #hand = 0;
  #dueBlocks = 0;

  /** `sizeBytes`: a power of two, at least 64. */
  constructor(sizeBytes: number) {
    this.#words = new Int32Array(sizeBytes / 4);
    this.#blockMask = sizeBytes / 4 / blockWords - 1;
  }

  get sizeBytes(): number {
    return this.#words.byteLength;
  }

  /** 0 to 15. */
  estimate(hash: number): number {
    this.#locate(hash);
    return this.#smallest();
  }

  /** Counts one more request for a key, and ages the sketch by one of `sampleSize` parts. */
  increment(hash: number, sampleSize: number): void {
    this.#locate(hash);
    const smallest = this.#smallest();
    if (smallest < largestCount) this.#raise(smallest);
    this.#dueBlocks += (this.#blockMask + 1) / sampleSize;
    while (this.#dueBlocks >= 1) this.#halveNext();
  }

  #locate(hash: number): void {
    const spread = mix(hash);
    const block = (spread & this.#blockMask) * blockWords;
    const choice = mix(spread + 0x9e3779b9);
    for (let i = 0; i < 4; i++) {
      const bits = choice >>> (8 * i);
      this.#counterWords[i] = block + i * quarterWords + (bits & 3);
      this.#counterShifts[i] = ((bits >>> 2) & 7) << 2;
    }
  }

  #smallest(): number {
    let smallest = largestCount;
    for (let i = 0; i < 4; i++) {
      const count = (this.#words[this.#counterWords[i]!]! >>> this.#counterShifts[i]!) & largestCount;
      if (count < smallest) smallest = count;
    }
    return smallest;
  }

  #raise(smallest: number): void {
    for (let i = 0; i < 4; i++) {
      const word = this.#counterWords[i]!;
      const shift = this.#counterShifts[i]!;
      const count = (this.#words[word]! >>> shift) & largestCount;
      if (count === smallest) this.#words[word]! += 1 << shift;
    }
  }

  #halveNext(): void {
    const first = this.#hand * blockWords;
    for (let i = first; i < first + blockWords; i++) this.#words[i] = (this.#words[i]! >>> 1) & halvedBits;
    this.#hand = (this.#hand + 1) & this.#blockMask;
    this.#dueBlocks--;
  }
}

/** Spreads every input bit over all output bits. */
function mix(value: number): number {
  value = Math.imul(value ^ (value >>> 16), 0x7feb352d);
  value = Math.imul(value ^ (value >>> 15), 0x846ca68b);
  return value ^ (value >>> 16);
}
