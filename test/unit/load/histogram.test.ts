import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { percentileText } from "../../../src/load/hgrm.ts";
import { Histogram, largestValue } from "../../../src/load/histogram.ts";

function histogramOf(values: readonly number[]): Histogram {
  const histogram = new Histogram();
  for (const value of values) histogram.record(value);
  return histogram;
}

/** Values of every size. */
const values = fc.array(
  fc.nat(30).chain((bits) => fc.nat(2 ** bits)),
  { minLength: 1, maxLength: 200 },
);

describe("a histogram", () => {
  test("tells each share's value to within a thousandth", () => {
    fc.assert(
      fc.property(values, fc.double({ min: 0, max: 1, noNaN: true }), (recorded, share) => {
        const sorted = recorded.toSorted((a, b) => a - b);
        const exact = sorted[Math.max(0, Math.ceil(share * sorted.length - 1e-9) - 1)]!;
        const told = histogramOf(recorded).valueAt(share);
        expect(told).toBeGreaterThanOrEqual(exact);
        expect(told).toBeLessThanOrEqual(exact + exact / 1000);
      }),
    );
  });

  test("is exact below 2,048, and knows its largest value, mean and deviation exactly", () => {
    const histogram = histogramOf([0, 1, 2047, 2047, 123_456_789]);
    expect([0, 0.4, 0.8].map((share) => histogram.valueAt(share))).toEqual([0, 1, 2047]);
    expect(histogram.largest).toBe(123_456_789);
    expect(histogram.valueAt(1)).toBe(123_456_789);
    expect(histogramOf([2, 4, 4, 4, 5, 5, 7, 9]).mean).toBe(5);
    expect(histogramOf([2, 4, 4, 4, 5, 5, 7, 9]).standardDeviation).toBe(2);
  });

  test("counts what is out of its range at the ends, and forgets all by a reset", () => {
    const histogram = histogramOf([-5, 1e12]);
    expect([histogram.valueAt(0), histogram.valueAt(1)]).toEqual([0, largestValue]);
    histogram.reset();
    expect([histogram.count, histogram.valueAt(0.5), histogram.mean, histogram.largest]).toEqual([
      0, 0, 0, 0,
    ]);
    expect([...histogram.distribution()]).toEqual([]);
  });

  test("the distribution climbs to the last value, with the counts that are at most each", () => {
    fc.assert(
      fc.property(values, (recorded) => {
        const histogram = histogramOf(recorded);
        const rows = [...histogram.distribution()];
        expect(rows[0]!.share).toBe(0);
        expect(rows.at(-1)).toEqual({ value: Math.max(...recorded), share: 1, count: recorded.length });
        for (const [index, { value, share, count }] of rows.entries()) {
          expect(count).toBe(recorded.filter((each) => each <= value).length);
          expect(count).toBeGreaterThanOrEqual(share * recorded.length - 1e-9);
          if (index > 0) expect(share).toBeGreaterThan(rows[index - 1]!.share);
        }
      }),
    );
  });

  test("is written as HdrHistogram writes it", () => {
    expect(percentileText(histogramOf([1000, 2000, 3000, 4000]))).toBe(
      [
        "       Value     Percentile TotalCount 1/(1-Percentile)",
        "",
        "       1.000 0.000000000000          1           1.00",
        "       1.000 0.100000000000          1           1.11",
        "       1.000 0.200000000000          1           1.25",
        "       2.000 0.300000000000          2           1.43",
        "       2.000 0.400000000000          2           1.67",
        "       2.000 0.500000000000          2           2.00",
        "       3.001 0.550000000000          3           2.22",
        "       3.001 0.600000000000          3           2.50",
        "       3.001 0.650000000000          3           2.86",
        "       3.001 0.700000000000          3           3.33",
        "       3.001 0.750000000000          3           4.00",
        "       4.000 0.775000000000          4           4.44",
        "       4.000 1.000000000000          4",
        "#[Mean    =        2.500, StdDeviation   =        1.118]",
        "#[Max     =        4.000, Total count    =            4]",
        "#[Buckets =           22, SubBuckets     =         2048]",
        "",
      ].join("\n"),
    );
  });
});
