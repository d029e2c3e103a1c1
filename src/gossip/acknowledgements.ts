/** Pings that wait for their answer, by sequence number. */
import type { Timers } from "./timers.ts";

interface Expectation {
  readonly acknowledged: () => void;
  /** A member that was asked to ping has heard nothing either. */
  readonly denied?: () => void;
  readonly timedOut: () => void;
}

const maxWaiting = 4096;

export class Acknowledgements {
  readonly #timers: Timers;
  readonly #waiting = new Map<number, Expectation & { cancel: () => void }>();
  #lastSequence = 0;

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  /** False where too many wait already; others make us wait by asking us to ping. */
  get hasRoom(): boolean {
    return this.#waiting.size < maxWaiting;
  }

  /** A sequence number whose first acknowledgement counts, if it comes in time. */
  expect(timeoutMs: number, expectation: Expectation): number {
    this.#lastSequence = this.#lastSequence === 0xffffffff ? 1 : this.#lastSequence + 1;
    const sequence = this.#lastSequence;
    const timer = this.#timers.after(timeoutMs, () => {
      this.#waiting.delete(sequence);
      expectation.timedOut();
    });
    this.#waiting.set(sequence, { ...expectation, cancel: () => timer.cancel() });
    return sequence;
  }

  acknowledge(sequence: number): void {
    const expectation = this.#waiting.get(sequence);
    if (expectation === undefined) return;
    this.#waiting.delete(sequence);
    expectation.cancel();
    expectation.acknowledged();
  }

  deny(sequence: number): void {
    this.#waiting.get(sequence)?.denied?.();
  }
}
