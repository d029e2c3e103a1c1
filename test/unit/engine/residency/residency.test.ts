/** Reads of a store whose pages were thrown out of memory: maps show nonsense until what is needed was brought in. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { Engine } from "../../../../src/engine/engine.ts";
import type { EngineOptions } from "../../../../src/engine/options.ts";
import type { View } from "../../../../src/engine/view.ts";
import { FaultFileSystem } from "../../../../src/platform/fault.ts";
import { MemoryFileSystem } from "../../../../src/platform/memory.ts";
import { get, put } from "../../../support/engine-access.ts";
import { openEngine } from "../../../support/engine-driver.ts";
import { tinyOptions } from "../../../support/engine-settings.ts";

/** Tables of several pages, all in level 0. */
const options = tinyOptions({
  memtable: { maxSizeBytes: 65_536, flushThresholdBytes: 40_000 },
  compaction: { l0TriggerCount: 1000 },
  cache: { maxSizeBytes: 65_536 },
  reads: { maxHeldIndexBytes: 0 },
});
const keyCount = 600;
const keyOf = (index: number) => `t:key-${String(index).padStart(4, "0")}`;
const bytesOf = (key: string) => Buffer.from(key, "latin1");
const contentOf = (index: number) => `value ${index} `.repeat(20);

let memory: MemoryFileSystem;
let files: FaultFileSystem;
let engine: Engine;

beforeEach(() => fillStore(options));

async function fillStore(options: EngineOptions): Promise<void> {
  memory = new MemoryFileSystem();
  files = new FaultFileSystem(memory);
  engine = await openEngine(files, options, 1);
  for (let index = 0; index < keyCount; index++) {
    for (let room = engine.whenWritable(300); room !== undefined; room = engine.whenWritable(300)) await room;
    put(engine, keyOf(index), contentOf(index));
  }
  await engine.flush();
}

afterEach(async () => {
  memory.bringIn();
  await engine.close();
  expect([memory.openFileCount, memory.mapCount]).toEqual([0, 0]);
});

function whenResident(key: string): Promise<void> | undefined {
  return engine.whenResident(bytesOf(key), key.length);
}

describe("a look-up", () => {
  test("of what is in memory does not wait", async () => {
    get(engine, keyOf(8));
    expect(whenResident(keyOf(7))).toBeUndefined();
    expect(engine.status().residency.coldReadCount).toBe(0);
  });

  test("of what is not reads nonsense where it does not wait: that is what the other tests rest on", () => {
    memory.evict();
    expect(() => get(engine, keyOf(7))).toThrow();
  });

  test("of what is not is right once it has waited", async () => {
    memory.evict();
    const waiting = whenResident(keyOf(7));
    expect(waiting).toBeInstanceOf(Promise);
    await waiting;
    expect(get(engine, keyOf(7))).toBe(contentOf(7));
    expect(engine.status().residency.coldReadCount).toBe(1);
  });

  test("keeps its own copy of the key: the caller's may change while it waits", async () => {
    await engine.close();
    engine = await openEngine(files, options, 2);
    memory.evict();
    const key = bytesOf(keyOf(7));
    const waiting = engine.whenResident(key, key.length);
    key.write(keyOf(250), "latin1");
    await waiting;
    expect(get(engine, keyOf(7))).toBe(contentOf(7));
  });

  test("brings in no more than it needs", async () => {
    memory.evict();
    await whenResident(keyOf(0));
    expect(whenResident(keyOf(0))).toBeUndefined();
    const waits = Array.from({ length: keyCount }, (_, index) => whenResident(keyOf(index)));
    const stillCold = waits.filter((wait) => wait !== undefined);
    expect(stillCold.length).toBeGreaterThan(keyCount / 2);
    await Promise.all(stillCold);
  });

  test("of a missing key waits for filters alone", async () => {
    memory.evict();
    await whenResident("t:key-none");
    expect(get(engine, "t:key-none")).toBeUndefined();
  });

  test("that a memtable or the cache answers never waits", async () => {
    put(engine, "t:fresh", "in the memtable");
    for (let times = 0; times < 3; times++) get(engine, keyOf(3));
    memory.evict();
    expect(whenResident("t:fresh")).toBeUndefined();
    expect(get(engine, "t:fresh")).toBe("in the memtable");
    expect(whenResident(keyOf(3))).toBeUndefined();
    expect(get(engine, keyOf(3))).toBe(contentOf(3));
  });

  test("does not look for ever where memtables answer all of them", async () => {
    await engine.close();
    engine = await openEngine(
      files,
      { ...options, reads: { ...options.reads, residencyChecks: "adaptive" } },
      2,
    );
    put(engine, "t:fresh", "in the memtable");
    memory.evict();
    const waiting = whenResident(keyOf(7));
    expect(waiting).toBeInstanceOf(Promise);
    await waiting;
    memory.evict();
    for (let times = 0; times < 5000; times++) await whenResident("t:fresh");
    expect(whenResident(keyOf(7))).toBeUndefined();
  });

  test("opens tables that were never open, from bytes that were brought in", async () => {
    await engine.close();
    engine = await openEngine(files, options, 2);
    memory.evict();
    expect(engine.status().openTableCount).toBe(0);
    await whenResident(keyOf(7));
    expect(get(engine, keyOf(7))).toBe(contentOf(7));
  });

  test("goes on though its table is compacted away meanwhile", async () => {
    memory.evict();
    const waiting = whenResident(keyOf(7));
    await engine.compactRange();
    await waiting;
    await whenResident(keyOf(7));
    expect(get(engine, keyOf(7))).toBe(contentOf(7));
  });

  test("that the disk cannot read is told so, with the table's name", async () => {
    memory.evict();
    files.injector = ({ kind, path }) => (kind === "read" && path.endsWith(".sst") ? "EIO" : undefined);
    await expect(whenResident(keyOf(7))).rejects.toThrow(/\.sst at byte \d+ cannot be read: EIO/);
    files.injector = () => undefined;
  });

  test("waits no more once the engine closes", async () => {
    memory.evict();
    const waits = Array.from({ length: 300 }, (_, index) => whenResident(keyOf(index)));
    const failures = Promise.allSettled(waits.filter((wait) => wait !== undefined));
    await engine.close();
    expect(memory.mapCount).toBe(0);
    const reasons = (await failures).flatMap((end) =>
      end.status === "rejected" ? [String(end.reason)] : [],
    );
    expect(new Set(reasons)).toEqual(new Set(["StorageError: the engine is closing"]));
    expect(whenResident(keyOf(7))).toBeUndefined();
  });
});

