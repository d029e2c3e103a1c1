/** One flipped byte, wherever it is: `verifyTable` finds it, and reading answers rightly or not at all. */
import { describe, expect, test } from "bun:test";
import { StorageError } from "../../../../src/base/errors.ts";
import { writeUint32 } from "../../../../src/base/integers.ts";
import type { TableOptions } from "../../../../src/engine/options.ts";
import { compressions, readFooter, trailerSizeBytes } from "../../../../src/engine/sstable/format.ts";
import { TableReader } from "../../../../src/engine/sstable/reader.ts";
import { TableFile } from "../../../../src/engine/sstable/table-file.ts";
import { verifyTable } from "../../../../src/engine/sstable/verify.ts";
import type { MemoryFileSystem } from "../../../../src/platform/memory.ts";
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

interface WholeTable {
  readonly content: Uint8Array;
  readonly filterOffset: number;
}

async function wholeTable(options: Partial<TableOptions>): Promise<WholeTable> {
  const content = contentOf((await tableOf(entries, { restartIntervalEntries: 2, ...options })).files);
  return { content, filterOffset: readFooter(tablePath, content.length, content).filterOffset };
}

const tables: Record<string, WholeTable> = {
  "an uncompressed table": await wholeTable({ blockSizeBytes: 64 }),
  "a table with an index of two levels": await wholeTable({ blockSizeBytes: 64, indexPartitionBytes: 25 }),
  "a table with a compressed block": await wholeTable({ blockSizeBytes: 64, compression: "zstd" }),
};

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

for (const [name, { content: whole, filterOffset }] of Object.entries(tables)) {
  describe(`one flipped byte of ${name}`, () => {
    // All bits of the byte, its highest and its lowest.
    for (const mask of [0xff, 0x80, 0x01]) {
      test(`with mask ${mask}, at each place`, () => {
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
}

describe("a compressed block that is wrong under a right checksum", () => {
  const { content } = tables["a table with a compressed block"]!;
  const index = new TableFile(filesOf(content).open(tablePath, "read")).index();
  const blocks = Array.from({ length: index.blockCount }, (_, number) => number);
  const compressed = blocks.find((block) => content[index.blockEnd(block) - 5] === compressions.zstd)!;
  const [start, end] = [index.blockStart(compressed), index.blockEnd(compressed)];

  /** The table with bytes of the block in another form, and the checksum that fits. */
  function forged(change: (block: Uint8Array) => void): MemoryFileSystem {
    const bytes = content.slice();
    change(bytes.subarray(start, end));
    writeUint32(bytes, end - 4, Bun.hash.crc32(bytes.subarray(start, end - 4)));
    return filesOf(bytes);
  }

  test("is read within its bounds, and refused where it does not decompress", () => {
    let refusals = 0;
    for (let at = 0; at < end - start - trailerSizeBytes; at++) {
      for (let mask = 1; mask < 256; mask += 7) {
        const files = forged((block) => {
          block[at]! ^= mask;
        });
        const table = TableReader.open(files, tablePath);
        if (answer(() => allEntries(table)) === undefined) refusals++;
        for (const { key } of entries) answer(() => lookUp(table, key));
        for (const { offset } of verifyTable(files, tablePath)) expect(offset).toBeLessThan(content.length);
      }
    }
    expect(refusals).toBeGreaterThan(300);
  });

  test("that claims more than a block may hold takes no memory", () => {
    for (const length of [2 ** 25 + 1, 2 ** 32 - 1]) {
      const files = forged((block) => writeUint32(block, 0, length));
      const refusal = { code: "CORRUPTED_DATA", file: tablePath, offset: start };
      expect(() => allEntries(TableReader.open(files, tablePath))).toThrow(expect.objectContaining(refusal));
      expect(verifyTable(files, tablePath)).toEqual([
        { file: tablePath, offset: start, message: `a compressed block cannot hold ${length}` },
      ]);
    }
  });
});

test("damage to one block leaves the others readable, again and again", () => {
  const flipped = tables["an uncompressed table"]!.content.slice();
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
