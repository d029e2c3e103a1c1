import type { Clock, Timer } from "../../src/platform/clock.ts";

/** Waits of up to this long are over in the next turn; longer ones never end. */
const eagerUpToMs = 60_000;

/** A clock for runs that must not stand still at a pause before another try: pauses take no real time. */
export class EagerClock implements Clock {
  #elapsedMs = 0;

  nowMs(): number {
    return 1_700_000_000_000 + this.#elapsedMs;
  }

  monotonicMs(): number {
    return this.#elapsedMs;
  }

  after(delayMs: number, callback: () => void): Timer {
    if (delayMs > eagerUpToMs) return { cancel() {} };
    const immediate = setImmediate(() => {
      this.#elapsedMs += delayMs;
      callback();
    });
    return { cancel: () => clearImmediate(immediate) };
  }
}
