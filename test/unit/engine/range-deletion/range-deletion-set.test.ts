import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { neededDeletions } from "../../../../src/engine/range-deletion/fragments.ts";
import { RangeDeletionSet } from "../../../../src/engine/range-deletion/range-deletion-set.ts";
import { deletionLists, entryLists, isDeleted, keys, tableOf } from "./deletion-support.ts";

const sequences = fc.integer({ min: 0, max: 31 });

function covers(set: RangeDeletionSet, key: string, sequence: number): boolean {
  const bytes = Buffer.from(`>${key}<`, "latin1");
  return set.coveringSequence(bytes, 1, key.length, sequence) > 0;
}

describe("a set of range deletions", () => {
  test("covers what one of them covers", () => {
    fc.assert(
      fc.property(deletionLists, keys, sequences, (deletions, key, sequence) => {
        const set = new RangeDeletionSet(deletions);
        expect(covers(set, key, sequence)).toBe(isDeleted(deletions, key, sequence));
      }),
      { numRuns: 2000 },
    );
  });

  test("says by which number an entry is deleted: the highest", () => {
    fc.assert(
      fc.property(deletionLists, keys, (deletions, key) => {
        const covering = deletions.filter((deletion) => isDeleted([deletion], key, 0));
        const highest = Math.max(0, ...covering.map(({ sequence }) => sequence));
        const bytes = Buffer.from(key, "latin1");
        expect(new RangeDeletionSet(deletions).coveringSequence(bytes, 0, bytes.length, 0)).toBe(highest);
      }),
    );
  });

  test("as of a sequence number is that of the deletions up to it", () => {
    fc.assert(
      fc.property(deletionLists, keys, sequences, sequences, (deletions, key, sequence, moment) => {
        const set = new RangeDeletionSet(deletions).asOf(moment);
        const then = deletions.filter((deletion) => deletion.sequence <= moment);
        expect(covers(set, key, sequence)).toBe(isDeleted(then, key, sequence));
        expect(set.isEmpty).toBe(then.length === 0);
      }),
    );
  });

  test("grows by one more", () => {
    fc.assert(
      fc.property(deletionLists, keys, sequences, (deletions, key, sequence) => {
        let set = new RangeDeletionSet([]);
        for (const deletion of deletions) set = set.with(deletion);
        expect(set.deletions).toEqual(deletions);
        expect(covers(set, key, sequence)).toBe(isDeleted(deletions, key, sequence));
      }),
    );
  });

  test("covers a table only where it covers every key between its ends", () => {
    fc.assert(
      fc.property(deletionLists, entryLists, keys, (deletions, entries, between) => {
        const table = tableOf(entries);
        const isCovered = new RangeDeletionSet(deletions).coversTable(table);
        const { smallestKey, largestKey, largestSequence } = table;
        const key = Buffer.from(between, "latin1");
        const isInside = Buffer.compare(key, smallestKey) >= 0 && Buffer.compare(key, largestKey) <= 0;
        if (isCovered && isInside) expect(isDeleted(deletions, between, largestSequence)).toBe(true);
        if (entries.length === 1) {
          const [{ key: only, sequence }] = entries as [(typeof entries)[number]];
          expect(isCovered).toBe(isDeleted(deletions, only, sequence));
        }
      }),
      { numRuns: 2000 },
    );
  });

  test("touches every table with an entry that it covers, but for those it was applied to", () => {
    fc.assert(
      fc.property(deletionLists, entryLists, sequences, (deletions, entries, appliedThrough) => {
        const later = deletions.filter(({ sequence }) => sequence > appliedThrough);
        const holdsCovered = entries.some(({ key, sequence }) => isDeleted(later, key, sequence));
        const set = new RangeDeletionSet(deletions);
        if (holdsCovered) expect(set.touchesTable(tableOf(entries, appliedThrough))).toBe(true);
        expect(set.touchesTable(tableOf(entries, 31))).toBe(false);
      }),
      { numRuns: 2000 },
    );
  });
});

describe("deletions that are needed", () => {
  test("hide the same as all of them, whatever tables there are", () => {
    fc.assert(
      fc.property(deletionLists, fc.array(entryLists, { maxLength: 4 }), (deletions, tables) => {
        const needed = neededDeletions(deletions, [tables.map((entries) => tableOf(entries))]);
        for (const { key, sequence } of tables.flat()) {
          expect(isDeleted(needed, key, sequence)).toBe(isDeleted(deletions, key, sequence));
        }
      }),
      { numRuns: 2000 },
    );
  });

  const deletion = (start: string, end: string, sequence: number) => ({
    start: Buffer.from(start),
    end: Buffer.from(end),
    sequence,
  });
  const [older, newer] = [deletion("a", "d", 10), deletion("b", "e", 20)];
  const table = (first: string, last: string, sequence: number, appliedThrough = 0) =>
    tableOf(
      [
        { key: first, sequence },
        { key: last, sequence: sequence + 1 },
      ],
      appliedThrough,
    );

  test.each<[string, ReturnType<typeof table>[], number[]]>([
    ["no table", [], []],
    ["a table beside them", [table("e", "f", 1)], []],
    ["a table with older entries under both", [table("a", "c", 1)], [10, 20]],
    ["a table with entries as old as the older one", [table("a", "c", 10)], [20]],
    ["a table with newer entries", [table("a", "c", 20)], []],
    ["a table to which the older one was applied", [table("a", "c", 1, 10)], [20]],
    ["a table to which both were applied", [table("a", "c", 1, 20)], []],
    ["a table under which the newer one hides the older one", [table("b", "c", 1)], [20]],
  ])("%s", (_, tables, expected) => {
    const needed = neededDeletions([older, newer], [[], tables]);
    expect(needed.map(({ sequence }) => sequence)).toEqual(expected);
  });
});
