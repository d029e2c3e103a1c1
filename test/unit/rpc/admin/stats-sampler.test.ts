import { expect, test } from "bun:test";
import type { CallCounts } from "../../../../src/rpc/admin/sources.ts";
import { StatsSampler } from "../../../../src/rpc/admin/stats-sampler.ts";
import { engineStatus } from "../../../support/engine-status.ts";
import { ManualClock } from "../../../support/manual-clock.ts";
import { testAdminSources } from "../../../support/test-admin-sources.ts";
import { testNode } from "../../../support/test-node.ts";

function counts(method: string, callCount: number, failureCount: number, buckets: number[]): CallCounts {
  return { method, callCount, failureCount, durations: { bounds: [0.001, 0.01], counts: buckets } };
}

function fixture() {
  const clock = new ManualClock();
  const { administration, store } = testNode();
  let calls: CallCounts[] = [];
  const sources = { ...testAdminSources(), calls: () => calls };
  const sampler = new StatsSampler(clock, sources, administration);
  return { clock, store, sampler, setCalls: (now: CallCounts[]) => (calls = now) };
}

test("the first sample has the state, and no rates", () => {
  const { sampler } = fixture();
  const sample = sampler.sample();
  expect(sample).toMatchObject({ intervalSeconds: 0, level0TableCount: 2, memtables: { activeBytes: 100n } });
  expect([sample.methods, sample.rates]).toEqual([undefined, undefined]);
});

test("rates and latencies are of the time in between", () => {
  const { clock, store, sampler, setCalls } = fixture();
  setCalls([counts("Read", 1000, 9, [900, 100, 0]), counts("Scan", 0, 0, [0, 0, 0])]);
  sampler.sample();
  clock.advance(2000);
  setCalls([
    counts("Read", 1010, 13, [904, 106, 0]),
    counts("Scan", 0, 0, [0, 0, 0]),
    counts("Write", 4, 0, [0, 0, 4]),
  ]);
  const { work, cache } = engineStatus;
  store.currentStatus = {
    ...engineStatus,
    work: { ...work, stallMs: 500, flushedBytes: work.flushedBytes + 4000 },
    cache: { ...cache, hits: cache.hits + 30, misses: cache.misses + 10 },
  };
  const sample = sampler.sample();
  expect(sample.intervalSeconds).toBe(2);
  expect(sample.process?.longestEventLoopLagSeconds).toBe(0.002);
  expect(sample.rates).toEqual({
    cacheHitRatio: 0.75,
    commitLogBytesPerSecond: 0,
    syncsPerSecond: 0,
    flushedBytesPerSecond: 2000,
    compactedBytesPerSecond: 0,
    stalledShare: 0.25,
    delayedShare: 0,
  });
  const [read, write] = sample.methods ?? [];
  expect(sample.methods?.map(({ method }) => method)).toEqual(["Read", "Write"]);
  expect(read).toMatchObject({ callsPerSecond: 5, failuresPerSecond: 2 });
  expect(read?.p50Seconds).toBeCloseTo(0.0025);
  expect(write).toMatchObject({ callsPerSecond: 2, p999Seconds: 0.01 });
});

test("without calls in between there are no latencies", () => {
  const { clock, sampler, setCalls } = fixture();
  setCalls([counts("Read", 10, 0, [10, 0, 0])]);
  sampler.sample();
  clock.advance(1000);
  expect(sampler.sample().methods).toEqual([{ method: "Read", callsPerSecond: 0, failuresPerSecond: 0 }]);
});
