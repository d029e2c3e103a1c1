import { describe, expect, test } from "bun:test";
import { Slice } from "../../../../src/base/bytes.ts";
import { InvariantViolation } from "../../../../src/base/errors.ts";
import { entryKinds } from "../../../../src/engine/internal-key.ts";
import { defaultTableOptions, type TableOptions } from "../../../../src/engine/options.ts";
import { TableReader } from "../../../../src/engine/sstable/reader.ts";
import { TableWriter } from "../../../../src/engine/sstable/writer.ts";
import { keepNone } from "../../../../src/platform/crash.ts";
import { FaultFileSystem } from "../../../../src/platform/fault.ts";
import type { File } from "../../../../src/platform/file-system.ts";
import { MemoryFileSystem } from "../../../../src/platform/memory.ts";
import { seededRandom } from "../../../../src/platform/random.ts";
import {
  allEntries,
  contentOf,
  createdAtMs,
  entry,
  filesOf,
  numberedEntries,
  tableOf,
  tablePath,
  tombstone,
  utf8,
} from "./table-support.ts";

function newWriter(options: Partial<TableOptions> = {}, files = new MemoryFileSystem()) {
  const file = files.open(tablePath, "create");
  const writer = new TableWriter(file, { ...defaultTableOptions, ...options }, createdAtMs);
  const add = (key: Uint8Array, value: Uint8Array, sequence = 1) =>
    writer.add(new Slice(key), sequence, entryKinds.value, new Slice(value));
  return { files, file, writer, add };
}

test("the summary and the properties say what the table holds", async () => {
  const entries = [entry("a", "1", 5), tombstone("b", "2", 3), entry("c", "", 9), tombstone("d", "", 4)];
  const { files, summary, table } = await tableOf(entries);
  expect(summary).toEqual({
    sizeBytes: contentOf(files).length,
    entryCount: 4,
    tombstoneCount: 2,
    smallestKey: utf8("a"),
    largestKey: utf8("d"),
    smallestSequence: 3,
    largestSequence: 9,
    uncompressedSizeBytes: contentOf(files).length,
    createdAtMs,
  });
  const { sizeBytes, uncompressedSizeBytes: _, ...stated } = summary;
  expect(table.properties).toMatchObject(stated);
  expect(table.sizeBytes).toBe(sizeBytes);
});

test("the size is known exactly at any moment", async () => {
  const entries = numberedEntries(30, (i) => "x".repeat(i * 7));
  for (const indexPartitionBytes of [1 << 16, 50, 1]) {
    for (let count = 1; count <= entries.length; count++) {
      const { writer, add } = newWriter({
        blockSizeBytes: 256,
        restartIntervalEntries: 3,
        indexPartitionBytes,
      });
      for (const { key, value } of entries.slice(0, count)) add(key, value);
      const announced = writer.sizeBytes;
      expect((await writer.finish()).sizeBytes).toBe(announced);
      expect(writer.sizeBytes).toBe(announced);
    }
  }
});

describe("with compression", () => {
  const entries = numberedEntries(200, (i) => "x".repeat(i % 50));

  test("a table is smaller, and says by how much", async () => {
    const plain = await tableOf(entries, { blockSizeBytes: 256 });
    const { summary, table } = await tableOf(entries, { blockSizeBytes: 256, compression: "zstd" });
    expect(allEntries(table)).toEqual(entries);
    const { dataSizeBytes, uncompressedDataBytes } = table.properties;
    expect(uncompressedDataBytes).toBe(plain.table.properties.dataSizeBytes);
    expect(dataSizeBytes).toBeLessThan(0.75 * uncompressedDataBytes);
    expect(plain.summary.sizeBytes - summary.sizeBytes).toBe(uncompressedDataBytes - dataSizeBytes - 8);
  });

  test("a table of blocks that do not shrink by an eighth is the same as without", async () => {
    const random = seededRandom(1);
    const noise = entries.map(({ key }, i) =>
      entry(
        key,
        new Uint8Array(100).map(() => random.uint32()),
        i,
      ),
    );
    const plain = await tableOf(noise, { blockSizeBytes: 256 });
    const { files } = await tableOf(noise, { blockSizeBytes: 256, compression: "zstd" });
    expect(contentOf(files)).toEqual(contentOf(plain.files));
  });

  test("the size is never announced too small, and exactly but for the open block", async () => {
    for (let count = 1; count <= 40; count++) {
      const { writer, add } = newWriter({ blockSizeBytes: 256, compression: "zstd" });
      for (const { key, value } of entries.slice(0, count)) add(key, value);
      const announced = writer.sizeBytes;
      const { sizeBytes } = await writer.finish();
      expect(sizeBytes).toBeLessThanOrEqual(announced);
      expect(announced - sizeBytes).toBeLessThan(400);
      expect(writer.sizeBytes).toBe(sizeBytes);
    }
  });
});

