/**
 * How long a suspect may stay silent before it counts as dead (Lifeguard's suspicion).
 *
 *   shortest   suspicionMultiplier × max(1, log10 n) × probeInterval
 *   longest    suspicionMaxTimeoutMultiplier × shortest
 *   in force   longest - (longest - shortest) × ln(c + 1) / ln(k + 1) after c of k expected confirmations
 *
 * Each accuser counts once. In rings too small for k others to confirm, the shortest holds from the start.
 */
import type { Clock, Timer } from "../platform/clock.ts";
import type { GossipTiming } from "./settings.ts";

export interface SuspicionTimeouts {
  readonly shortestMs: number;
  readonly longestMs: number;
  /** Confirmations after which the shortest holds. */
  readonly expectedConfirmations: number;
}

/** `memberCount`: of all that are known, dead ones included. */
export function suspicionTimeouts(timing: GossipTiming, memberCount: number): SuspicionTimeouts {
  const expected = Math.max(0, timing.suspicionMultiplier - 2);
  const scale = Math.floor(1000 * Math.max(1, Math.log10(Math.max(1, memberCount)))) / 1000;
  const shortestMs = timing.suspicionMultiplier * scale * timing.probeIntervalMs;
  return {
    shortestMs,
    longestMs: timing.suspicionMaxTimeoutMultiplier * shortestMs,
    expectedConfirmations: memberCount - 2 < expected ? 0 : expected,
  };
}

export class Suspicion {
  readonly #clock: Pick<Clock, "monotonicMs" | "after">;
  readonly #timeouts: SuspicionTimeouts;
  readonly #startedAtMs: number;
  readonly #expire: () => void;
  readonly #accusers: Set<string>;
  #confirmationCount = 0;
  #timer: Timer;

  constructor(
    clock: Pick<Clock, "monotonicMs" | "after">,
    timeouts: SuspicionTimeouts,
    accuser: string,
    expire: () => void,
  ) {
    this.#clock = clock;
    this.#timeouts = timeouts;
    this.#startedAtMs = clock.monotonicMs();
    this.#accusers = new Set([accuser]);
    this.#expire = expire;
    this.#timer = clock.after(this.#timeoutMs(), expire);
  }

  /** Whether that was news: a further accuser, of which not enough have come yet. May expire at once. */
  confirm(accuser: string): boolean {
    const { expectedConfirmations } = this.#timeouts;
    if (this.#confirmationCount >= expectedConfirmations || this.#accusers.has(accuser)) return false;
    this.#accusers.add(accuser);
    this.#confirmationCount++;
    this.cancel();
    const elapsedMs = this.#clock.monotonicMs() - this.#startedAtMs;
    this.#timer = this.#clock.after(Math.max(0, this.#timeoutMs() - elapsedMs), this.#expire);
    return true;
  }

  cancel(): void {
    this.#timer.cancel();
  }

  #timeoutMs(): number {
    const { shortestMs, longestMs, expectedConfirmations } = this.#timeouts;
    if (expectedConfirmations === 0) return shortestMs;
    const share = Math.log(this.#confirmationCount + 1) / Math.log(expectedConfirmations + 1);
    return Math.max(shortestMs, Math.floor(longestMs - (longestMs - shortestMs) * share));
  }
}
