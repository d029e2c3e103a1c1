/** How late the main thread comes to what is due: a timer that comes late was kept waiting by whatever held it. */
import type { Clock, Timer } from "../platform/clock.ts";

const probeIntervalMs = 100;
/** Of a minute, and a few more. */
const keptCount = 640;

/** Hears of each delay. */
export type LagListener = (lagMs: number) => void;

export class LagProbe {
  readonly #clock: Clock;
  /** The last ones, in a ring. */
  readonly #lagsMs = new Float64Array(keptCount);
  #probeCount = 0;
  #listener: LagListener = () => {};
  #timer: Timer | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#probe();
  }

  /** The longest delay in about this time up to now, a minute at most. */
  longestMs(withinMs: number): number {
    const count = Math.min(keptCount, this.#probeCount, Math.max(1, Math.ceil(withinMs / probeIntervalMs)));
    let longestMs = 0;
    for (let index = 1; index <= count; index++) {
      longestMs = Math.max(longestMs, this.#lagsMs[(this.#probeCount - index) % keptCount]!);
    }
    return longestMs;
  }

  /** From now on `listener` alone hears of each delay. */
  listen(listener: LagListener): void {
    this.#listener = listener;
  }

  stop(): void {
    this.#timer?.cancel();
  }

  #probe(): void {
    const dueMs = this.#clock.monotonicMs() + probeIntervalMs;
    this.#timer = this.#clock.after(probeIntervalMs, () => {
      const lagMs = Math.max(0, this.#clock.monotonicMs() - dueMs);
      this.#lagsMs[this.#probeCount++ % keptCount] = lagMs;
      // Before anything that could throw, so that the next one comes.
      this.#probe();
      this.#listener(lagMs);
    });
  }
}
