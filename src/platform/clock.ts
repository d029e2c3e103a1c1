/** Time as the code sees it: injected, so that tests own it. */

export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Milliseconds since the Unix epoch; may jump. */
  nowMs(): number;
  /** Milliseconds on a clock that never goes back, with a fraction. */
  monotonicMs(): number;
  /** Calls once after `delayMs`, or after 24 days if that is sooner; does not keep the process alive. */
  after(delayMs: number, callback: () => void): Timer;
}

/** In whole seconds what fits 31 bits: the runtime takes longer delays for 1 ms. */
export const longestDelayMs = 2_147_483_000;

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  after(delayMs, callback) {
    const timer = setTimeout(callback, Math.min(delayMs, longestDelayMs));
    timer.unref();
    return { cancel: () => clearTimeout(timer) };
  },
};
