import { describe, expect, test } from "bun:test";
import { engineOptions } from "../../../src/engine/options.ts";
import { WriteStall } from "../../../src/engine/write-stall.ts";
import { MemoryFileSystem } from "../../../src/platform/memory.ts";
import { memoryEnvironment } from "../../support/memory-environment.ts";

const mebibyte = 1 << 20;

function stall(changes: Partial<ReturnType<typeof calm>> = {}) {
  const delaysMs: number[] = [];
  const stallsMs: number[] = [];
  const environment = memoryEnvironment(new MemoryFileSystem(), 1, {
    writeDelayed: (durationMs) => void delaysMs.push(durationMs),
    writeStalled: (durationMs) => void stallsMs.push(durationMs),
  });
  const options = engineOptions("/data", {
    memtable: { maxSizeBytes: mebibyte, flushThresholdBytes: mebibyte, maxFrozenCount: 2 },
    writeStall: { l0SlowdownCount: 8, l0StopCount: 24, longestWaitMs: 10_000 },
  });
  const sources = { ...calm(), ...changes };
  return {
    stall: new WriteStall(environment, options, sources),
    clock: environment.clock,
    sources,
    delaysMs,
    stallsMs,
  };
}

function calm() {
  return {
    frozenCount: 0,
    activeUsedBytes: 0,
    level0Count: 0,
    flushFailure: undefined as unknown,
    isCompacting: true,
  };
}

/** Milliseconds that a mebibyte costs in this state. */
function cost(changes: Partial<ReturnType<typeof calm>>): number {
  const test = stall(changes);
  test.stall.charge(mebibyte);
  void test.stall.delay();
  return test.delaysMs[0] ?? 0;
}

describe("the delay of writers", () => {
  test("there is none in a calm store", () => {
    expect(cost({})).toBe(0);
    expect(cost({ frozenCount: 1, activeUsedBytes: mebibyte, level0Count: 7 })).toBe(0);
  });

  test("grows with each table of level 0", () => {
    const costs = [8, 10, 12, 16, 20, 23, 24, 100].map((level0Count) => cost({ level0Count }));
    expect(costs[0]).toBeGreaterThan(0);
    expect(costs).toEqual([...costs].sort((a, b) => a - b));
    expect(costs.at(-2)).toBeGreaterThan(50 * costs[0]!);
  });

  test("grows as the last memtable fills", () => {
    const shares = [0.1, 0.5, 0.9, 0.99, 2];
    const costs = shares.map((share) => cost({ frozenCount: 2, activeUsedBytes: share * mebibyte }));
    expect(costs[0]).toBeGreaterThan(0);
    expect(costs).toEqual([...costs].sort((a, b) => a - b));
    expect(costs[1]).toBeCloseTo(64, 5);
  });

  test("stays short of a stop while compactions are paused or fail", () => {
    expect(cost({ level0Count: 1000, isCompacting: false })).toBeLessThan(cost({ level0Count: 22 }));
  });

  test("is shared, and over when what was written is paid for", async () => {
    const test = stall({ level0Count: 16 });
    test.stall.charge(mebibyte);
    const delay = test.stall.delay();
    expect(test.stall.delay()).toBe(delay!);
    test.clock.advance(test.delaysMs[0]!);
    await delay;
    expect(test.stall.delay()).toBeUndefined();
    expect(test.delaysMs).toHaveLength(1);
  });

  test("small writes gather until a timer is worth it", () => {
    const test = stall({ level0Count: 8 });
    test.stall.charge(100);
    expect(test.stall.delay()).toBeUndefined();
    for (let count = 0; count < 10_000; count++) test.stall.charge(100);
    expect(test.stall.delay()).toBeDefined();
  });
});

describe("the wait of writers", () => {
  test.each<[string, Partial<ReturnType<typeof calm>>, string | undefined]>([
    ["a frozen memtable less than allowed", { frozenCount: 1 }, undefined],
    ["all memtables frozen", { frozenCount: 2 }, "wait for their flush"],
    [
      "flushes that fail",
      { frozenCount: 2, flushFailure: new TypeError("no luck") },
      "cannot be flushed (no luck)",
    ],
    ["level 0 full", { level0Count: 24 }, "24 tables of level 0"],
    ["level 0 full without compactions", { level0Count: 24, isCompacting: false }, undefined],
  ])("%s", (_, changes, message) => {
    const { obstacle } = stall(changes).stall;
    expect(obstacle?.code).toBe(message === undefined ? undefined : "RESOURCE_EXHAUSTED");
    if (message !== undefined) expect(obstacle!.message).toContain(message);
  });

  test("ends when something was flushed or compacted, and is told", async () => {
    const test = stall({ frozenCount: 2 });
    const wait = test.stall.wait();
    test.clock.advance(300);
    test.stall.end();
    await wait;
    expect(test.stallsMs).toEqual([300]);
    expect(test.clock.pendingTimerCount).toBe(0);
  });

  test("ends at its bound, and nobody waits any more until there is room", async () => {
    const test = stall({ frozenCount: 2 });
    const wait = test.stall.wait();
    test.clock.advance(4000);
    test.stall.end();
    await wait;
    const second = test.stall.wait();
    test.clock.advance(6000);
    await second;
    expect(test.stall.wait()).toBeUndefined();
    test.stall.passed();
    expect(test.stall.wait()).toBeDefined();
  });

  test("is none where flushes fail", () => {
    expect(stall({ frozenCount: 2, flushFailure: new TypeError("no luck") }).stall.wait()).toBeUndefined();
  });
});
