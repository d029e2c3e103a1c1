import { describe, expect, test } from "bun:test";
import { StorageError } from "../../../src/base/errors.ts";
import { isTransient, withRetries } from "../../../src/migration/retries.ts";
import { seededRandom } from "../../../src/platform/random.ts";
import { ManualClock } from "../../support/manual-clock.ts";

const busy = (retryAfterMs?: number) =>
  new StorageError("UNAVAILABLE", "busy", retryAfterMs === undefined ? {} : { retryAfterMs });

/** Runs with failures until `good` tries; time passes only in pauses. */
function retrying(failures: unknown[], giveUpAfterMs: number, signal = new AbortController().signal) {
  const clock = new ManualClock();
  const pauses: number[] = [];
  let tries = 0;
  const result = withRetries(
    {
      clock,
      random: seededRandom(7),
      signal,
      giveUpAfterMs,
      firstPauseMs: 100,
      longestPauseMs: 800,
      failed: (_, pauseMs) => {
        pauses.push(pauseMs);
        queueMicrotask(() => clock.advance(pauseMs));
      },
    },
    async () => {
      const failure = failures[tries++];
      if (failure !== undefined) throw failure;
      return "done";
    },
  );
  return { result, pauses, clock, tries: () => tries };
}

describe("withRetries", () => {
  test("tries until it works, with pauses that grow to a bound, half of each by chance", async () => {
    const { result, pauses, clock } = retrying(Array(6).fill(busy()), 60_000);
    expect(await result).toBe("done");
    const ceilings = [100, 200, 400, 800, 800, 800];
    pauses.forEach((pauseMs, i) => {
      expect(pauseMs).toBeGreaterThanOrEqual(ceilings[i]! / 2);
      expect(pauseMs).toBeLessThanOrEqual(ceilings[i]!);
    });
    expect(new Set(pauses.map((pauseMs, i) => pauseMs / ceilings[i]!)).size).toBe(6);
    expect(clock.pendingTimerCount).toBe(0);
  });

  test("waits as long as the peer asks", async () => {
    const { result, pauses } = retrying([busy(5000)], 60_000);
    expect(await result).toBe("done");
    expect(pauses).toEqual([5000]);
  });

  test("gives up with the last failure when its time is over, or another try could not begin in time", async () => {
    const { result, tries } = retrying(Array(100).fill(busy()), 2000);
    expect(await result.catch((error: unknown) => error)).toMatchObject({ message: "busy" });
    expect(tries()).toBeGreaterThan(3);
    expect(tries()).toBeLessThan(10);
    const asked = retrying([busy(61_000)], 60_000);
    expect(asked.result).rejects.toThrow("busy");
    expect(asked.tries()).toBe(1);
  });

  test("does not try again what will fail again", async () => {
    const { result, tries } = retrying([new StorageError("INVALID_ARGUMENT", "bad")], 60_000);
    expect(result).rejects.toThrow("bad");
    expect(tries()).toBe(1);
  });

  test("ends a pause at once when it is to stop", async () => {
    const stop = new AbortController();
    const clock = new ManualClock();
    const options = { clock, random: seededRandom(1), signal: stop.signal, giveUpAfterMs: 1e9 };
    const result = withRetries(options, () => Promise.reject(busy()));
    await Promise.resolve();
    await Promise.resolve();
    expect(clock.pendingTimerCount).toBe(1);
    stop.abort(new StorageError("ABORTED", "stopped"));
    expect(result).rejects.toThrow("stopped");
    expect(clock.pendingTimerCount).toBe(0);
    expect(withRetries(options, async () => "more")).rejects.toThrow("stopped");
  });
});

test("a bug is not transient", () => {
  expect([isTransient(busy()), isTransient(new StorageError("DISK_FULL", "full"))]).toEqual([true, true]);
  expect([isTransient(new TypeError("x")), isTransient(new StorageError("PERMISSION_DENIED", ""))]).toEqual([
    false,
    false,
  ]);
});
