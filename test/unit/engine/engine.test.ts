import { describe, expect, test } from "bun:test";
import { StorageError } from "../../../src/base/errors.ts";
import type { Engine } from "../../../src/engine/engine.ts";
import { entryKinds } from "../../../src/engine/internal-key.ts";
import { MemoryFileSystem } from "../../../src/platform/memory.ts";
import { batchEntry } from "../../support/batch-entry.ts";
import { get, put, putWhenWritable } from "../../support/engine-access.ts";
import { openEngine } from "../../support/engine-driver.ts";
import { tinyOptions } from "../../support/engine-settings.ts";
import { lookUp, newFound, scan } from "../../support/store-history.ts";

async function withEngine(act: (engine: Engine, files: MemoryFileSystem) => Promise<void>): Promise<void> {
  const files = new MemoryFileSystem();
  const engine = await openEngine(files, tinyOptions(), 1);
  try {
    await act(engine, files);
  } finally {
    await engine.close();
  }
}

function codeOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    return error instanceof StorageError ? error.code : String(error);
  }
  return "no error";
}

describe("engine", () => {
  test("reads its own write in the same turn, and again from a table", () =>
    withEngine(async (engine) => {
      put(engine, "a", "1");
      expect(get(engine, "a")).toBe("1");
      await engine.flush();
      expect(engine.status().levels[0]!.tableCount).toBe(1);
      expect(engine.status().activeMemtableEntryCount).toBe(0);
      expect(get(engine, "a")).toBe("1");
      expect(get(engine, "b")).toBeUndefined();
    }));

  test("the newest entry of a key wins over memtables and tables", () =>
    withEngine(async (engine) => {
      engine.pauseCompaction();
      for (const value of ["old", "newer", "newest"]) {
        put(engine, "k", value);
        await engine.flush();
      }
      expect(engine.status().levels[0]!.tableCount).toBe(3);
      expect(get(engine, "k")).toBe("newest");
      put(engine, "k", "in memory");
      expect(get(engine, "k")).toBe("in memory");
    }));

  test("looks up keys wherever each of them is", () =>
    withEngine(async (engine) => {
      for (const [key, value] of [
        ["a", "1"],
        ["c", "3"],
      ] as const)
        put(engine, key, value);
      await engine.flush();
      put(engine, "b", "2");
      put(engine, "c", "33");
      expect(["c", "x", "a", "b"].map((key) => lookUp(engine, key))).toEqual([
        "value@4 33",
        undefined,
        "value@1 1",
        "value@3 2",
      ]);
    }));

  test("keeps a tombstone's kind and bytes", () =>
    withEngine(async (engine) => {
      const key = Buffer.from("gone");
      const value = Buffer.from("clock");
      engine.put(key, key.length, entryKinds.tombstone, value, value.length);
      const found = newFound();
      for (const flushFirst of [false, true]) {
        if (flushFirst) await engine.flush();
        expect(engine.get(key, key.length, found)).toBe(true);
        expect(found.kind).toBe(entryKinds.tombstone);
        expect(Buffer.from(found.value.copy()).toString()).toBe("clock");
      }
      expect(engine.status().levels[0]!.tombstoneCount).toBe(1);
    }));

  test("numbers writes one after the other, a batch by its last entry", () =>
    withEngine(async (engine) => {
      expect(put(engine, "a", "1").sequence).toBe(1);
      const batch = ["b", "c", "d"].map((key) => batchEntry(Buffer.from(key), Buffer.from(key)));
      expect(engine.write(batch).sequence).toBe(4);
      expect(put(engine, "e", "5").sequence).toBe(5);
      expect(["b", "c", "d"].map((key) => get(engine, key))).toEqual(["b", "c", "d"]);
    }));

  test("writes of one turn share one promise", () =>
    withEngine(async (engine) => {
      const first = put(engine, "a", "1");
      const second = put(engine, "b", "2");
      expect(second.durable).toBe(first.durable);
      expect(engine.whenDurable(second.sequence)).toBeDefined();
      await second.durable;
      expect(engine.whenDurable(second.sequence)).toBeUndefined();
    }));

  test("refuses what no memtable can hold, and stores nothing of it", () =>
    withEngine(async (engine) => {
      const { lastSequence } = engine.status();
      expect(codeOf(() => put(engine, "k", "v".repeat(10_000)))).toBe("VALUE_TOO_LARGE");
      expect(engine.status().lastSequence).toBe(lastSequence);
      expect(get(engine, "k")).toBeUndefined();
      put(engine, "k", "small");
      expect(get(engine, "k")).toBe("small");
    }));

  test("a flush with nothing to flush makes no table", () =>
    withEngine(async (engine) => {
      await engine.flush();
      expect(engine.status().levels[0]!.tableCount).toBe(0);
    }));

  test("a closed engine refuses writes and views, and closes once", async () => {
    const files = new MemoryFileSystem();
    const engine = await openEngine(files, tinyOptions(), 1);
    put(engine, "k", "v");
    await Promise.all([engine.close(), engine.close()]);
    expect(codeOf(() => put(engine, "k", "w"))).toBe("UNAVAILABLE");
    expect(codeOf(() => engine.view())).toBe("UNAVAILABLE");
    expect([files.openFileCount, files.mapCount]).toEqual([0, 0]);
    const again = await openEngine(files, tinyOptions(), 2);
    expect(get(again, "k")).toBe("v");
    await again.close();
  });

  test("a view sees its moment, whatever is written and flushed later", () =>
    withEngine(async (engine) => {
      await put(engine, "a", "1").durable;
      const view = engine.view();
      put(engine, "a", "2");
      put(engine, "b", "2");
      await engine.flush();
      expect(scan(view.cursor())).toEqual([["a", "value@1 1"]]);
      const found = newFound();
      expect(view.get(Buffer.from("b"), 1, found)).toBe(false);
      expect(view.get(Buffer.from("a"), 1, found)).toBe(true);
      expect(found.sequence).toBe(1);
      view.close();
      view.close();
    }));

  test("a view answers for its moment when all it saw was rewritten, flushed and compacted, until it is closed", () =>
    withEngine(async (engine) => {
      const keys = Array.from({ length: 40 }, (_, index) => `key-${index}`);
      for (const key of keys) await (await putWhenWritable(engine, key, "v".repeat(200))).durable;
      const view = engine.view();
      expect(view.sequence).toBe(engine.status().lastSequence);
      const seenAtFirst = keys.map((key) => lookUp(view, key));
      for (const key of [...keys, "new"]) await putWhenWritable(engine, key, "w".repeat(200));
      await engine.compactRange();
      expect(engine.status().obsoleteTableBytes).toBeGreaterThan(0);
      expect(keys.map((key) => lookUp(view, key))).toEqual(seenAtFirst);
      expect(lookUp(view, "new")).toBeUndefined();
      view.close();
      expect(codeOf(() => lookUp(view, "key-1"))).toBe("ABORTED");
      expect(engine.status().obsoleteTableBytes).toBe(0);
    }));

  test("a view does not see what is not durable yet", () =>
    withEngine(async (engine) => {
      const stored = put(engine, "a", "1");
      const early = engine.view();
      expect(scan(early.cursor())).toEqual([]);
      early.close();
      await stored.durable;
      const late = engine.view();
      expect(scan(late.cursor())).toEqual([["a", "value@1 1"]]);
      late.close();
    }));
});
