/** Stores whose tables are compressed, or some of them: opened again and again under other settings. */
import { describe, expect, test } from "bun:test";
import type { Engine } from "../../../src/engine/engine.ts";
import type { EngineOverrides } from "../../../src/engine/options.ts";
import type { Compression } from "../../../src/engine/sstable/format.ts";
import { TableFile } from "../../../src/engine/sstable/table-file.ts";
import { verifyDataDirectory } from "../../../src/engine/verify.ts";
import { MemoryFileSystem } from "../../../src/platform/memory.ts";
import { get, putWhenWritable } from "../../support/engine-access.ts";
import { openEngine } from "../../support/engine-driver.ts";
import { tinyOptions } from "../../support/engine-settings.ts";
import { scan } from "../../support/store-history.ts";
import { directories } from "./store-support.ts";

const keyCount = 150;
const name = (i: number) => `key-${String(i).padStart(4, "0")}`;

function optionsWith(compression: readonly Compression[], overrides: EngineOverrides = {}) {
  return tinyOptions({ ...overrides, compaction: { ...overrides.compaction, compression } });
}

async function write(engine: Engine, values: Map<string, string>, text: string, step: number): Promise<void> {
  for (let i = 0; i < keyCount; i += step) {
    const value = `${text} ${i} `.repeat(1 + (i % 9));
    values.set(name(i), value);
    await (await putWhenWritable(engine, name(i), value)).durable;
  }
  await engine.flush();
  await engine.whenCompacted();
}

function ofTables(files: MemoryFileSystem, figure: (table: TableFile) => number): number[] {
  return files.list(directories.tableDirectory).map((fileName) => {
    const file = files.open(`${directories.tableDirectory}/${fileName}`, "read");
    const result = figure(new TableFile(file));
    file.close();
    return result;
  });
}

/** Of every table: how many times as large its data blocks are uncompressed. */
function ratios(files: MemoryFileSystem): number[] {
  return ofTables(files, (table) => {
    const { uncompressedDataBytes, dataSizeBytes } = table.properties();
    return uncompressedDataBytes / dataSizeBytes;
  });
}

function blockCounts(files: MemoryFileSystem): number[] {
  return ofTables(files, (table) => table.index().blockCount);
}

test("compression of too many levels, of none, or of an unknown kind is refused", async () => {
  const refused = [[], new Array<Compression>(6).fill("zstd"), ["lz4" as Compression]];
  for (const compression of refused) {
    const outcome = openEngine(new MemoryFileSystem(), optionsWith(compression), 1);
    await expect(outcome).rejects.toThrow("compaction.compression is");
  }
});

describe("a store", () => {
  test("that is opened under other settings again and again stays the same, and whole", async () => {
    const files = new MemoryFileSystem();
    const values = new Map<string, string>();
    const settings: Compression[][] = [
      ["none"],
      ["zstd"],
      ["none", "zstd"],
      ["none"],
      ["zstd", "none", "zstd"],
    ];
    const seen = new Set<boolean>();
    for (const [round, compression] of settings.entries()) {
      const engine = await openEngine(files, optionsWith(compression), round + 1);
      await write(engine, values, `round ${round}`, round + 1);
      for (const [key, value] of values) expect(get(engine, key)).toBe(value);
      const view = engine.view();
      const scanned = scan(view.cursor()).map(([key, entry]) => [key, entry.replace(/^value@\d+ /, "")]);
      expect(scanned as [string, string][]).toEqual([...values].toSorted(([a], [b]) => (a < b ? -1 : 1)));
      view.close();
      for (const ratio of ratios(files)) seen.add(ratio > 1);
      await engine.close();
      const { findings } = verifyDataDirectory(files, directories);
      expect(findings).toEqual([]);
    }
    expect(seen.size).toBe(2);
  });

  test("compresses what goes down to a level with compression, even keys that come in order", async () => {
    const files = new MemoryFileSystem();
    const engine = await openEngine(files, optionsWith(["none", "zstd"]), 1);
    engine.pauseCompaction();
    await write(engine, new Map(), "text", 1);
    expect(ratios(files).every((ratio) => ratio === 1)).toBe(true);
    engine.resumeCompaction();
    await engine.compactRange();
    expect(ratios(files).every((ratio) => ratio > 1.2)).toBe(true);
    await engine.close();
  });

  test("has blocks of another size where it compresses", async () => {
    const files = new MemoryFileSystem();
    const overrides = { table: { blockSizeBytes: 64, compressedBlockSizeBytes: 1 << 20 } };
    const engine = await openEngine(files, optionsWith(["none", "zstd"], overrides), 1);
    engine.pauseCompaction();
    await write(engine, new Map(), "text", 1);
    expect(Math.min(...blockCounts(files))).toBeGreaterThan(1);
    engine.resumeCompaction();
    await engine.compactRange();
    await engine.close();
    expect(Math.max(...blockCounts(files))).toBe(1);
  });

  test("takes compression back, in as many tables as that needs", async () => {
    const files = new MemoryFileSystem();
    const large = { memtable: { maxSizeBytes: 1 << 19, flushThresholdBytes: 1 << 18 } };
    let engine = await openEngine(files, optionsWith(["zstd"], large), 1);
    for (let i = 0; i < 60; i++) await putWhenWritable(engine, name(i), "v".repeat(3000));
    await engine.compactRange();
    expect(Math.min(...ratios(files))).toBeGreaterThan(20);
    await engine.close();
    engine = await openEngine(files, optionsWith(["none"], large), 2);
    await putWhenWritable(engine, name(0), "new");
    await putWhenWritable(engine, name(99), "new");
    await engine.compactRange();
    const sizes = engine
      .status()
      .levels.map(({ sizeBytes, tableCount }) => sizeBytes / Math.max(1, tableCount));
    expect(Math.max(...sizes)).toBeLessThan(6000);
    for (let i = 1; i < 60; i++) expect(get(engine, name(i))).toBe("v".repeat(3000));
    await engine.close();
    expect(ratios(files).every((ratio) => ratio === 1)).toBe(true);
  });
});
