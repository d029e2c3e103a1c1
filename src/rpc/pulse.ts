/**
 * The source of a stream that tells how something is, now and then for as long as somebody listens.
 *
 * It takes a sample when it is asked for the next item, and not before one interval has passed since the last one: so a
 * listener who reads slowly gets fewer items, never older ones. Unlike a generator it lets go at once: `return` ends a
 * wait that is under way.
 */
import type { Clock, Timer } from "../platform/clock.ts";

export interface PulseOptions<T> {
  readonly clock: Clock;
  readonly intervalMs: number;
  /** The next item, or `undefined` where there is nothing to tell at this beat. */
  readonly sample: () => T | undefined;
  /** Called once, when nobody listens any more. */
  readonly ended: () => void;
}

type Step<T> = IteratorResult<T, void>;

export class Pulse<T> implements AsyncGenerator<T, void, void> {
  readonly #options: PulseOptions<T>;
  #nextBeatMs: number;
  #hasEnded = false;
  #timer: Timer | undefined;
  #waiting: PromiseWithResolvers<Step<T>> | undefined;

  /** The first beat comes at once. */
  constructor(options: PulseOptions<T>) {
    this.#options = options;
    this.#nextBeatMs = options.clock.monotonicMs();
  }

  /** One at a time. Rejects with what the sample throws, and has ended then. */
  next(): Promise<Step<T>> {
    if (this.#hasEnded) return Promise.resolve({ done: true, value: undefined });
    this.#waiting = Promise.withResolvers();
    const { promise } = this.#waiting;
    const delayMs = this.#nextBeatMs - this.#options.clock.monotonicMs();
    if (delayMs > 0) this.#beatAfter(delayMs);
    else this.#beat();
    return promise;
  }

  return(): Promise<Step<T>> {
    const end: Step<T> = { done: true, value: undefined };
    if (this.#hasEnded) return Promise.resolve(end);
    this.#hasEnded = true;
    this.#timer?.cancel();
    this.#waiting?.resolve(end);
    this.#options.ended();
    return Promise.resolve(end);
  }

  async throw(error: unknown): Promise<Step<T>> {
    await this.return();
    throw error;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  #beatAfter(delayMs: number): void {
    this.#timer = this.#options.clock.after(delayMs, () => this.#beat());
  }

  #beat(): void {
    const { clock, intervalMs, sample } = this.#options;
    this.#nextBeatMs = clock.monotonicMs() + intervalMs;
    try {
      const value = sample();
      if (value === undefined) this.#beatAfter(intervalMs);
      else this.#waiting?.resolve({ done: false, value });
    } catch (error) {
      this.#waiting?.reject(error);
      void this.return();
    }
  }
}
