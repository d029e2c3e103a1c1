/** The cache on the engine's read path: what fills it, and that a write is never hidden by it. */
import { expect, test } from "bun:test";
import type { Engine } from "../../../src/engine/engine.ts";
import { MemoryFileSystem } from "../../../src/platform/memory.ts";
import { batchEntry } from "../../support/batch-entry.ts";
import { get, put } from "../../support/engine-access.ts";
import { openEngine } from "../../support/engine-driver.ts";
import { tinyOptions } from "../../support/engine-settings.ts";
import { scan } from "../../support/store-history.ts";

const cached = tinyOptions({ cache: { maxSizeBytes: 65_536 } });

/** An engine whose tables hold the keys "a", "b" and "c", each as its own value. */
async function engineWithTable(options = cached): Promise<Engine> {
  const engine = await openEngine(new MemoryFileSystem(), options, 1);
  for (const key of ["a", "b", "c"]) put(engine, key, key);
  await engine.flush();
  return engine;
}

test("what was read from a table is answered by the cache the next time", async () => {
  const engine = await engineWithTable();
  expect([get(engine, "a"), get(engine, "a"), get(engine, "absent")]).toEqual(["a", "a", undefined]);
  expect(engine.status().cache).toMatchObject({ hits: 1, misses: 2, entryCount: 1 });
  await engine.close();
});

test("what the memtables hold does not come near it", async () => {
  const engine = await engineWithTable();
  put(engine, "d", "new");
  expect(get(engine, "d")).toBe("new");
  expect(engine.status().cache).toMatchObject({ hits: 0, misses: 0, entryCount: 0 });
  await engine.close();
});

test("a write is seen at once, and when it has reached a table", async () => {
  const engine = await engineWithTable();
  for (const key of ["a", "b", "c"]) expect(get(engine, key)).toBe(key);
  put(engine, "a", "newer");
  const value = Buffer.from("in a batch");
  engine.write([batchEntry(Buffer.from("b"), value)]);
  const seen = ["newer", "in a batch", "c"];
  expect(["a", "b", "c"].map((key) => get(engine, key))).toEqual(seen);
  await engine.flush();
  for (let round = 0; round < 2; round++)
    expect(["a", "b", "c"].map((key) => get(engine, key))).toEqual(seen);
  await engine.compactRange();
  expect(["a", "b", "c"].map((key) => get(engine, key))).toEqual(seen);
  await engine.close();
});

test("views neither fill it nor read from it", async () => {
  const engine = await engineWithTable();
  const view = engine.view();
  expect(get(engine, "a")).toBe("a");
  put(engine, "a", "newer");
  await engine.flush();
  expect(get(engine, "a")).toBe("newer");
  const before = engine.status().cache;
  expect(scan(view.cursor())).toHaveLength(3);
  expect(JSON.stringify(scan(view.cursor()))).not.toContain("newer");
  expect(engine.status().cache).toEqual(before);
  view.close();
  await engine.close();
});

test("without a budget there is no cache", async () => {
  const engine = await engineWithTable(tinyOptions());
  for (let round = 0; round < 2; round++) expect(get(engine, "a")).toBe("a");
  expect(engine.status().cache).toMatchObject({ hits: 0, misses: 0, entryCount: 0, sizeBytes: 0 });
  await engine.close();
});
