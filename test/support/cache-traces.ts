/** Sequences of key numbers that caches are compared on; deterministic by their seed. */
import { type Random, seededRandom } from "../../src/platform/random.ts";

export interface TraceSize {
  readonly keyCount: number;
  /** Entries that the compared caches hold. */
  readonly cachedCount: number;
  readonly requestCount: number;
}

export type Trace = (size: TraceSize, seed: number) => Uint32Array;

const zipfExponent = 0.99;

/** Draws ranks from 0, the most frequent, by Zipf's law. */
export class ZipfRanks {
  readonly #random: Random;
  readonly #cumulative: Float64Array;

  constructor(rankCount: number, random: Random) {
    this.#random = random;
    this.#cumulative = new Float64Array(rankCount);
    let sum = 0;
    for (let rank = 0; rank < rankCount; rank++) {
      sum += 1 / (rank + 1) ** zipfExponent;
      this.#cumulative[rank] = sum;
    }
  }

  draw(): number {
    const cumulative = this.#cumulative;
    const target = (this.#random.uint32() / 2 ** 32) * cumulative[cumulative.length - 1]!;
    let low = 0;
    let high = cumulative.length - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (cumulative[middle]! < target) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

export const zipf: Trace = ({ keyCount, requestCount }, seed) => {
  const ranks = new ZipfRanks(keyCount, seededRandom(seed));
  return Uint32Array.from({ length: requestCount }, () => ranks.draw());
};

/** Zipf, and every now and then a scan over more keys than the cache holds: two in five requests in all. */
export const scanPollutedZipf: Trace = ({ keyCount, cachedCount, requestCount }, seed) => {
  const ranks = new ZipfRanks(keyCount, seededRandom(seed));
  const scanLength = 2 * cachedCount;
  const period = 5 * cachedCount;
  let scanned = 0;
  return Uint32Array.from({ length: requestCount }, (_, i) =>
    i % period < scanLength ? keyCount + (scanned++ % (4 * keyCount)) : ranks.draw(),
  );
};

/** Zipf over keys of which others become the frequent ones, all at once, every 20 cache sizes. */
export const shiftingHotSet: Trace = ({ keyCount, cachedCount, requestCount }, seed) => {
  const ranks = new ZipfRanks(keyCount, seededRandom(seed));
  const period = 20 * cachedCount;
  const shift = 7 * cachedCount;
  return Uint32Array.from(
    { length: requestCount },
    (_, i) => (ranks.draw() + Math.floor(i / period) * shift) % keyCount,
  );
};

/** Each key is new once and asked for again soon after: what recency predicts and frequency does not. */
export const recent: Trace = ({ cachedCount, requestCount }, seed) => {
  const random = seededRandom(seed);
  let newest = 0;
  return Uint32Array.from({ length: requestCount }, () => {
    if (random.uint32() % 3 === 0) return newest++;
    const age = random.uint32() % Math.ceil(0.8 * cachedCount);
    return Math.max(0, newest - age);
  });
};

/** The others in turn, with keys of their own, each long enough to be learned. */
export const mixed: Trace = (size, seed) => {
  const phases = [zipf, recent, scanPollutedZipf, shiftingHotSet];
  const phaseSize = { ...size, requestCount: Math.floor(size.requestCount / phases.length) };
  const trace = new Uint32Array(phaseSize.requestCount * phases.length);
  phases.forEach((phase, number) => {
    const part = phase(phaseSize, seed + number).map((key) => key + (phase === recent ? 2 ** 30 : 0));
    trace.set(part, number * phaseSize.requestCount);
  });
  return trace;
};
