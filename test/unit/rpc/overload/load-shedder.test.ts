import { describe, expect, test } from "bun:test";
import { LoadShedder } from "../../../../src/rpc/overload/load-shedder.ts";
import type { WorkClass } from "../../../../src/rpc/overload/work-class.ts";

const maxLagMs = 100;

function lagging(sampleCount: number, lagMs = 2 * maxLagMs): LoadShedder {
  const shedder = new LoadShedder(["scan", "write", "read"], maxLagMs);
  for (let i = 0; i < sampleCount; i++) shedder.sample(lagMs);
  return shedder;
}

function refusedOf160(shedder: LoadShedder, workClass: WorkClass): number {
  return Array.from({ length: 160 }, () => shedder.refuses(workClass)).filter(Boolean).length;
}

describe("LoadShedder", () => {
  test("takes everything while the event loop is in time, or late just twice", () => {
    const shedder = lagging(2, 10_000);
    expect(refusedOf160(shedder, "scan")).toBe(0);
    shedder.sample(maxLagMs);
    shedder.sample(10_000);
    shedder.sample(10_000);
    expect(shedder.pressure).toBe(0);
  });

  test("sheds the first class first, by half a unit of pressure every second call", () => {
    const shedder = lagging(3);
    expect(shedder.pressure).toBe(0.5);
    expect([1, 2, 3, 4].map(() => shedder.refuses("scan"))).toEqual([false, true, false, true]);
    expect(refusedOf160(shedder, "write")).toBe(0);
  });

  test("sheds the next class once the one before is all but gone, and never control", () => {
    const shedder = lagging(5);
    expect(shedder.pressure).toBe(1.5);
    expect(refusedOf160(shedder, "scan")).toBe(150);
    expect(refusedOf160(shedder, "write")).toBe(80);
    expect(refusedOf160(shedder, "read")).toBe(0);
    expect(refusedOf160(shedder, "control")).toBe(0);
  });

  test("goes no further than all classes, and lets a sixteenth through", () => {
    const shedder = lagging(50, 100 * maxLagMs);
    expect(shedder.pressure).toBe(3);
    for (const workClass of ["scan", "write", "read"] as const) {
      expect(refusedOf160(shedder, workClass)).toBe(150);
    }
    expect(refusedOf160(shedder, "control")).toBe(0);
  });

  test("takes everything again three seconds after the worst", () => {
    const shedder = lagging(50, 100 * maxLagMs);
    for (let i = 0; i < 31; i++) shedder.sample(0);
    expect(shedder.pressure).toBe(0);
  });

  test("sheds only what is in the order, and nothing with a limit of 0", () => {
    const readsOnly = new LoadShedder(["read"], maxLagMs);
    const never = new LoadShedder(["read"], 0);
    for (let i = 0; i < 10; i++) for (const shedder of [readsOnly, never]) shedder.sample(10_000);
    expect(refusedOf160(readsOnly, "scan")).toBe(0);
    expect(refusedOf160(readsOnly, "read")).toBe(150);
    expect(refusedOf160(never, "read")).toBe(0);
  });
});
