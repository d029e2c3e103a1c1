/** Few tables may be open: reads, cursors and views go on over tables that close and open under them. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import type { Engine } from "../../../src/engine/engine.ts";
import { MemoryFileSystem } from "../../../src/platform/memory.ts";
import { get, put } from "../../support/engine-access.ts";
import { openEngine } from "../../support/engine-driver.ts";
import { tinyOptions } from "../../support/engine-settings.ts";

const options = tinyOptions({ reads: { maxOpenTables: 2 }, compaction: { l0TriggerCount: 1000 } });
const tableCount = 8;
const entriesEach = 40;
let files: MemoryFileSystem;
let engine: Engine;

function keyOf(table: number, index: number): string {
  return `t:${String(index).padStart(3, "0")}-${table}`;
}

/** Tables of level 0 that cover the same range, so that every look-up and cursor meets all of them. */
beforeEach(async () => {
  files = new MemoryFileSystem();
  engine = await openEngine(files, options, 1);
  for (let table = 0; table < tableCount; table++) {
    for (let index = 0; index < entriesEach; index++) put(engine, keyOf(table, index), `value ${table}`);
    await engine.flush();
  }
});

afterEach(async () => {
  await engine.close();
  expect(files.mapCount).toBe(0);
});

test("a start opens no table, and a look-up those that it needs", async () => {
  await engine.close();
  engine = await openEngine(files, options, 2);
  expect(engine.status().openTableCount).toBe(0);
  expect(files.mapCount).toBe(0);
  expect(get(engine, keyOf(3, 7))).toBe("value 3");
  expect(files.mapCount).toBe(engine.status().openTableCount);
});

test("no more are mapped than allowed between two turns", async () => {
  for (let index = 0; index < entriesEach; index++) {
    expect(get(engine, keyOf(index % tableCount, index))).toBe(`value ${index % tableCount}`);
    await Promise.resolve();
    expect(files.mapCount).toBeLessThanOrEqual(2);
  }
  expect(engine.status().levels[0]!.reads.blockReads).toBeGreaterThanOrEqual(entriesEach);
});

test("cursors go on where they stood though their tables were closed meanwhile", async () => {
  const view = engine.view();
  const cursor = view.cursor();
  const seen: string[] = [];
  for (cursor.rewind(); cursor.valid; cursor.next()) {
    seen.push(`${Buffer.from(cursor.key.copy())} ${Buffer.from(cursor.value.copy())}`);
    await Promise.resolve();
    expect(files.mapCount).toBeLessThanOrEqual(2);
  }
  const all = Array.from({ length: entriesEach }, (_, index) =>
    Array.from({ length: tableCount }, (_, table) => `${keyOf(table, index)} value ${table}`),
  );
  expect(seen).toEqual(all.flat());
  view.close();
});

test("what a look-up found stays until the next await, whatever else is opened", async () => {
  const view = engine.view();
  const cursor = view.cursor();
  cursor.rewind();
  for (let table = 0; table < tableCount; table++) {
    for (let index = 0; index < entriesEach; index++) get(engine, keyOf(table, index));
  }
  expect(Buffer.from(cursor.value.copy()).toString()).toBe("value 0");
  view.close();
});

test("damage to what opening checks is found by the first read, and told", async () => {
  await engine.close();
  const path = `/data/sstables/${files.list("/data/sstables")[0]}`;
  const file = files.open(path, "write");
  file.writeAt(new Uint8Array(8), file.sizeBytes() - 8);
  file.close();
  const told: (string | undefined)[] = [];
  engine = await openEngine(files, options, 2, { corruptionFound: (error) => told.push(error.file) });
  expect(told).toEqual([]);
  expect(() => get(engine, keyOf(0, 0))).toThrow("no table's mark at the end");
  expect(told).toEqual([path]);
});
