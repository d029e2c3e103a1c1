/** One flipped byte, wherever it is: `verifyTable` finds it, and reading answers rightly or not at all. */
import { beforeAll, describe, expect, test } from "bun:test";
import { StorageError } from "../../../../src/base/errors.ts";
import { readFooter } from "../../../../src/engine/sstable/format.ts";
import { TableReader } from "../../../../src/engine/sstable/reader.ts";
import { verifyTable } from "../../../../src/engine/sstable/verify.ts";
import {
  allEntries,
  contentOf,
  type Entry,
  entry,
  filesOf,
  lookUp,
  rest,
  tableOf,
  tablePath,
  tombstone,
  utf8,
} from "./table-support.ts";

const entries: Entry[] = [
  entry("tenant:apple", "red and round", 4),
  entry("tenant:apricot", "", 900),
  tombstone("tenant:banana", "gone", 7),
  entry("tenant:cherry", "x".repeat(60), 2 ** 40),
  entry("tenant:cherry-pie", "y", 12),
  entry("tenant:date", "sweet", 3),
  tombstone("tenant:elderberry", "", 8),
];
const absent = ["", "tenant:ap", "tenant:apples", "tenant:cherry-", "tenant:z"].map(utf8);

let whole: Uint8Array;
let filterOffset: number;

beforeAll(async () => {
  whole = contentOf((await tableOf(entries, { blockSizeBytes: 64, restartIntervalEntries: 2 })).files);
  filterOffset = readFooter(tablePath, whole.length, whole).filterOffset;
});

/** The answer, or `undefined` where it was refused as corrupted; any other error fails the test. */
function answer<T>(read: () => T): { readonly value: T } | undefined {
  try {
    return { value: read() };
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    expect(error).toMatchObject({ code: "CORRUPTED_DATA", file: tablePath });
    return undefined;
  }
}

/** Reads all that a table answers and compares it with what was written; the number of refusals. */
function readEverything(table: TableReader): number {
  let refusals = 0;
  const check = <T>(read: () => T, expected: T) => {
    const got = answer(read);
    if (got === undefined) refusals++;
    else expect(got.value).toEqual(expected);
  };
  for (const each of entries) check<Entry | undefined>(() => lookUp(table, each.key), each);
  for (const key of absent) check(() => lookUp(table, key), undefined);
  check(() => allEntries(table), entries);
  entries.forEach((each, i) => {
    check(() => {
      const cursor = table.cursor();
      cursor.seek(each.key);
      return rest(cursor);
    }, entries.slice(i));
  });
  return refusals;
}

describe("one flipped byte", () => {
  // All bits of the byte, its highest and its lowest.
  for (const mask of [0xff, 0x80, 0x01]) {
    test(`with mask ${mask}, at each place of a table`, () => {
      for (let at = 0; at < whole.length; at++) {
        const flipped = whole.slice();
        flipped[at]! ^= mask;
        const files = filesOf(flipped);
        const findings = verifyTable(files, tablePath);
        expect(findings).not.toEqual([]);
        for (const { file, offset } of findings) {
          expect(file).toBe(tablePath);
          expect(offset).toBeLessThan(whole.length);
        }
        const opened = answer(() => TableReader.open(files, tablePath));
        // Only damage to a data block is left to be found by reading it.
        expect(opened !== undefined).toBe(at < filterOffset);
        if (opened === undefined) continue;
        expect(findings).toHaveLength(1);
        expect(readEverything(opened.value)).toBeGreaterThan(0);
      }
    });
  }

  test("none: nothing is found, and everything is read", () => {
    const files = filesOf(whole);
    expect(verifyTable(files, tablePath)).toEqual([]);
    expect(readEverything(TableReader.open(files, tablePath))).toBe(0);
  });
});

test("damage to one block leaves the others readable, again and again", () => {
  const flipped = whole.slice();
  flipped[0]! ^= 1;
  const table = TableReader.open(filesOf(flipped), tablePath);
  for (let round = 0; round < 2; round++) {
    expect(() => lookUp(table, entries[0]!.key)).toThrow(
      expect.objectContaining({
        code: "CORRUPTED_DATA",
        offset: 0,
        message: expect.stringContaining("checksum"),
      }),
    );
    expect(lookUp(table, entries.at(-1)!.key)).toEqual(entries.at(-1)!);
  }
});
