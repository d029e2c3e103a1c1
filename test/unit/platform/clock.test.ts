import { expect, test } from "bun:test";
import { systemClock } from "../../../src/platform/clock.ts";

test("the monotonic clock does not go back", () => {
  let last = systemClock.monotonicMs();
  for (let i = 0; i < 1_000; i++) {
    const now = systemClock.monotonicMs();
    expect(now).toBeGreaterThanOrEqual(last);
    last = now;
  }
});

test("the wall clock tells milliseconds since 1970", () => {
  expect(new Date(systemClock.nowMs()).getUTCFullYear()).toBeGreaterThanOrEqual(2024);
});

test("a timer calls once, and not when it is cancelled", async () => {
  const calls: string[] = [];
  systemClock.after(1, () => calls.push("cancelled")).cancel();
  await new Promise<void>((resolve) => {
    systemClock.after(1, () => calls.push("called"));
    systemClock.after(2, resolve);
  });
  expect(calls).toEqual(["called"]);
});

test("a timer of more than the runtime's longest delay does not call at once", async () => {
  const calls: string[] = [];
  const timer = systemClock.after(2 ** 31 + 1, () => calls.push("called"));
  await new Promise<void>((resolve) => systemClock.after(20, resolve));
  timer.cancel();
  expect(calls).toEqual([]);
});
