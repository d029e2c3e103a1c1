import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { RangeDeletionSet } from "../../../../src/engine/range-deletion/range-deletion-set.ts";
import { surviving } from "../../../../src/engine/range-deletion/surviving-cursor.ts";
import { ArrayCursor, drain } from "../../../support/array-cursor.ts";
import { deletionLists, entryLists, isDeleted, keys, type TestEntry } from "./deletion-support.ts";

const newestOf = (entries: readonly TestEntry[]) => Math.max(...entries.map(({ sequence }) => sequence));
const sorted = (entries: readonly TestEntry[]) => entries.toSorted((a, b) => (a.key < b.key ? -1 : 1));

/** Counts the moves of a cursor. */
class CountingCursor extends ArrayCursor {
  nextCount = 0;
  seekCount = 0;

  override next(): void {
    this.nextCount++;
    super.next();
  }

  override seek(key: Uint8Array): void {
    this.seekCount++;
    super.seek(key);
  }
}

describe("a cursor over what survives", () => {
  test("yields the entries that no deletion covers, from the start and from any key", () => {
    fc.assert(
      fc.property(deletionLists, entryLists, keys, (deletions, entries, from) => {
        const survivors = sorted(entries).filter(({ key, sequence }) => !isDeleted(deletions, key, sequence));
        const expected = survivors.map(({ key, sequence }) => `${key}@${sequence}`);
        const source = new ArrayCursor(sorted(entries));
        const cursor = surviving(source, new RangeDeletionSet(deletions), newestOf(entries));
        cursor.rewind();
        expect(drain(cursor)).toEqual(expected);
        cursor.seek(Buffer.from(from));
        expect(drain(cursor)).toEqual(expected.slice(survivors.filter(({ key }) => key < from).length));
      }),
      { numRuns: 2000 },
    );
  });

  const deletion = { start: Buffer.from("b"), end: Buffer.from("y"), sequence: 50 };
  const letters = (sequence: number) => [..."abcdefghijklmnopqrstuvwxyz"].map((key) => ({ key, sequence }));

  test("is the source itself where nothing is deleted", () => {
    const source = new ArrayCursor([]);
    expect(surviving(source, new RangeDeletionSet([]), 9)).toBe(source);
  });

  test("leaves a covered stretch by one search where the source holds nothing newer", () => {
    const source = new CountingCursor(letters(7));
    const cursor = surviving(source, new RangeDeletionSet([deletion]), 7);
    cursor.rewind();
    expect(drain(cursor)).toEqual(["a@7", "y@7", "z@7"]);
    expect([source.seekCount, source.nextCount]).toEqual([1, 3]);
  });

  test("ends at a covered stretch without end", () => {
    const source = new CountingCursor(letters(7));
    const cursor = surviving(source, new RangeDeletionSet([{ ...deletion, end: undefined }]), 7);
    cursor.rewind();
    expect(drain(cursor)).toEqual(["a@7"]);
    expect([source.seekCount, source.nextCount]).toEqual([0, 1]);
  });

  test("finds what is newer within the range", () => {
    const entries = letters(7).with(12, { key: "m", sequence: 50 });
    const cursor = surviving(new ArrayCursor(entries), new RangeDeletionSet([deletion]), 50);
    cursor.rewind();
    expect(drain(cursor)).toEqual(["a@7", "m@50", "y@7", "z@7"]);
  });
});
