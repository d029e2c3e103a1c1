/** How long things took, counted in buckets from a microsecond to ten seconds, in steps of about two and a half. */

/** Upper bounds; what took longer than the last one is in one more bucket. */
const boundsMs: readonly number[] = [
  ...Array.from({ length: 7 }, (_, decade) => [1, 2.5, 5].map((step) => (step * 10 ** decade) / 1000)).flat(),
  10_000,
];

export interface DurationDistribution {
  readonly boundsMs: readonly number[];
  /** By bucket, one more than bounds; not cumulative. */
  readonly counts: readonly number[];
  readonly count: number;
  readonly sumMs: number;
}

export class DurationHistogram {
  readonly #counts = new Float64Array(boundsMs.length + 1);
  #count = 0;
  #sumMs = 0;

  add(durationMs: number): void {
    let bucket = 0;
    while (bucket < boundsMs.length && durationMs > boundsMs[bucket]!) bucket++;
    this.#counts[bucket]!++;
    this.#count++;
    this.#sumMs += durationMs;
  }

  /** A copy of what was counted so far. */
  distribution(): DurationDistribution {
    return { boundsMs, counts: [...this.#counts], count: this.#count, sumMs: this.#sumMs };
  }
}
