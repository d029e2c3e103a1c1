/** Times, medians and rounds. */
import { setImmediate as nextTurn } from "node:timers/promises";

/** Runs one round and gives its figure. */
export type Contestant = () => number | Promise<number>;

/** Operations a second. */
export async function rateOf(count: number, act: () => void | Promise<void>): Promise<number> {
  const startedMs = performance.now();
  await act();
  return (1000 * count) / (performance.now() - startedMs);
}

/** Takes turns, so that what else the machine does meets all alike; each one's median. */
export async function interleaved(
  roundCount: number,
  contestants: Readonly<Record<string, Contestant>>,
): Promise<Record<string, number>> {
  const figures = new Map<string, number[]>();
  for (let round = 0; round < roundCount; round++) {
    for (const [name, run] of Object.entries(contestants)) {
      Bun.gc(true);
      await nextTurn();
      const figure = await run();
      figures.set(name, [...(figures.get(name) ?? []), figure]);
      progress(`  round ${round + 1}, ${name}: ${rounded(figure)}`);
    }
  }
  return Object.fromEntries([...figures].map(([name, values]) => [name, median(values)]));
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1]!;
}

/** Share `part` (0 to 1) of the values lies at or below the answer. */
export function percentile(values: Float64Array, part: number): number {
  const sorted = values.slice().sort();
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))]!;
}

/** How long the event loop stood still at most: the longest time by which a timer of 1 ms came late. */
export class StallMeter {
  longestMs = 0;
  #lastMs = performance.now();
  readonly #timer = setInterval(() => this.#tick(), 1);

  /** Ends the measurement and gives the longest stall in ms. */
  stop(): number {
    this.#tick();
    clearInterval(this.#timer);
    return this.longestMs;
  }

  #tick(): void {
    const nowMs = performance.now();
    this.longestMs = Math.max(this.longestMs, nowMs - this.#lastMs - 1);
    this.#lastMs = nowMs;
  }
}

/** Three digits that count. */
export function rounded(figure: number): number {
  return figure >= 1000 ? Math.round(figure) : Number(figure.toPrecision(3));
}

/** For whoever watches; the results go to standard output. */
export function progress(line: string): void {
  console.error(line);
}
