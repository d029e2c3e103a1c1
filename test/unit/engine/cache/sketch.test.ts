import { expect, test } from "bun:test";
import { FrequencySketch } from "../../../../src/engine/cache/sketch.ts";

/** So large that nothing ages in a test. */
const never = 2 ** 40;
const hashOf = (number: number): number => Math.imul(number, 0x9e3779b1);

test("never counts too low, and few keys not too high", () => {
  const sketch = new FrequencySketch(8192);
  for (let key = 0; key < 500; key++) {
    for (let n = 0; n < key % 12; n++) sketch.increment(hashOf(key), never);
  }
  let tooHigh = 0;
  for (let key = 0; key < 500; key++) {
    const estimate = sketch.estimate(hashOf(key));
    expect(estimate).toBeGreaterThanOrEqual(key % 12);
    if (estimate > key % 12) tooHigh++;
  }
  expect(tooHigh).toBeLessThan(5);
  expect(sketch.estimate(hashOf(1000))).toBe(0);
});

test("ends at 15 without disturbing its neighbours", () => {
  const sketch = new FrequencySketch(64);
  for (let n = 0; n < 100; n++) sketch.increment(hashOf(1), never);
  expect(sketch.estimate(hashOf(1))).toBe(15);
  expect(sketch.estimate(hashOf(2))).toBe(0);
});

test("halves each counter once in a sample", () => {
  const sketch = new FrequencySketch(1024);
  const samples = 160;
  for (let n = 0; n < 12; n++) sketch.increment(hashOf(1), never);
  for (let n = 0; n < samples; n++) sketch.increment(hashOf(2), samples);
  expect(sketch.estimate(hashOf(1))).toBe(6);
  for (let n = 0; n < samples; n++) sketch.increment(hashOf(2), samples);
  expect(sketch.estimate(hashOf(1))).toBe(3);
});
