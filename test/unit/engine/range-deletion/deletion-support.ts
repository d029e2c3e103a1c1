import fc from "fast-check";
import type { DatedTable, RangeDeletion } from "../../../../src/engine/range-deletion/range-deletion.ts";

/** Few different keys, so that bounds meet: empty, one letter or two. */
export const keys = fc.string({
  unit: fc.constantFrom("a", "b", "c", "d"),
  maxLength: 2,
});

const bytes = (text: string) => Buffer.from(text, "latin1");

/** With different sequence numbers, as the log hands them out, in any order. */
export const deletionLists: fc.Arbitrary<RangeDeletion[]> = fc
  .uniqueArray(
    fc.record({
      from: keys,
      to: fc.option(keys, { nil: undefined, freq: 6 }),
      sequence: fc.integer({ min: 1, max: 30 }),
    }),
    { selector: ({ sequence }) => sequence, maxLength: 8 },
  )
  .map((list) =>
    list
      .filter(({ from, to }) => from !== to)
      .map(({ from, to, sequence }) => {
        const [start, end] = to === undefined || from < to ? [from, to] : [to, from];
        return { start: bytes(start), end: end === undefined ? undefined : bytes(end), sequence };
      }),
  );

/** What the deletions mean, word for word. */
export function isDeleted(deletions: readonly RangeDeletion[], key: string, sequence: number): boolean {
  return deletions.some(
    (deletion) =>
      sequence < deletion.sequence &&
      Buffer.compare(bytes(key), deletion.start) >= 0 &&
      (deletion.end === undefined || Buffer.compare(bytes(key), deletion.end) < 0),
  );
}

export interface TestEntry {
  readonly key: string;
  readonly sequence: number;
}

export function tableOf(entries: readonly TestEntry[], deletionsAppliedThrough = 0): DatedTable {
  const sorted = entries.map(({ key }) => bytes(key)).sort(Buffer.compare);
  const sequences = entries.map(({ sequence }) => sequence);
  return {
    smallestKey: sorted[0]!,
    largestKey: sorted.at(-1)!,
    smallestSequence: Math.min(...sequences),
    largestSequence: Math.max(...sequences),
    deletionsAppliedThrough,
  };
}

/** Entries of one table: each key once. */
export const entryLists = fc.uniqueArray(
  fc.record({ key: keys, sequence: fc.integer({ min: 0, max: 30 }) }),
  { selector: ({ key }) => key, minLength: 1, maxLength: 8 },
);
