/** Range deletions in a whole engine: what is seen when, what is freed when, and when the deletion itself goes. */
import { afterEach, describe, expect, test } from "bun:test";
import type { Engine } from "../../../../src/engine/engine.ts";
import type { FinishedCompaction } from "../../../../src/engine/observer.ts";
import { keepNone } from "../../../../src/platform/crash.ts";
import { FaultFileSystem } from "../../../../src/platform/fault.ts";
import { MemoryFileSystem } from "../../../../src/platform/memory.ts";
import { get, put, putWhenWritable } from "../../../support/engine-access.ts";
import { openEngine } from "../../../support/engine-driver.ts";
import { tinyOptions } from "../../../support/engine-settings.ts";
import { newFound, scan } from "../../../support/store-history.ts";

const options = tinyOptions();
/** So large that nothing is flushed or compacted unasked. */
const calm = tinyOptions({
  memtable: { maxSizeBytes: 1 << 20, flushThresholdBytes: 1 << 19 },
  compaction: { l0TriggerCount: 100 },
});

const bytes = (text: string) => Buffer.from(text, "latin1");
const keysOf = (engine: Engine) => {
  const view = engine.view();
  const keys = scan(view.cursor()).map(([key]) => key);
  view.close();
  return keys;
};

async function deleteRange(engine: Engine, start?: string, end?: string): Promise<number> {
  const length = (start?.length ?? 0) + (end?.length ?? 0);
  for (let room = engine.whenWritable(length); room !== undefined; room = engine.whenWritable(length))
    await room;
  const { sequence, durable } = engine.deleteRange(
    start === undefined ? undefined : bytes(start),
    end === undefined ? undefined : bytes(end),
  );
  await durable;
  return sequence;
}

async function fill(engine: Engine, tenants: string, keyCount = 60): Promise<void> {
  for (const tenant of tenants) {
    for (let i = 0; i < keyCount; i++) {
      await (await putWhenWritable(engine, `${tenant}:${String(i).padStart(3, "0")}`, "v".repeat(90)))
        .durable;
    }
  }
}

const tableBytes = (engine: Engine) =>
  engine.status().levels.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);

let engine: Engine;
afterEach(() => engine.close());

