import { describe, expect, test } from "bun:test";
import { Awareness } from "../../../src/gossip/awareness.ts";
import { defaultTiming } from "../../../src/gossip/settings.ts";
import { pushPullScale } from "../../../src/gossip/state-exchange.ts";
import { Suspicion, suspicionTimeouts } from "../../../src/gossip/suspicion.ts";
import { ManualClock } from "../../support/manual-clock.ts";

/** Starts a suspicion in a ring of so many, confirms it at the given times, and tells when it expires. */
function expiryMs(
  memberCount: number,
  confirmations: readonly (readonly [atMs: number, accuser: string])[],
): number {
  const clock = new ManualClock();
  let expiredAtMs = Number.NaN;
  const timeouts = suspicionTimeouts(defaultTiming, memberCount);
  const suspicion = new Suspicion(clock, timeouts, "first", () => {
    expiredAtMs = clock.monotonicMs();
  });
  for (const [atMs, accuser] of confirmations) {
    clock.advance(atMs - clock.monotonicMs());
    suspicion.confirm(accuser);
  }
  clock.advance(100_000);
  return expiredAtMs;
}

describe("suspicion", () => {
  test.each([
    [3, [], 4000],
    [4, [], 24_000],
    [10, [], 24_000],
    [10, [[1000, "second"]], 11_381],
    [
      10,
      [
        [1000, "second"],
        [2000, "third"],
      ],
      4000,
    ],
    [
      10,
      [
        [1000, "first"],
        [1500, "second"],
        [2000, "second"],
      ],
      11_381,
    ],
    [
      10,
      [
        [5000, "second"],
        [6000, "third"],
      ],
      6000,
    ],
    [100, [], 48_000],
    [
      100,
      [
        [0, "second"],
        [0, "third"],
        [0, "fourth"],
      ],
      8000,
    ],
  ] as const)(
    "in a ring of %p, confirmed by %p, expires after %p ms",
    (memberCount, confirmations, expected) => {
      expect(expiryMs(memberCount, confirmations)).toBe(expected);
    },
  );

  test("only news is passed on", () => {
    const clock = new ManualClock();
    const suspicion = new Suspicion(clock, suspicionTimeouts(defaultTiming, 10), "first", () => undefined);
    expect(
      ["first", "second", "second", "third", "fourth"].map((accuser) => suspicion.confirm(accuser)),
    ).toEqual([false, true, false, true, false]);
    suspicion.cancel();
    expect(clock.pendingTimerCount).toBe(0);
  });
});

test("awareness stays within its bounds and slows down", () => {
  const awareness = new Awareness(8);
  awareness.apply(-3);
  expect(awareness.scale(1000)).toBe(1000);
  awareness.apply(2);
  expect(awareness.scale(1000)).toBe(3000);
  awareness.apply(100);
  expect([awareness.score, awareness.scale(1000)]).toEqual([7, 8000]);
});

test("push/pull becomes rarer beyond 32 members", () => {
  expect([1, 32, 33, 64, 65, 128, 129].map(pushPullScale)).toEqual([1, 1, 2, 2, 3, 3, 4]);
});
