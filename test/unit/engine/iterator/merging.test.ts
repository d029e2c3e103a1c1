import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { MergingCursor } from "../../../../src/engine/iterator/merging.ts";
import { ArrayCursor, drain, type TestEntry } from "../../../support/array-cursor.ts";

const sourcesArbitrary = fc
  .array(fc.uniqueArray(fc.integer({ min: 0, max: 30 }), { maxLength: 20 }), { maxLength: 7 })
  .map((sources) => {
    let sequence = 0;
    return sources.map((numbers) =>
      numbers
        .sort((a, b) => a - b)
        .map((number): TestEntry => ({ key: `k${String(number).padStart(2, "0")}`, sequence: ++sequence })),
    );
  });

/** Each key once, with its greatest sequence number. */
function expected(sources: readonly (readonly TestEntry[])[], from = ""): string[] {
  const newest = new Map<string, number>();
  for (const { key, sequence } of sources.flat()) {
    newest.set(key, Math.max(sequence, newest.get(key) ?? 0));
  }
  return [...newest]
    .filter(([key]) => key >= from)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, sequence]) => `${key}@${sequence}`);
}

describe("merging cursor", () => {
  test("yields each key once with its newest entry", () => {
    fc.assert(
      fc.property(sourcesArbitrary, (sources) => {
        const cursor = new MergingCursor(sources.map((entries) => new ArrayCursor(entries)));
        cursor.rewind();
        expect(drain(cursor)).toEqual(expected(sources));
      }),
      { numRuns: 500 },
    );
  });

  test("seeks to the first key at or after the one asked for, again and again", () => {
    fc.assert(
      fc.property(sourcesArbitrary, fc.array(fc.integer({ min: 0, max: 31 })), (sources, seeks) => {
        const cursor = new MergingCursor(sources.map((entries) => new ArrayCursor(entries)));
        for (const number of seeks) {
          const from = `k${String(number).padStart(2, "0")}`;
          cursor.seek(Buffer.from(from));
          expect(drain(cursor)).toEqual(expected(sources, from));
        }
      }),
      { numRuns: 200 },
    );
  });

  test("is not valid before its first move, nor over nothing", () => {
    const cursor = new MergingCursor([]);
    expect(cursor.valid).toBe(false);
    cursor.rewind();
    expect(cursor.valid).toBe(false);
  });
});