describe("what is seen", () => {
  test("a look-up misses at once what memtables and tables hold, and sees what comes later", async () => {
    engine = await openEngine(new MemoryFileSystem(), calm, 1);
    for (const key of ["a", "b", "c"]) put(engine, key, "in a table");
    await engine.flush();
    for (const key of ["a", "bb", "c"]) put(engine, key, "in the memtable");
    engine.deleteRange(bytes("a"), bytes("c"));
    expect(["a", "b", "bb", "c"].map((key) => get(engine, key))).toEqual([
      undefined,
      undefined,
      undefined,
      "in the memtable",
    ]);
    put(engine, "b", "later");
    expect(["a", "b", "bb"].map((key) => get(engine, key))).toEqual([undefined, "later", undefined]);
    await engine.flush();
    expect(["a", "b", "bb"].map((key) => get(engine, key))).toEqual([undefined, "later", undefined]);
  });

  test("an open bound reaches to the first and to the last key", async () => {
    engine = await openEngine(new MemoryFileSystem(), calm, 1);
    for (const key of ["", "a", "b", "\xff\xff"]) put(engine, key, "v");
    await deleteRange(engine, undefined, "a");
    expect(keysOf(engine)).toEqual(["a", "b", "\xff\xff"]);
    await deleteRange(engine, "b");
    expect(keysOf(engine)).toEqual(["a"]);
    await deleteRange(engine);
    expect(keysOf(engine)).toEqual([]);
  });

  test("an absent key tells the deletion by which it is, and no other", async () => {
    engine = await openEngine(new MemoryFileSystem(), calm, 1);
    put(engine, "b", "v");
    await engine.flush();
    const { sequence } = engine.deleteRange(bytes("a"), bytes("m"));
    const found = newFound();
    found.sequence = 99;
    expect([engine.get(bytes("b"), 1, found), found.sequence]).toEqual([false, sequence]);
    expect([engine.get(bytes("c"), 1, found), found.sequence]).toEqual([false, 0]);
    expect([engine.get(bytes("x"), 1, found), found.sequence]).toEqual([false, 0]);
  });

  test("a view shows its moment, whatever is dropped meanwhile", async () => {
    engine = await openEngine(new MemoryFileSystem(), options, 1);
    await fill(engine, "ab");
    const view = engine.view();
    const before = scan(view.cursor());
    const unsynced = engine.deleteRange(bytes("a:"), bytes("a;"));
    const undecided = engine.view();
    await unsynced.durable;
    await engine.compactRange();
    expect(engine.status().obsoleteTableBytes).toBeGreaterThan(0);
    expect(scan(view.cursor())).toEqual(before);
    expect(scan(undecided.cursor())).toEqual(before);
    expect(keysOf(engine)).toHaveLength(60);
    view.close();
    undecided.close();
    expect(engine.status().obsoleteTableBytes).toBe(0);
  });

  test("the cache forgets what is deleted, and learns nothing of it anew", async () => {
    engine = await openEngine(new MemoryFileSystem(), tinyOptions({ cache: { maxSizeBytes: 65_536 } }), 1);
    for (const key of ["a", "b"]) put(engine, key, key);
    await engine.flush();
    for (const key of ["a", "a", "b", "b"]) get(engine, key);
    const { hits } = engine.status().cache;
    await deleteRange(engine, "a", "b");
    for (let round = 0; round < 2; round++)
      expect([get(engine, "a"), get(engine, "b")]).toEqual([undefined, "b"]);
    expect(engine.status().cache).toMatchObject({ hits: hits + 2, entryCount: 1 });
  });

  test("after a failed sync it is as if the deletion had not been", async () => {
    const disk = new MemoryFileSystem();
    const files = new FaultFileSystem(disk);
    engine = await openEngine(files, tinyOptions({ cache: { maxSizeBytes: 65_536 } }), 1);
    put(engine, "a", "in a table");
    await engine.flush();
    await put(engine, "b", "in the memtable").durable;
    get(engine, "a");
    files.injector = ({ kind, path }) => (kind === "sync" && path.endsWith(".log") ? "EIO" : undefined);
    const { durable } = engine.deleteRange();
    expect([get(engine, "a"), get(engine, "b")]).toEqual([undefined, undefined]);
    await expect(durable).rejects.toMatchObject({ code: "COMMIT_LOG_FAILED" });
    files.injector = () => undefined;
    for (let round = 0; round < 2; round++) {
      expect([get(engine, "a"), get(engine, "b")]).toEqual(["in a table", "in the memtable"]);
    }
    expect(keysOf(engine)).toEqual(["a", "b"]);
    expect(() => engine.deleteRange()).toThrow("restart");
    const again = await openEngine(disk.crashClone(keepNone), options, 2);
    expect(keysOf(again)).toEqual(["a", "b"]);
    await again.close();
  });
});

describe("what is freed", () => {
  test("tables that are covered whole go unread, and nothing of the range is left after a compaction of it", async () => {
    const done: FinishedCompaction[] = [];
    engine = await openEngine(new MemoryFileSystem(), options, 1, {
      compactionFinished: (compaction) => void done.push(compaction),
    });
    await fill(engine, "abc");
    await engine.compactRange();
    const before = tableBytes(engine);
    done.splice(0);
    await deleteRange(engine, "b:", "b;");
    await engine.compactRange(bytes("b:"), bytes("b;"));
    await engine.whenCompacted();
    expect(keysOf(engine)).toHaveLength(120);
    const entryCount = engine.status().levels.reduce((sum, level) => sum + level.entryCount, 0);
    expect(entryCount).toBe(120);
    expect(tableBytes(engine)).toBeLessThan(0.75 * before);
    const drops = done.filter(({ kind }) => kind === "drop");
    expect(drops.length).toBeGreaterThan(0);
    for (const { readBytes, writtenBytes } of drops) expect([readBytes, writtenBytes]).toEqual([0, 0]);
    expect(done.reduce((sum, { rangeDeletedCount }) => sum + rangeDeletedCount, 0)).toBe(60);
    expect(engine.status().rangeDeletionCount).toBe(0);
  });

  test("without being asked, once the deletion is flushed", async () => {
    engine = await openEngine(new MemoryFileSystem(), calm, 1);
    await fill(engine, "abc");
    await engine.flush();
    await deleteRange(engine, "b:", "b;");
    await engine.flush();
    await engine.whenCompacted();
    expect(engine.status().levels.reduce((sum, level) => sum + level.entryCount, 0)).toBe(120);
    expect(engine.status().rangeDeletionCount).toBe(0);
  });

  test("a flush leaves out what is deleted in its memtable, and writes no table for nothing", async () => {
    engine = await openEngine(new MemoryFileSystem(), calm, 1);
    await fill(engine, "ab");
    await deleteRange(engine, "a:", "a;");
    await engine.flush();
    expect(engine.status().levels[0]).toMatchObject({ tableCount: 1, entryCount: 60 });
    expect(engine.status().rangeDeletionCount).toBe(0);
    put(engine, "c", "v");
    await deleteRange(engine, "c");
    await engine.flush();
    expect(engine.status().levels[0]).toMatchObject({ tableCount: 1, entryCount: 60 });
    expect(engine.status().activeMemtableEntryCount).toBe(0);
  });
});

