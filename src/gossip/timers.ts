/** A clock whose timers end together. */
import type { Clock, Timer } from "../platform/clock.ts";
import type { Random } from "../platform/random.ts";

export class Timers implements Pick<Clock, "monotonicMs" | "after"> {
  readonly #clock: Clock;
  readonly #pending = new Set<Timer>();
  #isStopped = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  monotonicMs(): number {
    return this.#clock.monotonicMs();
  }

  /** As `Clock.after`; after `stop` never. */
  after(delayMs: number, callback: () => void): Timer {
    if (this.#isStopped) return { cancel: () => undefined };
    const timer = this.#clock.after(delayMs, () => {
      this.#pending.delete(timer);
      callback();
    });
    this.#pending.add(timer);
    return {
      cancel: () => {
        timer.cancel();
        this.#pending.delete(timer);
      },
    };
  }

  /** Calls again and again, first after a random part of the interval, so that members do not fall into step. */
  every(intervalMs: () => number, random: Random, callback: () => void): void {
    const again = () => {
      this.after(intervalMs(), again);
      callback();
    };
    this.after((intervalMs() * random.uint32()) / 2 ** 32, again);
  }

  stop(): void {
    this.#isStopped = true;
    for (const timer of this.#pending) timer.cancel();
    this.#pending.clear();
  }
}
