/**
 * Holds a job to its share of the throttle: a token bucket whose rate is the whole throttle divided by the number of
 * jobs that run at the moment.
 */
import type { Clock } from "../../platform/clock.ts";
import type { JobControl } from "./job-control.ts";

/** What was not used for so long is lost; it also evens out the timer's steps. */
const burstMs = 50;
const longestWaitMs = 100;

export class Pacer {
  readonly #clock: Clock;
  readonly #control: JobControl;
  readonly #bytesPerSecond: number;
  /** When all that was spent is paid for. */
  #paidAtMs: number;

  /** `bytesPerSecond` 0: without limit. */
  constructor(clock: Clock, control: JobControl, bytesPerSecond: number) {
    this.#clock = clock;
    this.#control = control;
    this.#bytesPerSecond = bytesPerSecond;
    this.#paidAtMs = clock.monotonicMs();
  }

  /** Notes what was written. */
  spend(sizeBytes: number): void {
    if (this.#bytesPerSecond === 0) return;
    const shareBytesPerMs = this.#bytesPerSecond / 1000 / Math.max(1, this.#control.runningCount);
    const earliestMs = this.#clock.monotonicMs() - burstMs;
    this.#paidAtMs = Math.max(this.#paidAtMs, earliestMs) + sizeBytes / shareBytesPerMs;
  }

  /** A promise while the job is ahead of its share; ask again then. It is short, so that an order to stop is seen. */
  wait(): Promise<void> | undefined {
    const waitMs = Math.min(this.#paidAtMs - this.#clock.monotonicMs(), longestWaitMs);
    if (waitMs <= 0) return undefined;
    return new Promise((resolve) => void this.#clock.after(waitMs, resolve));
  }
}