describe("blocks", () => {
  const blockCount = async (values: readonly number[]) => {
    const entries = values.map((length, i) => entry(String(i), "x".repeat(length)));
    return (await tableOf(entries, { blockSizeBytes: 100 })).table.blockCount;
  };

  test("close when their entries reach the size", async () => {
    // An entry with a key of one byte takes six bytes and its value.
    expect(await blockCount([43, 45, 1])).toBe(2);
    expect(await blockCount([43, 44, 1])).toBe(1);
  });

  test("of an entry larger than a block hold it alone", async () => {
    expect(await blockCount([1, 100, 1])).toBe(3);
    expect(await blockCount([100, 100])).toBe(2);
    expect(await blockCount([1, 99, 1])).toBe(3);
    expect(await blockCount([1, 98, 1])).toBe(2);
  });
});

describe("refuses", () => {
  const invariant = (message: string) =>
    expect.objectContaining({ name: "InvariantViolation", message: expect.stringContaining(message) });

  test("keys that do not ascend", () => {
    for (const [first, second] of [
      ["b", "a"],
      ["b", "b"],
      ["ab", "a"],
      ["\u00ff", "a"],
    ] as const) {
      const { add } = newWriter();
      add(utf8(first), utf8(""));
      expect(() => add(utf8(second), utf8(""))).toThrow(invariant("ascend"));
    }
  });

  test("an empty table", async () => {
    const { writer } = newWriter();
    await expect(writer.finish()).rejects.toThrow(invariant("at least one entry"));
  });

  test("anything after the end", async () => {
    const { writer, add } = newWriter();
    add(utf8("a"), utf8(""));
    await writer.finish();
    expect(() => add(utf8("b"), utf8(""))).toThrow(InvariantViolation);
    await expect(writer.finish()).rejects.toThrow(InvariantViolation);
  });

  test("keys and values past the limits, and takes them at the limit", async () => {
    const { files, writer, add } = newWriter();
    const key = new Uint8Array(64 * 1024).fill(97);
    const value = new Uint8Array(17 * 1024 * 1024).fill(98);
    add(key, value);
    expect(() => add(new Uint8Array(key.length + 1).fill(99), value)).toThrow(
      expect.objectContaining({ code: "KEY_TOO_LARGE" }),
    );
    expect(() => add(utf8("b"), new Uint8Array(value.length + 1))).toThrow(
      expect.objectContaining({ code: "VALUE_TOO_LARGE" }),
    );
    await writer.finish();
    expect(Bun.hash(allEntries(TableReader.open(files, tablePath))[0]!.value)).toBe(Bun.hash(value));
  });

  test("to grow past 4 GiB, and can be finished then", async () => {
    // Keeps nothing but where the writes went.
    let endBytes = 0;
    const file = {
      path: tablePath,
      writeAt(source: Uint8Array, position: number) {
        expect(position).toBe(endBytes);
        endBytes = position + source.length;
      },
      sync: () => Promise.resolve(),
    } as unknown as File;
    const writer = new TableWriter(file, defaultTableOptions, createdAtMs);
    const value = new Slice(new Uint8Array(16 * 1024 * 1024));
    const addUntilRefused = () => {
      for (let i = 0; ; i++) {
        writer.add(new Slice(utf8(String(i).padStart(4, "0"))), 1, entryKinds.value, value);
      }
    };
    expect(addUntilRefused).toThrow(
      expect.objectContaining({ code: "SSTABLE_FAILED", message: expect.stringContaining("table is full") }),
    );
    const { sizeBytes, entryCount } = await writer.finish();
    expect(entryCount).toBe(255);
    expect(sizeBytes).toBe(endBytes);
    expect(sizeBytes).toBeLessThan(2 ** 32);
  });
});

describe("durability", () => {
  test("a finished table survives a crash once its directory was synced", async () => {
    const { files, writer, add } = newWriter();
    add(utf8("a"), utf8("1"));
    await files.syncDirectory(".");
    await writer.finish();
    const crashed = files.crashClone(keepNone);
    expect(allEntries(TableReader.open(crashed, tablePath))).toEqual([entry("a", "1")]);
  });

  test("what the file system refuses reaches the caller, and nothing is a table then", async () => {
    for (const kind of ["write", "sync"] as const) {
      const inner = new MemoryFileSystem();
      const files = new FaultFileSystem(inner, (operation) =>
        operation.kind === kind ? "ENOSPC" : undefined,
      );
      const file = files.open(tablePath, "create");
      const writer = new TableWriter(file, defaultTableOptions, createdAtMs);
      writer.add(new Slice(utf8("a")), 1, entryKinds.value, new Slice(utf8("1")));
      await expect(writer.finish()).rejects.toThrow(expect.objectContaining({ code: "ENOSPC" }));
      await expect(writer.finish()).rejects.toThrow(InvariantViolation);
    }
  });
});

test("a file that was not finished is no table", () => {
  const { files, writer, add } = newWriter();
  for (const { key, value } of numberedEntries(5000, () => "x".repeat(200))) add(key, value);
  expect(contentOf(files).length).toBeGreaterThan(500_000);
  expect(writer.sizeBytes).toBeGreaterThan(contentOf(files).length);
  expect(() => TableReader.open(filesOf(contentOf(files)), tablePath)).toThrow("it is cut, or no table");
});
