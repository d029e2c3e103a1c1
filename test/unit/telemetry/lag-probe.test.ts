import { expect, test } from "bun:test";
import { LagProbe } from "../../../src/telemetry/lag-probe.ts";
import { ManualClock } from "../../support/manual-clock.ts";

/** A clock whose main thread can be held: timers come as late as it is. */
class HeldClock extends ManualClock {
  heldMs = 0;

  override monotonicMs(): number {
    return super.monotonicMs() + this.heldMs;
  }
}

function probeLate(clock: HeldClock, lagMs: number): void {
  clock.heldMs += lagMs;
  clock.advance(100);
}

test("tells the longest delay of the time that is asked for", () => {
  const clock = new HeldClock();
  const probe = new LagProbe(clock);
  expect(probe.longestMs(1000)).toBe(0);
  for (const lagMs of [0, 80, 0, 5, 0]) probeLate(clock, lagMs);
  expect([100, 200, 500, 60_000].map((withinMs) => probe.longestMs(withinMs))).toEqual([0, 5, 80, 80]);
});

test("keeps a minute", () => {
  const clock = new HeldClock();
  const probe = new LagProbe(clock);
  probeLate(clock, 80);
  for (let count = 0; count < 599; count++) probeLate(clock, 0);
  expect(probe.longestMs(60_000)).toBe(80);
  for (let count = 0; count < 50; count++) probeLate(clock, 0);
  expect(probe.longestMs(600_000)).toBe(0);
});

test("tells each delay to whoever listens", () => {
  const clock = new HeldClock();
  const probe = new LagProbe(clock);
  const heard: number[] = [];
  probeLate(clock, 7);
  probe.listen((lagMs) => heard.push(lagMs));
  for (const lagMs of [0, 80, 5]) probeLate(clock, lagMs);
  expect(heard).toEqual([0, 80, 5]);
});

test("ends when it is told to", () => {
  const clock = new HeldClock();
  const probe = new LagProbe(clock);
  probe.stop();
  expect(clock.pendingTimerCount).toBe(0);
});
