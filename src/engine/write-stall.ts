/**
 * Writers that wait because all memtables are full. They share one promise; the time from the first of them until
 * the next flush is told to the observer.
 */
import type { EngineEnvironment } from "./environment.ts";

export class WriteStall {
  readonly #environment: EngineEnvironment;
  #waiting: PromiseWithResolvers<void> | undefined;
  #beganAtMs = 0;

  constructor(environment: EngineEnvironment) {
    this.#environment = environment;
  }

  /** Resolves when it is worth asking again. */
  wait(): Promise<void> {
    if (this.#waiting === undefined) {
      this.#waiting = Promise.withResolvers();
      this.#beganAtMs = this.#environment.clock.monotonicMs();
    }
    return this.#waiting.promise;
  }

  /** Lets the waiting writers ask again: a memtable was flushed, or writing has ended. */
  end(): void {
    if (this.#waiting === undefined) return;
    this.#environment.observer.writeStalled(this.#environment.clock.monotonicMs() - this.#beganAtMs);
    this.#waiting.resolve();
    this.#waiting = undefined;
  }
}