test("look-ups of several keys may wait at the same time", async () => {
  const indexes = [3, 250, 599];
  const whenAllResident = () => indexes.map((index) => whenResident(keyOf(index)));
  expect(whenAllResident()).toEqual([undefined, undefined, undefined]);
  memory.evict();
  const waits = whenAllResident();
  expect(waits.every((wait) => wait instanceof Promise)).toBe(true);
  await Promise.all(waits);
  expect(indexes.map((index) => get(engine, keyOf(index)))).toEqual(indexes.map(contentOf));
});

function keysFrom(view: View, first: number): string[] {
  const keys: string[] = [];
  const cursor = view.cursor(bytesOf(keyOf(first)));
  for (cursor.rewind(); cursor.valid; cursor.next()) keys.push(Buffer.from(cursor.key.copy()).toString());
  return keys;
}

test("filters and indexes that are held need not be brought in again", async () => {
  await engine.close();
  engine = await openEngine(
    files,
    { ...options, reads: { ...options.reads, maxHeldIndexBytes: 1 << 20 } },
    2,
  );
  for (let index = 0; index < keyCount; index += 10) get(engine, keyOf(index));
  memory.evict();
  expect(whenResident("t:key-none")).toBeUndefined();
  expect(get(engine, "t:key-none")).toBeUndefined();
  await whenResident(keyOf(7));
  expect(engine.status().residency).toMatchObject({ coldReadCount: 1, broughtInCount: 1 });
  expect(get(engine, keyOf(7))).toBe(contentOf(7));
});

describe("with indexes of two levels", () => {
  beforeEach(async () => {
    await engine.close();
    // Filters and top levels are held, so that what is cold are partitions and blocks.
    const table = { ...options.table, indexPartitionBytes: 300 };
    await fillStore({ ...options, table, reads: { ...options.reads, maxHeldIndexBytes: 1 << 20 } });
    for (let index = 0; index < keyCount; index += 10) get(engine, keyOf(index));
  });

  test("a look-up has first the index's part brought in, then the block", async () => {
    memory.evict();
    await whenResident(keyOf(7));
    expect(get(engine, keyOf(7))).toBe(contentOf(7));
    expect(engine.status().residency).toMatchObject({ coldReadCount: 1, broughtInCount: 2 });
    expect(whenResident(keyOf(7))).toBeUndefined();
  });

  test("a scan has all parts of the index brought in that it comes to", async () => {
    const view = engine.view();
    memory.evict();
    await view.whenStretchResident(bytesOf(keyOf(40)));
    expect(keysFrom(view, 40)).toEqual(
      Array.from({ length: keyCount - 40 }, (_, index) => keyOf(40 + index)),
    );
    view.close();
  });
});

describe("a view", () => {
  test("scans what was brought in from where it asked", async () => {
    const view = engine.view();
    memory.evict();
    await view.whenStretchResident(bytesOf(keyOf(40)));
    expect(keysFrom(view, 40)).toEqual(
      Array.from({ length: keyCount - 40 }, (_, index) => keyOf(40 + index)),
    );
    expect(view.whenStretchResident(bytesOf(keyOf(40)))).toBeUndefined();
    view.close();
  });

  test("looks its own keys up", async () => {
    const view = engine.view();
    memory.evict();
    await view.whenResident(bytesOf(keyOf(9)), keyOf(9).length);
    expect(view.whenResident(bytesOf(keyOf(9)), keyOf(9).length)).toBeUndefined();
    view.close();
    expect(() => view.whenStretchResident(bytesOf("t:"))).toThrow("the view of the data ended");
  });
});
