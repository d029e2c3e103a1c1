/** The order of look-ups where it decides, on tables that no engine would write but a rebuilt manifest may name. */
import { expect, test } from "bun:test";
import type { Table } from "../../../src/engine/manifest/table.ts";
import { TableReaders } from "../../../src/engine/manifest/table-readers.ts";
import { Version } from "../../../src/engine/manifest/version.ts";
import { silentObserver } from "../../../src/engine/observer.ts";
import { findInTables } from "../../../src/engine/read-path.ts";
import { BlockCache } from "../../../src/engine/sstable/block-cache.ts";
import { TableReader } from "../../../src/engine/sstable/reader.ts";
import { ReadStatistics } from "../../../src/engine/statistics/read-statistics.ts";
import { MemoryFileSystem } from "../../../src/platform/memory.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { contentOf, type Entry, entry, newFound, tableOf } from "./sstable/table-support.ts";
import { directories } from "./store-support.ts";

/** A version whose level 0 has these tables, the first one asked first; blocks decompress into the same memory. */
async function versionOf(contents: readonly (readonly Entry[])[]): Promise<Version> {
  const files = new MemoryFileSystem();
  files.makeDirectory("/data");
  files.makeDirectory("/data/sstables");
  const blocks = new BlockCache(0, 256);
  const readers = new TableReaders({
    directories,
    openTable: (path) => TableReader.open(files, path, undefined, undefined, blocks),
    maxOpenCount: 10,
    maxHeldBytes: 0,
  });
  const tables: Table[] = [];
  for (const [index, entries] of contents.entries()) {
    const { files: scratch, summary } = await tableOf(entries, {
      compression: "zstd",
      bloomFalsePositiveRate: 0.5,
    });
    const table = readers.table({
      ...summary,
      fileNumber: index + 1,
      level: 0,
      deletionsAppliedThrough: 0,
    });
    const file = files.open(table.path, "create");
    file.writeAt(contentOf(scratch), 0);
    file.close();
    tables.push(table);
  }
  const statistics = new ReadStatistics({ clock: new ManualClock(0), observer: silentObserver });
  return new Version([tables, [], [], [], []], statistics, () => {});
}

const name = (i: number) => `key-${String(i).padStart(3, "0")}`;
const padding = "padding ".repeat(20);

test("what level 0 holds is right after look-ups in tables that only seem to hold it", async () => {
  const numbers = Array.from({ length: 100 }, (_, i) => i);
  const version = await versionOf([
    // Every second key, and one whose sequence number makes the others worth asking.
    [
      ...numbers.filter((i) => i % 2 === 0).map((i) => entry(name(i), `${padding}old ${i}`, 5)),
      entry("z", "", 100),
    ],
    [
      ...numbers.filter((i) => i % 2 === 1).map((i) => entry(name(i), `${padding}odd ${i}`, 6)),
      entry("z", "", 90),
    ],
    [
      ...numbers.filter((i) => i % 3 === 0).map((i) => entry(name(i), `${padding}newer ${i}`, 7)),
      entry("z", "", 80),
    ],
    [
      ...numbers.filter((i) => i % 4 === 0).map((i) => entry(name(i), `${padding}oldest ${i}`, 4)),
      entry("z", "", 70),
    ],
  ]);
  const found = newFound();
  for (const i of numbers) {
    const key = Buffer.from(name(i));
    expect(findInTables(version, key, key.length, found)).toBe(true);
    const text = i % 3 === 0 ? "newer" : i % 2 === 1 ? "odd" : "old";
    expect(new TextDecoder().decode(found.value.copy())).toBe(`${padding}${text} ${i}`);
    expect(found.sequence).toBe(text === "newer" ? 7 : text === "odd" ? 6 : 5);
  }
  expect(version.reads.levels[0]!.bloomFalsePositives).toBeGreaterThan(20);
  version.release();
});
