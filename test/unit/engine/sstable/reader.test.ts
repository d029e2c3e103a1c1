import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { compareBytes } from "../../../../src/base/bytes.ts";
import { entryKinds } from "../../../../src/engine/internal-key.ts";
import type { TableOptions } from "../../../../src/engine/options.ts";
import { TableReader } from "../../../../src/engine/sstable/reader.ts";
import { MemoryFileSystem } from "../../../../src/platform/memory.ts";
import { seededRandom } from "../../../../src/platform/random.ts";
import { realFileSystem } from "../../../../src/platform/real.ts";
import { temporaryFolder } from "../../../support/temp-folder.ts";
import {
  allEntries,
  contentOf,
  type Entry,
  entry,
  filesOf,
  lookUp,
  newFound,
  numberedEntries,
  rest,
  sortedUnique,
  tableOf,
  tablePath,
  tombstone,
  utf8,
} from "./table-support.ts";

/** Looks for every key and between every two of them, by `get` and by `seek`. */
function expectTableToHold(table: TableReader, entries: readonly Entry[]): void {
  expect(allEntries(table)).toEqual([...entries]);
  const cursor = table.cursor();
  entries.forEach((each, i) => {
    expect(lookUp(table, each.key)).toEqual(each);
    const after = Uint8Array.from([...each.key, 0]);
    for (const [target, place] of [
      [each.key, i],
      [after, i + 1],
    ] as const) {
      cursor.seek(target);
      expect(cursor.valid ? cursor.key.copy() : undefined).toEqual(entries[place]?.key);
    }
    if (compareBytes(entries[i + 1]?.key ?? each.key, after) !== 0)
      expect(lookUp(table, after)).toBeUndefined();
  });
}

describe("round trips", () => {
  const binary = Array.from({ length: 300 }, (_, i) =>
    entry(Uint8Array.from([i >> 2, 255 - (i & 3), i & 1 ? 0 : 255]), ""),
  );
  const cases: Record<string, Entry[]> = {
    "one entry": [entry("key", "value", 7)],
    "an empty key and an empty value": [entry("", ""), entry("a", "")],
    "keys that are prefixes of each other": Array.from({ length: 60 }, (_, i) =>
      entry("a".repeat(i), `${i}`, i),
    ),
    "binary keys": sortedUnique(binary),
    "tombstones with their bytes": [tombstone("a", "clock", 3), entry("b", "x", 2), tombstone("c", "", 1)],
    "the largest sequence number": [entry("a", "1", Number.MAX_SAFE_INTEGER)],
    "values around block and copy sizes": [0, 1, 63, 64, 65, 127, 128, 4000, 4096, 5000, 70_000].map(
      (length, i) => entry(`k${String(i).padStart(2, "0")}`, new Uint8Array(length).fill(i), i),
    ),
    "keys longer than the cursor's first buffer": [1000, 1535, 1536, 1537, 9000, 65_536].map((length, i) =>
      entry(new Uint8Array(length).fill(97), `${i}`, i),
    ),
    "many entries": numberedEntries(3000),
  };
  const options: Partial<TableOptions>[] = [
    {},
    { blockSizeBytes: 64, restartIntervalEntries: 1 },
    { blockSizeBytes: 200, restartIntervalEntries: 2, bloomFalsePositiveRate: 0.5 },
    { blockSizeBytes: 64, indexPartitionBytes: 1 },
    { blockSizeBytes: 200, indexPartitionBytes: 100 },
    { compression: "zstd" },
    { blockSizeBytes: 200, indexPartitionBytes: 100, compression: "zstd", zstdLevel: 1 },
  ];
  for (const [name, entries] of Object.entries(cases)) {
    test(name, async () => {
      for (const each of options) expectTableToHold((await tableOf(entries, each)).table, entries);
    });
  }
});

test("random tables agree with a sorted list", async () => {
  const key = fc.uint8Array({ maxLength: 8, max: 3 });
  const anyEntry = fc.record({
    key,
    sequence: fc.nat(),
    kind: fc.constantFrom(entryKinds.value, entryKinds.tombstone),
    value: fc.uint8Array({ maxLength: 40 }),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(anyEntry, { minLength: 1, maxLength: 60 }).map(sortedUnique),
      fc.integer({ min: 64, max: 300 }),
      fc.integer({ min: 1, max: 5 }),
      fc.constantFrom("none", "zstd"),
      fc.array(key),
      async (entries, blockSizeBytes, restartIntervalEntries, compression, others) => {
        const { table } = await tableOf(entries, { blockSizeBytes, restartIntervalEntries, compression });
        expectTableToHold(table, entries);
        const cursor = table.cursor();
        for (const target of others) {
          const from = entries.filter((each) => compareBytes(each.key, target) >= 0);
          cursor.seek(target);
          expect(rest(cursor)).toEqual(from);
          const isThere = from.length > 0 && compareBytes(from[0]!.key, target) === 0;
          expect(lookUp(table, target)).toEqual(isThere ? from[0] : undefined);
        }
      },
    ),
  );
});

test("a table on the machine's file system, through its map", async () => {
  const path = `${temporaryFolder()}/${tablePath}`;
  const entries = numberedEntries(2000);
  const file = realFileSystem.open(path, "create");
  file.writeAt(contentOf((await tableOf(entries)).files), 0);
  file.close();
  const table = TableReader.open(realFileSystem, path);
  expectTableToHold(table, entries);
  table.close();
});

