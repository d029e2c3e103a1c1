import { expect, test } from "bun:test";
import { type Random, seededRandom, systemRandom } from "../../../src/platform/random.ts";

const draw = (random: Random, count: number): number[] =>
  Array.from({ length: count }, () => random.uint32());

test("a seed repeats its numbers, and neighbouring seeds differ", () => {
  expect(draw(seededRandom(1), 100)).toEqual(draw(seededRandom(1), 100));
  const firsts = new Set(Array.from({ length: 1_000 }, (_, seed) => seededRandom(seed).uint32()));
  expect(firsts.size).toBe(1_000);
});

test.each([
  ["system", systemRandom],
  ["seeded", seededRandom(0)],
])("%s numbers are 32 bits wide, and use all of them", (_, random) => {
  const numbers = draw(random, 1_000);
  expect(numbers.every((number) => Number.isInteger(number) && number >= 0 && number < 2 ** 32)).toBe(true);
  for (let bit = 0; bit < 32; bit++) {
    const ones = numbers.filter((number) => (number >>> bit) & 1).length;
    expect(ones).toBeGreaterThan(300);
    expect(ones).toBeLessThan(700);
  }
});
