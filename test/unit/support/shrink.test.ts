import { describe, expect, test } from "bun:test";
import { shrink } from "../../support/model/shrink.ts";

const numbers = Array.from({ length: 700 }, (_, index) => index);

describe("shrinking a failing list", () => {
  test("leaves nothing that can be left out", async () => {
    const needed = [3, 4, 400, 699];
    const fails = async (items: readonly number[]) => needed.every((number) => items.includes(number));
    expect(await shrink(numbers, fails, 10_000)).toEqual(needed);
  });

  test("keeps the order, and items that only fail together with others", async () => {
    const fails = async (items: readonly number[]) => items.filter((number) => number % 2 === 0).length >= 3;
    const kept = await shrink(numbers, fails, 10_000);
    expect(kept).toHaveLength(3);
    expect(kept).toEqual([...kept].sort((a, b) => a - b));
  });

  test("finds that nothing is needed", async () => {
    expect(await shrink(numbers, async () => true, 10_000)).toEqual([]);
  });

  test("gives what it has when the time is over", async () => {
    let attempts = 0;
    const fails = async () => ++attempts > 0;
    expect(await shrink(numbers, fails, -1)).toEqual(numbers);
    expect(attempts).toBe(0);
  });
});
