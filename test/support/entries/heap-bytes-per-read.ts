/**
 * Prints, as JSON, how many bytes of heap a look-up, a move of a cursor and a call that makes one object take.
 *
 * A process of its own, since measuring coverage keeps code from being compiled as it is when nobody looks.
 */
import { heapStats } from "bun:jsc";
import type { Engine } from "../../../src/engine/engine.ts";
import type { StoreTableOptions } from "../../../src/engine/options.ts";
import { MemoryFileSystem } from "../../../src/platform/memory.ts";
import { putWhenWritable } from "../engine-access.ts";
import { openEngine } from "../engine-driver.ts";
import { tinyOptions } from "../engine-settings.ts";
import { newFound } from "../store-history.ts";

const keyCount = 2000;
const keys = Array.from({ length: keyCount }, (_, index) => Buffer.from(`t:key-${index}`));

const oneLevel = { blockSizeBytes: 4096 };
/** Every table's index has some ten partitions. */
const twoLevels = { blockSizeBytes: 1024, indexPartitionBytes: 64 };

/** A store whose entries lie in tables. */
async function storeOfTables(table: Partial<StoreTableOptions>): Promise<Engine> {
  const options = tinyOptions({
    memtable: { maxSizeBytes: 65_536, flushThresholdBytes: 40_000 },
    table,
    compaction: { l1TableSizeBytes: 32_768, l2TableSizeBytes: 32_768 },
  });
  const engine = await openEngine(new MemoryFileSystem(), options, 1);
  for (const key of keys) await putWhenWritable(engine, key.toString(), "v".repeat(50));
  await engine.flush();
  await engine.whenCompacted();
  return engine;
}

/**
 * Bytes that the heap grows by for each of `count` calls, when they run often enough to be compiled. Its capacity tells,
 * since its size is counted anew by collections only.
 */
function heapBytesPerCall(count: number, run: () => void): number {
  for (let index = 0; index < count; index++) run();
  let least = Number.POSITIVE_INFINITY;
  // The least of several: the compiler and its statistics take memory now and then, too.
  for (let round = 0; round < 5; round++) {
    Bun.gc(true);
    const before = heapStats().heapCapacity;
    for (let index = 0; index < count; index++) run();
    least = Math.min(least, (heapStats().heapCapacity - before) / count);
  }
  return least;
}

/** Of a key that is there and one that is not. */
async function lookUps(table: Partial<StoreTableOptions>): Promise<number> {
  const engine = await storeOfTables(table);
  const found = newFound();
  const missing = Buffer.from("t:key-none");
  let next = 0;
  const perCall = heapBytesPerCall(100_000, () => {
    const key = keys[next]!;
    next = (next + 1) % keyCount;
    engine.get(key, key.length, found);
    engine.get(missing, missing.length, found);
  });
  await engine.close();
  return perCall;
}

/** Of which each block has some sixty. */
async function cursorMoves(): Promise<number> {
  const engine = await storeOfTables(oneLevel);
  const view = engine.view();
  const cursor = view.cursor();
  cursor.rewind();
  const perCall = heapBytesPerCall(100_000, () => {
    cursor.next();
    if (!cursor.valid) cursor.rewind();
  });
  view.close();
  await engine.close();
  return perCall;
}

function smallObjects(): number {
  const kept: object[] = new Array<object>(1000);
  let next = 0;
  return heapBytesPerCall(100_000, () => {
    kept[next++ % kept.length] = { next };
  });
}

const measured = {
  lookUps: await lookUps(oneLevel),
  lookUpsInTwoLevels: await lookUps(twoLevels),
  cursorMoves: await cursorMoves(),
  smallObjects: smallObjects(),
};
console.log(JSON.stringify(measured));
