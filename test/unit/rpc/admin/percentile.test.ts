import { expect, test } from "bun:test";
import fc from "fast-check";
import { percentile } from "../../../../src/rpc/admin/percentile.ts";

const bounds = [1, 2, 4];

test.each([
  [[0, 0, 0, 0], 0.5, undefined],
  [[10, 0, 0, 0], 0.5, 0.5],
  [[0, 10, 0, 0], 0.5, 1.5],
  [[5, 5, 0, 0], 0.5, 1],
  [[5, 0, 5, 0], 0.9, 3.6],
  [[0, 0, 0, 3], 0.5, 4],
  [[1, 0, 0, 1], 1, 4],
])("of %p at %p", (counts, share, expected) => {
  expect(percentile(bounds, counts, share)).toEqual(expected);
});

test("lies in the bucket of the value that it stands for, and grows with its share", () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 0.001, max: 4, noNaN: true }), { minLength: 1 }),
      fc.double({ min: 0.01, max: 1, noNaN: true }),
      (values, share) => {
        const bucketOf = (value: number) => bounds.findIndex((bound) => value <= bound);
        const counts = [0, 0, 0, 0];
        for (const value of values) counts[bucketOf(value)]!++;
        const sorted = values.toSorted((a, b) => a - b);
        const exact = sorted[Math.max(0, Math.ceil(share * values.length - 1e-9) - 1)]!;
        const estimate = percentile(bounds, counts, share)!;
        expect(bucketOf(estimate)).toBe(bucketOf(exact));
        expect(percentile(bounds, counts, share / 2)!).toBeLessThanOrEqual(estimate);
      },
    ),
  );
});
