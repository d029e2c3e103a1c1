import { describe, expect, test } from "bun:test";
import { compareBytes } from "../../../../src/base/bytes.ts";
import type { TableOptions } from "../../../../src/engine/options.ts";
import { BlockReader } from "../../../../src/engine/sstable/block.ts";
import { BlockCache } from "../../../../src/engine/sstable/block-cache.ts";
import { TableReader } from "../../../../src/engine/sstable/reader.ts";
import { TableFile } from "../../../../src/engine/sstable/table-file.ts";
import { MemoryFileSystem } from "../../../../src/platform/memory.ts";
import { seededRandom } from "../../../../src/platform/random.ts";
import {
  contentOf,
  type Entry,
  entry,
  filesOf,
  lookUp,
  newFound,
  numberedEntries,
  tableOf,
  tablePath,
} from "./table-support.ts";

const options: Partial<TableOptions> = { blockSizeBytes: 256, compression: "zstd" };

/** Tables of one file system that decompress into the same memory. */
async function tablesSharing(blocks: BlockCache, contents: readonly (readonly Entry[])[]) {
  const files = new MemoryFileSystem();
  const tables: TableReader[] = [];
  for (const [index, entries] of contents.entries()) {
    const path = `00000${index}.sst`;
    const file = files.open(path, "create");
    file.writeAt(contentOf((await tableOf(entries, options)).files), 0);
    file.close();
    tables.push(TableReader.open(files, path, undefined, undefined, blocks));
  }
  return { files, tables };
}

/** The same keys with another value in each table; some values are larger than a slot. */
function contentsOf(tableCount: number): Entry[][] {
  return Array.from({ length: tableCount }, (_, table) =>
    numberedEntries(150, (i) => `${table}-${i} `.repeat(i % 10 === 0 ? 60 : 1 + (i % 7))),
  );
}

describe("look-ups through a cache of blocks", () => {
  for (const budgetBytes of [0, 1279, 1280, 5120, 40_000, 1 << 20]) {
    test(`find what is there in three tables, with ${budgetBytes} bytes`, async () => {
      const contents = contentsOf(3);
      const { tables } = await tablesSharing(new BlockCache(budgetBytes, 256), contents);
      const random = seededRandom(budgetBytes);
      for (let round = 0; round < 3000; round++) {
        const table = random.uint32() % 3;
        // Some keys come again and again.
        const i = random.uint32() % (round % 2 === 0 ? 150 : 9);
        expect(lookUp(tables[table]!, contents[table]![i]!.key)).toEqual(contents[table]![i]!);
      }
    });
  }

  test("take what is there from there, for the same block of the same table alone", async () => {
    const contents = contentsOf(1)[0]!.slice(0, 4);
    const bytes = contentOf((await tableOf(contents, options)).files);
    const end = new TableFile(filesOf(bytes).open(tablePath, "read")).index().blockEnd(0);
    const blocks = new BlockCache(40_000, 256);
    const one = blocks.addTable();
    const other = blocks.addTable();
    const block = new BlockReader(tablePath);
    blocks.open(one, 0, bytes, 0, end, block);
    bytes.fill(0xff);
    blocks.open(one, 0, bytes, 0, end, block);
    expect(block.next()).toBe(true);
    expect(compareBytes(block.key.slice(0, block.keyLength), contents[0]!.key)).toBe(0);
    expect(() => blocks.open(other, 0, bytes, 0, end, block)).toThrow("cannot hold");
    expect(() => blocks.open(one, 1, bytes, 0, end, block)).toThrow("cannot hold");
  });

  test("keep nothing of a block that does not decompress", async () => {
    const bytes = contentOf((await tableOf(contentsOf(1)[0]!.slice(0, 4), options)).files);
    const end = new TableFile(filesOf(bytes).open(tablePath, "read")).index().blockEnd(0);
    const blocks = new BlockCache(1280, 256);
    const block = new BlockReader(tablePath);
    const table = blocks.addTable();
    for (let number = 0; number < 4; number++) blocks.open(table, number, bytes, 0, end, block);
    bytes.fill(0, 4, 20);
    const damaged = () => blocks.open(table, 4, bytes, 0, end, block);
    for (let round = 0; round < 6; round++) expect(damaged).toThrow("does not decompress");
    for (let number = 0; number < 4; number++) {
      expect(() => blocks.open(table, number, bytes, 0, end, block)).toThrow("does not decompress");
    }
  });

  test("keep what is used again while others pass", async () => {
    const blocks = new BlockCache(1280, 256);
    const random = seededRandom(1);
    const value = () => String.fromCharCode(97 + (random.uint32() % 26)).repeat(300);
    const contents = [
      Array.from({ length: 40 }, (_, i) => entry(`k${String(i).padStart(2, "0")}`, value(), i)),
    ];
    const { tables } = await tablesSharing(blocks, contents);
    const [table] = tables;
    const found = newFound();
    const find = (i: number) => {
      const { key } = contents[0]![i]!;
      expect(table!.get(key, key.length, found)).toBe(true);
      return found.value.bytes;
    };
    // A slot is a segment here, and so a buffer of its own.
    const place = find(0);
    for (let i = 1; i < 40; i++) {
      find(i);
      expect(find(0)).toBe(place);
    }
    expect(new Set(Array.from({ length: 30 }, (_, i) => find(i + 1))).size).toBe(4);
  });

  test("take memory as it fills, give it back, and find what is there all the while", async () => {
    const contents = contentsOf(3);
    const blocks = new BlockCache(40_000, 256);
    const { tables } = await tablesSharing(blocks, contents);
    expect(blocks.status).toEqual({ hits: 0, misses: 0, evictions: 0, sizeBytes: 0, budgetBytes: 40_000 });
    const random = seededRandom(5);
    const readSome = () => {
      for (let round = 0; round < 400; round++) {
        const table = random.uint32() % 3;
        const i = random.uint32() % 150;
        expect(lookUp(tables[table]!, contents[table]![i]!.key)).toEqual(contents[table]![i]!);
        const { sizeBytes, budgetBytes } = blocks.status;
        expect(sizeBytes).toBeLessThanOrEqual(budgetBytes);
      }
    };
    lookUp(tables[0]!, contents[0]![1]!.key);
    expect(blocks.status.sizeBytes).toBeLessThan(5000);
    for (const budgetBytes of [40_000, 9000, 20_000, 0, 3000, 40_000]) {
      blocks.resize(budgetBytes);
      readSome();
    }
    const { hits, misses, evictions, sizeBytes } = blocks.status;
    // Some blocks are not compressed.
    expect(hits + misses).toBeGreaterThan(2300);
    expect(hits + misses).toBeLessThanOrEqual(2401);
    expect(Math.min(hits, misses, evictions)).toBeGreaterThan(100);
    expect(sizeBytes).toBeGreaterThan(10_000);
  });

  test("and scans leave it alone", async () => {
    const contents = contentsOf(1);
    const { tables } = await tablesSharing(new BlockCache(1280, 256), contents);
    const [table] = tables;
    const found = newFound();
    const { key, value } = contents[0]![1]!;
    table!.get(key, key.length, found);
    const cursor = table!.cursor();
    for (cursor.rewind(); cursor.valid; cursor.next()) {}
    expect(found.value.copy()).toEqual(value);
  });
});
