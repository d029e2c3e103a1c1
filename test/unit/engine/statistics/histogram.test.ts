import { expect, test } from "bun:test";
import { DurationHistogram } from "../../../../src/engine/statistics/histogram.ts";

test("a duration is counted in the first bucket whose bound it does not pass", () => {
  const histogram = new DurationHistogram();
  for (const durationMs of [0, 0.001, 0.0011, 1, 10_000, 10_001]) histogram.add(durationMs);
  const { boundsMs, counts, count, sumMs } = histogram.distribution();
  expect([boundsMs[0], boundsMs[1], boundsMs.at(-1)]).toEqual([0.001, 0.0025, 10_000]);
  expect(boundsMs).toEqual([...boundsMs].sort((a, b) => a - b));
  expect(counts).toHaveLength(boundsMs.length + 1);
  const inBucketOf = (boundMs: number) => counts[boundsMs.indexOf(boundMs)];
  expect([0.001, 0.0025, 1, 10_000].map(inBucketOf)).toEqual([2, 1, 1, 1]);
  expect([counts.at(-1), count]).toEqual([1, 6]);
  expect(sumMs).toBeCloseTo(20_002.0021);
});

test("a distribution stays as it was when more is counted", () => {
  const histogram = new DurationHistogram();
  const before = histogram.distribution();
  histogram.add(1);
  expect([before.count, Math.max(...before.counts)]).toEqual([0, 0]);
});
