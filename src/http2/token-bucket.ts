/** Holds a rate: tokens come with time, or are given back, and every event takes one. */
import type { Rate } from "./limits.ts";

export class TokenBucket {
  #tokens: number;
  #filledAtMs: number;
  readonly #rate: Rate;

  constructor(rate: Rate, nowMs: number) {
    this.#rate = rate;
    this.#tokens = rate.burst;
    this.#filledAtMs = nowMs;
  }

  /** False when there is none left. The clock is looked at only then. */
  take(nowMs: number): boolean {
    this.#tokens = Math.min(this.#rate.burst, this.#tokens);
    if (this.#tokens < 1) {
      const earned = ((nowMs - this.#filledAtMs) / 1000) * this.#rate.perSecond;
      this.#tokens = Math.min(this.#rate.burst, this.#tokens + earned);
      this.#filledAtMs = nowMs;
    }
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }

  giveBack(count: number): void {
    this.#tokens += count;
  }
}
