/** The cache against plain LRU and LFU of as many entries: never much worse, better where workloads are mixed. */
import { expect, test } from "bun:test";
import { runContest } from "../../../support/cache-contest.ts";
import { mixed, recent, scanPollutedZipf, shiftingHotSet, zipf } from "../../../support/cache-traces.ts";

const budgetBytes = 256 * 1024;
const rounds = 150;
const onePoint = 0.01;

for (const trace of [zipf, scanPollutedZipf, shiftingHotSet, recent]) {
  test(`${trace.name}: not more than a point below the better of both`, () => {
    const { ours, lru, lfu } = runContest(trace, budgetBytes, rounds, 42);
    expect(ours).toBeGreaterThan(Math.max(lru, lfu) - onePoint);
  });
}

test("mixed: above both", () => {
  const { ours, lru, lfu } = runContest(mixed, budgetBytes, rounds, 42);
  expect(ours).toBeGreaterThan(Math.max(lru, lfu));
});

test("the window is small where frequency predicts, and large where recency does", () => {
  expect(runContest(zipf, budgetBytes, rounds, 42).windowShare).toBeLessThan(0.1);
  expect(runContest(recent, budgetBytes, rounds, 42).windowShare).toBeGreaterThan(0.9);
});