describe("look-ups", () => {
  test("a cursor's slices stay right while others read", async () => {
    const entries = numberedEntries(500);
    const { table } = await tableOf(entries, { blockSizeBytes: 100, compression: "zstd" });
    const [one, other] = [table.cursor(), table.cursor()];
    one.rewind();
    other.seek(entries[300]!.key);
    one.next();
    lookUp(table, entries[10]!.key);
    expect(one.key.copy()).toEqual(entries[1]!.key);
    expect(other.key.copy()).toEqual(entries[300]!.key);
    expect(other.value.copy()).toEqual(entries[300]!.value);
  });

  test("a new cursor goes straight to keys that share more than its buffer holds", async () => {
    const entries = ["a", "b", "c"].map((end, i) => entry("x".repeat(5000) + end, String(i)));
    const { table } = await tableOf(entries, { blockSizeBytes: 100_000 });
    for (const each of entries) {
      const cursor = table.cursor();
      cursor.seek(each.key);
      expect(cursor.key.copy()).toEqual(each.key);
    }
  });

  test("only the first bytes of the key count", async () => {
    const { table } = await tableOf([entry("abc", "1")]);
    const found = newFound();
    expect(table.get(utf8("abcdef"), 3, found)).toBe(true);
    expect(table.get(utf8("abcdef"), 4, found)).toBe(false);
  });

  test("a cursor before its first move, and past the end, is not valid and does not move on", async () => {
    const { table } = await tableOf([entry("b", "1")]);
    const cursor = table.cursor();
    expect(cursor.valid).toBe(false);
    expect(() => cursor.next()).toThrow(expect.objectContaining({ name: "InvariantViolation" }));
    cursor.seek(utf8("c"));
    expect(cursor.valid).toBe(false);
    cursor.seek(utf8("a"));
    expect(cursor.valid).toBe(true);
  });

  test("are counted", async () => {
    const entries = numberedEntries(1000);
    const { table } = await tableOf(entries, { bloomFalsePositiveRate: 0.1 });
    for (const { key } of entries.slice(0, 100)) table.get(key, key.length, newFound());
    expect(table.counters).toMatchObject({ bloomNegatives: 0, bloomFalsePositives: 0, blockReads: 100 });
    for (let i = 0; i < 1000; i++) lookUp(table, utf8(`absent-${i}`));
    const { bloomNegatives, bloomFalsePositives, blockReads } = table.counters;
    expect(bloomNegatives + bloomFalsePositives).toBe(1000);
    expect(bloomFalsePositives).toBeGreaterThan(50);
    expect(bloomFalsePositives).toBeLessThan(200);
    expect(blockReads).toBe(100 + bloomFalsePositives);
    expect(table.counters.scanBlockReads).toBe(0);
    expect(allEntries(table)).toHaveLength(1000);
    expect(table.counters).toMatchObject({ blockReads, scanBlockReads: table.blockCount });
    expect(table.mayContain(entries[0]!.key, entries[0]!.key.length)).toBe(true);
  });
});

describe("closing", () => {
  test("gives the map back; a later use throws", async () => {
    const { files, table } = await tableOf(numberedEntries(100), { blockSizeBytes: 100 });
    const cursor = table.cursor();
    cursor.rewind();
    expect(files.mapCount).toBe(1);
    table.close();
    table.close();
    expect(files.mapCount).toBe(0);
    const key = utf8("key-000001");
    for (const use of [
      () => table.get(key, key.length, newFound()),
      () => table.mayContain(key, key.length),
      () => cursor.next(),
      () => cursor.rewind(),
      () => cursor.seek(key),
      () => table.cursor().rewind(),
    ]) {
      expect(use).toThrow(expect.objectContaining({ name: "InvariantViolation" }));
    }
  });
});

describe("opening refuses", () => {
  test("a missing file, with the system's error", () => {
    expect(() => TableReader.open(new MemoryFileSystem(), tablePath)).toThrow(
      expect.objectContaining({ code: "ENOENT" }),
    );
  });

  test("another size than expected, and names both", async () => {
    const { files, summary } = await tableOf([entry("a", "1")]);
    expect(TableReader.open(files, tablePath, summary.sizeBytes).sizeBytes).toBe(summary.sizeBytes);
    const before = files.mapCount;
    expect(() => TableReader.open(files, tablePath, 99)).toThrow(
      `has ${summary.sizeBytes} bytes instead of 99`,
    );
    expect(files.mapCount).toBe(before);
  });

  test("a table cut anywhere", async () => {
    const { files } = await tableOf(numberedEntries(20), { blockSizeBytes: 64 });
    const whole = contentOf(files);
    for (let length = 0; length < whole.length; length++) {
      expect(() => TableReader.open(filesOf(whole.slice(0, length)), tablePath)).toThrow(
        expect.objectContaining({ code: "CORRUPTED_DATA", file: tablePath }),
      );
    }
  });

  test("bytes after its end", async () => {
    const { files } = await tableOf(numberedEntries(20));
    const longer = Uint8Array.from([...contentOf(files), 0]);
    expect(() => TableReader.open(filesOf(longer), tablePath)).toThrow(
      expect.objectContaining({ code: "CORRUPTED_DATA" }),
    );
  });

  test("anything that is no table", () => {
    const random = seededRandom(3);
    const noise = new Uint8Array(5000).map(() => random.uint32());
    for (const content of [new Uint8Array(0), new Uint8Array(4096), noise]) {
      expect(() => TableReader.open(filesOf(content), tablePath)).toThrow(
        expect.objectContaining({ code: "CORRUPTED_DATA" }),
      );
    }
  });
});
