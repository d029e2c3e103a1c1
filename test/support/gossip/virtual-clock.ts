import type { Clock, Timer } from "../../../src/platform/clock.ts";

interface Event {
  readonly dueMs: number;
  readonly number: number;
  callback: (() => void) | undefined;
}

/** A clock that stands still until a test moves it; unlike `ManualClock` it takes millions of timers (a heap). */
export class VirtualClock implements Clock {
  #nowMs = 0;
  #count = 0;
  readonly #heap: Event[] = [];

  nowMs(): number {
    return 1_700_000_000_000 + this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, callback: () => void): Timer {
    const event: Event = { dueMs: this.#nowMs + delayMs, number: this.#count++, callback };
    this.#push(event);
    return {
      cancel: () => {
        event.callback = undefined;
      },
    };
  }

  advance(durationMs: number): void {
    const endMs = this.#nowMs + durationMs;
    while (this.#heap.length > 0 && this.#heap[0]!.dueMs <= endMs) {
      const event = this.#pop();
      if (event.callback === undefined) continue;
      this.#nowMs = event.dueMs;
      event.callback();
    }
    this.#nowMs = endMs;
  }

  /** Lets time pass in steps until `holds`; how long it took, or `undefined` where it does not come to hold. */
  advanceUntil(holds: () => boolean, limitMs: number, stepMs = 100): number | undefined {
    const startMs = this.#nowMs;
    while (!holds()) {
      if (this.#nowMs - startMs >= limitMs) return undefined;
      this.advance(stepMs);
    }
    return this.#nowMs - startMs;
  }

  #push(event: Event): void {
    let index = this.#heap.push(event) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!precedes(event, this.#heap[parent]!)) break;
      this.#heap[index] = this.#heap[parent]!;
      index = parent;
    }
    this.#heap[index] = event;
  }

  #pop(): Event {
    const first = this.#heap[0]!;
    const last = this.#heap.pop()!;
    if (this.#heap.length === 0) return first;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= this.#heap.length) break;
      if (child + 1 < this.#heap.length && precedes(this.#heap[child + 1]!, this.#heap[child]!)) child++;
      if (!precedes(this.#heap[child]!, last)) break;
      this.#heap[index] = this.#heap[child]!;
      index = child;
    }
    this.#heap[index] = last;
    return first;
  }
}

function precedes(a: Event, b: Event): boolean {
  return a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.number < b.number);
}
