import { expect, test } from "bun:test";
import { ArrayPool } from "../../../src/http2/byte-queue.ts";

test("arrays that came back are used again, each for its size", () => {
  const pool = new ArrayPool();
  const small = pool.take(1);
  const large = pool.take(small.length + 1);
  expect(large.length).toBeGreaterThan(small.length + 1);
  expect(pool.isLarge(large)).toBe(true);
  pool.giveBack(small);
  pool.giveBack(large);
  expect(pool.take(small.length)).toBe(small);
  expect(pool.take(large.length)).toBe(large);
});

test("only so many large ones are in use; who needs more gets what is not pooled", () => {
  const pool = new ArrayPool();
  const taken = Array.from({ length: 32 }, () => pool.take(500_000));
  expect(taken.every((bytes) => pool.isLarge(bytes))).toBe(true);
  const other = pool.take(500_000);
  expect(other.length).toBeGreaterThanOrEqual(500_000);
  expect(pool.isLarge(other)).toBe(false);
  pool.giveBack(other);
  expect(pool.isLarge(pool.take(500_000))).toBe(false);
  pool.giveBack(taken[0]!);
  expect(pool.take(500_000)).toBe(taken[0]!);
});
