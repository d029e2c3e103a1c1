import type { Clock, Timer } from "../../src/platform/clock.ts";

interface PendingTimer {
  readonly dueMs: number;
  readonly callback: () => void;
}

/** A clock that stands still until a test moves it. */
export class ManualClock implements Clock {
  #nowMs: number;
  #monotonicMs = 0;
  #timers = new Set<PendingTimer>();

  constructor(nowMs = 1_700_000_000_000) {
    this.#nowMs = nowMs;
  }

  get pendingTimerCount(): number {
    return this.#timers.size;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  after(delayMs: number, callback: () => void): Timer {
    const timer = { dueMs: this.#monotonicMs + delayMs, callback };
    this.#timers.add(timer);
    return { cancel: () => this.#timers.delete(timer) };
  }

  /** Lets time pass; calls what falls due, in its order, each at its own time. */
  advance(durationMs: number): void {
    const endMs = this.#monotonicMs + durationMs;
    for (let timer = this.#nextDue(endMs); timer !== undefined; timer = this.#nextDue(endMs)) {
      this.#timers.delete(timer);
      this.#moveTo(Math.max(timer.dueMs, this.#monotonicMs));
      timer.callback();
    }
    this.#moveTo(endMs);
  }

  /** Lets time pass in which nothing runs: what fell due meanwhile is called late. */
  stall(durationMs: number): void {
    this.#moveTo(this.#monotonicMs + durationMs);
    this.advance(0);
  }

  /** Sets the wall clock, as an administrator does: time that passes is not touched. */
  setWallClock(nowMs: number): void {
    this.#nowMs = nowMs;
  }

  #moveTo(monotonicMs: number): void {
    this.#nowMs += monotonicMs - this.#monotonicMs;
    this.#monotonicMs = monotonicMs;
  }

  #nextDue(endMs: number): PendingTimer | undefined {
    const due = [...this.#timers].filter((timer) => timer.dueMs <= endMs);
    return due.sort((a, b) => a.dueMs - b.dueMs)[0];
  }
}
