import { expect, test } from "bun:test";
import { Places } from "../../../src/rpc/places.ts";
import { Pulse } from "../../../src/rpc/pulse.ts";
import { ManualClock } from "../../support/manual-clock.ts";

function testPulse(samples: (number | undefined)[] | (() => number)) {
  const clock = new ManualClock();
  let endCount = 0;
  const pulse = new Pulse({
    clock,
    intervalMs: 100,
    sample: typeof samples === "function" ? samples : () => samples.shift(),
    ended: () => {
      endCount++;
    },
  });
  return { clock, pulse, endCount: () => endCount };
}

test("gives the first item at once, the next ones by and by", async () => {
  const { clock, pulse } = testPulse([1, 2]);
  expect(await pulse.next()).toEqual({ done: false, value: 1 });
  const second = pulse.next();
  clock.advance(99);
  expect(Bun.peek.status(second)).toBe("pending");
  clock.advance(1);
  expect(await second).toEqual({ done: false, value: 2 });
});

test("gives a late reader one item at once, of now", async () => {
  let now = 0;
  const { clock, pulse } = testPulse(() => now);
  await pulse.next();
  now = 7;
  clock.advance(1000);
  expect(await pulse.next()).toEqual({ done: false, value: 7 });
  expect(Bun.peek.status(pulse.next())).toBe("pending");
});

test("goes past beats with nothing to tell", async () => {
  const { clock, pulse } = testPulse([undefined, undefined, 3]);
  const next = pulse.next();
  clock.advance(200);
  expect(await next).toEqual({ done: false, value: 3 });
});

test("a return ends the wait under way, and leaves no timer", async () => {
  const { clock, pulse, endCount } = testPulse([1]);
  await pulse.next();
  const waiting = pulse.next();
  await pulse.return();
  expect(await waiting).toEqual({ done: true, value: undefined });
  expect(await pulse.next()).toEqual({ done: true, value: undefined });
  await pulse.return();
  expect([clock.pendingTimerCount, endCount()]).toEqual([0, 1]);
});

test("what the sample throws is the end", async () => {
  const { pulse, endCount } = testPulse(() => {
    throw new RangeError("no");
  });
  await expect(pulse.next()).rejects.toThrow("no");
  expect(await pulse.next()).toEqual({ done: true, value: undefined });
  expect(endCount()).toBe(1);
});

test("places are given back once", () => {
  const places = new Places(2, "a test");
  const [giveBack] = [places.take(), places.take()];
  expect(() => places.take()).toThrow("all 2 places for a test are taken");
  giveBack();
  giveBack();
  places.take();
  expect(() => places.take()).toThrow("all 2 places for a test are taken");
});
