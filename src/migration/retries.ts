/**
 * Tries again what failed for a reason that may pass, after pauses that grow: so a peer that is down, full or busy is
 * asked again, and never by everybody at the same moment.
 */
import { StorageError, type StorageErrorCode } from "../base/errors.ts";
import type { Clock } from "../platform/clock.ts";
import type { Random } from "../platform/random.ts";

export interface RetryOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly signal: AbortSignal;
  /** No try begins later than this after the first one did. */
  readonly giveUpAfterMs: number;
  /** The longest pause after the first failure; doubles with each further one. */
  readonly firstPauseMs?: number;
  readonly longestPauseMs?: number;
  /** Default: `isTransient`. */
  readonly mayPass?: (error: unknown) => boolean;
  /** Each failure after which it tries again. */
  readonly failed?: (error: unknown, pauseMs: number) => void;
}

const transientCodes: ReadonlySet<StorageErrorCode> = new Set([
  "UNAVAILABLE",
  "RESOURCE_EXHAUSTED",
  "DISK_FULL",
  "DISK_THROTTLED",
  "ABORTED",
]);

/** Whether the same call may succeed later. */
export function isTransient(error: unknown): boolean {
  return error instanceof StorageError && transientCodes.has(error.code);
}

/** Throws the last failure once there is no time for another try, or none is of use, and the signal's reason. */
export async function withRetries<T>(options: RetryOptions, attempt: () => Promise<T>): Promise<T> {
  const { clock, signal, giveUpAfterMs, longestPauseMs = 10_000, mayPass = isTransient } = options;
  const endMs = clock.monotonicMs() + giveUpAfterMs;
  for (let ceilingMs = options.firstPauseMs ?? 100; ; ceilingMs = Math.min(2 * ceilingMs, longestPauseMs)) {
    signal.throwIfAborted();
    try {
      return await attempt();
    } catch (error) {
      signal.throwIfAborted();
      if (!mayPass(error)) throw error;
      const pauseMs = pauseAfter(error, ceilingMs, options.random);
      if (clock.monotonicMs() + pauseMs > endMs) throw error;
      options.failed?.(error, pauseMs);
      await pause(clock, pauseMs, signal);
    }
  }
}

/** Between half of the ceiling and all of it; longer where the peer asked for that. */
function pauseAfter(error: unknown, ceilingMs: number, random: Random): number {
  const pauseMs = (ceilingMs / 2) * (1 + random.uint32() / 2 ** 32);
  const askedMs = error instanceof StorageError ? (error.retryAfterMs ?? 0) : 0;
  return Math.max(pauseMs, askedMs);
}

/** Resolves after this time; rejects with the signal's reason when that comes first. */
export function pause(clock: Clock, durationMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      timer.cancel();
      reject(signal.reason);
    };
    const timer = clock.after(durationMs, () => {
      signal.removeEventListener("abort", stop);
      resolve();
    });
    signal.addEventListener("abort", stop, { once: true });
  });
}
