/**
 * Table writing and reading on this machine: `bun bench/sstable.ts [entries]`.
 *
 * A table of 24-byte keys and 100-byte values, half of each value random, on the real file system and warm in the page
 * cache: once uncompressed and once with zstd, in turns.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Slice } from "../src/base/bytes.ts";
import { entryKinds, type FoundEntry } from "../src/engine/internal-key.ts";
import { defaultTableOptions, engineOptions } from "../src/engine/options.ts";
import { BlockCache } from "../src/engine/sstable/block-cache.ts";
import type { Compression } from "../src/engine/sstable/format.ts";
import { TableReader } from "../src/engine/sstable/reader.ts";
import { verifyTable } from "../src/engine/sstable/verify.ts";
import { TableWriter } from "../src/engine/sstable/writer.ts";
import { seededRandom } from "../src/platform/random.ts";
import { realFileSystem } from "../src/platform/real.ts";

const entryCount = Number(process.argv[2] ?? 500_000);
const keyLength = 24;
const valueLength = 100;
const rounds = 3;
const { compressedBlockSizeBytes } = engineOptions("").table;

/** Writes the i-th key over `target`; odd numbers are left out of the table. */
function writeKey(target: Uint8Array, i: number): void {
  for (let at = keyLength - 1; at >= 10; at--) {
    target[at] = 48 + (i % 10);
    i = Math.floor(i / 10);
  }
}

function report(what: string, count: number, startMs: number): void {
  const ms = performance.now() - startMs;
  console.log(`${what.padEnd(28)} ${((count / ms) * 1000).toFixed(0).padStart(12)} /s`);
}

async function write(path: string, compression: Compression): Promise<void> {
  const random = seededRandom(7);
  const options = compression === "none" ? {} : { compression, blockSizeBytes: compressedBlockSizeBytes };
  const file = realFileSystem.open(path, "create");
  const start = performance.now();
  const writer = new TableWriter(file, { ...defaultTableOptions, ...options }, 0);
  const key = new Slice(new TextEncoder().encode("tenant-1:u00000000000000"));
  const value = new Slice(new Uint8Array(valueLength).fill(7));
  for (let i = 0; i < entryCount; i++) {
    writeKey(key.bytes, 2 * i);
    for (let at = 0; at < valueLength / 2; at++) value.bytes[at] = random.uint32();
    writer.add(key, i + 1, entryKinds.value, value);
  }
  const unsynced = performance.now();
  const { sizeBytes } = await writer.finish();
  file.close();
  report(`write ${compression}, MB`, (entryCount * (keyLength + valueLength)) / 1e6, start);
  console.log(`  ${(unsynced - start).toFixed(0)} ms before finish; the table has ${sizeBytes} bytes`);
}

function randomNumbers(): Uint32Array {
  const random = seededRandom(1);
  return new Uint32Array(500_000).map(() => random.uint32() % entryCount);
}

/** Rounds of all tables in turns. */
function gets(tables: ReadonlyMap<Compression, TableReader>, offset: number, order: Uint32Array): void {
  const key = new TextEncoder().encode("tenant-1:u00000000000000");
  const found: FoundEntry = { value: new Slice(), sequence: 0, kind: entryKinds.value };
  for (let round = 0; round < rounds; round++) {
    for (const [compression, table] of tables) {
      let hits = 0;
      const start = performance.now();
      for (let i = 0; i < order.length; i++) {
        writeKey(key, 2 * order[i]! + offset);
        if (table.get(key, keyLength, found)) hits++;
      }
      report(`get ${compression} (${hits} found)`, order.length, start);
    }
  }
}

function scan(table: TableReader, compression: Compression): void {
  const cursor = table.cursor();
  for (let round = 0; round < rounds; round++) {
    let count = 0;
    const start = performance.now();
    for (cursor.rewind(); cursor.valid; cursor.next()) count++;
    report(`cursor ${compression}`, count, start);
  }
}

function seeks(table: TableReader, compression: Compression, order: Uint32Array): void {
  const cursor = table.cursor();
  const key = new TextEncoder().encode("tenant-1:u00000000000000");
  for (let round = 0; round < rounds; round++) {
    const start = performance.now();
    for (let i = 0; i < order.length; i++) {
      writeKey(key, 2 * order[i]!);
      cursor.seek(key);
    }
    report(`seek ${compression}`, order.length, start);
  }
}

const folder = mkdtempSync(join(tmpdir(), "pairdb-bench-"));
try {
  const blocks = new BlockCache(32 << 20, compressedBlockSizeBytes);
  const tables = new Map<Compression, TableReader>();
  for (const compression of ["none", "zstd"] as const) {
    const path = join(folder, `${compression}.sst`);
    for (let round = 0; round < rounds; round++) {
      rmSync(path, { force: true });
      await write(path, compression);
    }
    const start = performance.now();
    const table = TableReader.open(realFileSystem, path, undefined, undefined, blocks);
    console.log(`open: ${(performance.now() - start).toFixed(2)} ms, ${table.blockCount} blocks`);
    tables.set(compression, table);
  }
  const order = randomNumbers();
  gets(tables, 0, order);
  gets(tables, 1, order);
  for (const [compression, table] of tables) {
    scan(table, compression);
    seeks(table, compression, order);
    console.log(table.counters);
    table.close();
    const start = performance.now();
    const findings = verifyTable(realFileSystem, table.path);
    report(`verify ${compression} (${findings.length} findings)`, entryCount, start);
  }
} finally {
  rmSync(folder, { recursive: true });
}