describe("the deletion itself", () => {
  test("stays through restarts and kills while a table lies under it, and goes with what it covers", async () => {
    const files = new MemoryFileSystem();
    engine = await openEngine(files, calm, 1);
    engine.pauseCompaction();
    await fill(engine, "ab");
    await engine.flush();
    await deleteRange(engine, "a:", "a;");
    put(engine, "a:new", "kept");
    await put(engine, "c", "kept").durable;

    const killed = files.killClone();
    let again = await openEngine(killed, calm, 2);
    again.pauseCompaction();
    for (let start = 0; start < 2; start++) {
      expect(keysOf(again).filter((key) => key < "b")).toEqual(["a:new"]);
      await again.close();
      again = await openEngine(killed, calm, 3 + start);
      again.pauseCompaction();
    }
    again.resumeCompaction();
    await again.compactRange();
    expect(again.status().rangeDeletionCount).toBe(0);
    expect(keysOf(again).filter((key) => key < "b")).toEqual(["a:new"]);
    await again.close();
  });

  test("waits in the log alone until its memtable is flushed", async () => {
    const files = new MemoryFileSystem();
    engine = await openEngine(files, calm, 1);
    engine.pauseCompaction();
    await put(engine, "a", "v").durable;
    await engine.flush();
    await deleteRange(engine, "a", "b");
    const { lastSequence } = engine.status();
    const again = await openEngine(files.killClone(), calm, 2);
    expect(again.status()).toMatchObject({ lastSequence, damage: [] });
    expect(keysOf(again)).toEqual([]);
    expect((await put(again, "a", "again")).sequence).toBe(lastSequence + 1);
    expect(get(again, "a")).toBe("again");
    await again.close();
  });
});

describe("what is refused", () => {
  test("an empty range and a bound that is too long, with nothing logged", async () => {
    engine = await openEngine(new MemoryFileSystem(), calm, 1);
    await put(engine, "a", "v").durable;
    for (const [start, end] of [
      ["b", "b"],
      ["b", "a"],
      ["", ""],
      ["a", ""],
    ] as const) {
      expect(() => engine.deleteRange(bytes(start), bytes(end))).toThrow("it is empty");
    }
    expect(() => engine.deleteRange(new Uint8Array(70_000), undefined)).toThrow("a key of 70000 bytes");
    expect(engine.status()).toMatchObject({ lastSequence: 1, rangeDeletionCount: 0 });
  });

  test("more than tables can be rid of, until they are", async () => {
    engine = await openEngine(new MemoryFileSystem(), calm, 1);
    engine.pauseCompaction();
    await fill(engine, "a");
    await engine.flush();
    const name = (i: number) => `a:${String(i).padStart(5, "0")}`;
    for (let i = 0; i < 1024; i++) await deleteRange(engine, name(i), `${name(i)}x`);
    await expect(deleteRange(engine, "a")).rejects.toMatchObject({ code: "RESOURCE_EXHAUSTED" });
    expect(engine.status().rangeDeletionCount).toBe(1024);
    expect(get(engine, "a:030")).toBeDefined();
    engine.resumeCompaction();
    await engine.compactRange();
    await deleteRange(engine, "a");
    expect(keysOf(engine)).toEqual([]);
  });
});
