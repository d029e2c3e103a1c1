/** What a load draws: keys and kinds of operations. */
import { describe, expect, test } from "bun:test";
import { keyChoice, keyNumber } from "../../../src/load/key-choice.ts";
import { mixes, operationChoice, operationKinds } from "../../../src/load/mixes.ts";
import { seededRandom } from "../../../src/platform/random.ts";

const drawCount = 200_000;

function draw<T>(choose: () => T): Map<T, number> {
  const counts = new Map<T, number>();
  for (let i = 0; i < drawCount; i++) {
    const value = choose();
    counts.set(value, (counts.get(value) ?? 0) + 1);
  }
  return counts;
}

describe("keys", () => {
  test("zipfian: each rank as often as its weight says", () => {
    const recordCount = 1000;
    const choose = keyChoice("zipfian", recordCount, seededRandom(1));
    const counts = draw(() => choose(recordCount));
    let total = 0;
    for (let rank = 1; rank <= recordCount; rank++) total += 1 / rank ** 0.99;
    for (const rank of [1, 2]) {
      const expected = drawCount / rank ** 0.99 / total;
      expect(Math.abs(counts.get(rank - 1)! / expected - 1)).toBeLessThan(0.05);
    }
    // Beyond the first two, the method is an approximation.
    const firstHundred = [...counts]
      .filter(([rank]) => rank < 100)
      .reduce((sum, [, count]) => sum + count, 0);
    let share = 0;
    for (let rank = 1; rank <= 100; rank++) share += 1 / rank ** 0.99 / total;
    expect(Math.abs(firstHundred / drawCount / share - 1)).toBeLessThan(0.05);
    expect(Math.max(...counts.keys())).toBeLessThan(recordCount);
    expect(Math.max(...counts.keys())).toBeGreaterThan(recordCount - 50);
  });

  test("uniform: all alike, those that came later too", () => {
    const choose = keyChoice("uniform", 10, seededRandom(2));
    const counts = draw(() => choose(20));
    expect([...counts.keys()].sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, index) => index));
    for (const count of counts.values()) expect(Math.abs((20 * count) / drawCount - 1)).toBeLessThan(0.1);
  });

  test("latest: the newest is the most popular, however many have come", () => {
    const choose = keyChoice("latest", 100, seededRandom(3));
    for (const recordCount of [100, 150]) {
      const counts = draw(() => choose(recordCount));
      const [[mostPopular]] = [...counts].sort(([, a], [, b]) => b - a) as [[number, number]];
      expect(mostPopular).toBe(recordCount - 1);
      expect(Math.min(...counts.keys())).toBeGreaterThanOrEqual(0);
    }
  });

  test.each(["uniform", "zipfian", "latest"] as const)("%s of one record or two stays among them", (name) => {
    for (const recordCount of [1, 2]) {
      const choose = keyChoice(name, recordCount, seededRandom(4));
      for (let i = 0; i < 1000; i++) expect(choose(recordCount)).toBeWithin(0, recordCount);
    }
  });

  test("no two records share a key, and neighbours lie apart", () => {
    const numbers = Array.from({ length: 100_000 }, (_, record) => keyNumber(record));
    expect(new Set(numbers).size).toBe(numbers.length);
    const isAscending = numbers.filter((number, index) => index > 0 && number > numbers[index - 1]!);
    expect(Math.abs(isAscending.length / numbers.length - 0.5)).toBeLessThan(0.01);
  });
});

test.each(Object.entries(mixes))("workload %s draws its shares", (_, mix) => {
  const counts = draw(operationChoice(mix, seededRandom(5)));
  const shares: Partial<Record<string, number>> = mix.shares;
  for (const kind of operationKinds) {
    expect(Math.abs((counts.get(kind) ?? 0) / drawCount - (shares[kind] ?? 0))).toBeLessThan(0.01);
  }
});
