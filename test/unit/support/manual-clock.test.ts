import { expect, test } from "bun:test";
import { ManualClock } from "../../support/manual-clock.ts";

test("timers fall due in order, at their own time, also those that timers start", () => {
  const clock = new ManualClock(1_000);
  const calls: [string, number][] = [];
  const note = (name: string) => () => calls.push([name, clock.nowMs()]);
  clock.after(20, note("second"));
  clock.after(10, () => {
    note("first")();
    clock.after(5, note("started"));
  });
  clock.after(10, note("never")).cancel();
  clock.after(31, note("later"));
  clock.advance(30);
  expect(calls).toEqual([
    ["first", 1_010],
    ["started", 1_015],
    ["second", 1_020],
  ]);
  expect([clock.nowMs(), clock.monotonicMs(), clock.pendingTimerCount]).toEqual([1_030, 30, 1]);
  clock.setWallClock(5);
  clock.advance(1);
  expect([clock.nowMs(), clock.monotonicMs()]).toEqual([6, 31]);
  expect(calls.at(-1)?.[0]).toBe("later");
});
