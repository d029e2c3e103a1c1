/** Entries at the edges of what a memtable and a table take. */
import { describe, expect, test } from "bun:test";
import { StorageError } from "../../../src/base/errors.ts";
import type { Engine } from "../../../src/engine/engine.ts";
import { entryKinds } from "../../../src/engine/internal-key.ts";
import { engineOptions } from "../../../src/engine/options.ts";
import { MemoryFileSystem } from "../../../src/platform/memory.ts";
import { batchEntry } from "../../support/batch-entry.ts";
import { get, put, putWhenWritable } from "../../support/engine-access.ts";
import { openEngine, store } from "../../support/engine-driver.ts";
import { tinyOptions } from "../../support/engine-settings.ts";
import { newFound, StoreHistory } from "../../support/store-history.ts";

const mebibyte = 1 << 20;

function refusalOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    return error instanceof StorageError ? error.code : String(error);
  }
  return "no refusal";
}

/** Writes a value of this size when there is room: gives the error's code where it is refused. */
async function outcomeOf(engine: Engine, key: string, valueBytes: number): Promise<string> {
  return putWhenWritable(engine, key, "v".repeat(valueBytes)).then(
    () => "stored",
    (error: unknown) => (error as StorageError).code,
  );
}

describe("entries that fill a memtable", () => {
  test("every size around its capacity is stored or refused, and nothing hangs or stays in memory", async () => {
    const files = new MemoryFileSystem();
    const engine = await openEngine(files, tinyOptions(), 1);
    const outcomes = new Set<string>();
    for (let valueBytes = 7600; valueBytes <= 8192; valueBytes++) {
      const outcome = await outcomeOf(engine, "k", valueBytes);
      outcomes.add(outcome);
      if (outcome === "stored") expect(get(engine, "k")).toHaveLength(valueBytes);
      await engine.flush();
    }
    expect([...outcomes].sort()).toEqual(["VALUE_TOO_LARGE", "stored"]);
    expect(engine.status().frozenMemtableCount).toBe(0);
    await engine.close();
  });

  test("a batch of as many entries as a memtable takes finds the room that it waited for", async () => {
    const engine = await openEngine(new MemoryFileSystem(), tinyOptions(), 1);
    const history = new StoreHistory();
    for (let round = 0; round < 40; round++) {
      const entries = Array.from({ length: 60 }, (_, index) => ({
        key: `key-${index}`,
        kind: entryKinds.value,
        value: `round ${round}`.repeat(1 + (round % 3)),
      }));
      const { acknowledged } = await store(engine, history, entries);
      if (round % 3 === 0) await acknowledged;
    }
    history.checkContents(engine, engine.status().lastSequence);
    await engine.close();
  });
});

describe("entries that no table can hold", () => {
  const options = engineOptions("/data");

  test("a key or a value past a table's limit is refused at once; those at the limit are stored", async () => {
    const files = new MemoryFileSystem();
    let engine = await openEngine(files, options, 1);
    const value = new Uint8Array(17 * mebibyte + 1);
    const longKey = new Uint8Array(64 * 1024 + 1).fill(0x6b);
    const store = async (keyLength: number, valueLength: number) => {
      const ask = () => engine.whenWritable(keyLength + valueLength);
      for (let room = ask(); room !== undefined; room = ask()) await room;
      await engine.put(longKey, keyLength, entryKinds.value, value, valueLength).durable;
    };
    await store(longKey.length - 1, 3);
    await store(1, value.length - 1);
    expect(refusalOf(() => engine.put(longKey, longKey.length, entryKinds.value, value, 1))).toBe(
      "KEY_TOO_LARGE",
    );
    expect(refusalOf(() => engine.put(longKey, 1, entryKinds.value, value, value.length))).toBe(
      "VALUE_TOO_LARGE",
    );
    const shortKey = longKey.subarray(0, 9);
    expect(
      refusalOf(() => engine.write([batchEntry(shortKey, new Uint8Array(1)), batchEntry(shortKey, value)])),
    ).toBe("VALUE_TOO_LARGE");
    await engine.flush();
    await engine.close();
    engine = await openEngine(files, options, 2);
    const found = newFound();
    expect(engine.get(longKey, 64 * 1024, found)).toBe(true);
    expect(engine.get(longKey, 1, found)).toBe(true);
    expect(found.value.length).toBe(17 * mebibyte);
    expect(engine.get(longKey, 9, found)).toBe(false);
    await engine.close();
  });

  test("the empty key and the empty value are like any other", async () => {
    const files = new MemoryFileSystem();
    const engine = await openEngine(files, tinyOptions(), 1);
    put(engine, "", "");
    put(engine, "\0", "zero");
    await engine.flush();
    expect([get(engine, ""), get(engine, "\0"), get(engine, "\0\0")]).toEqual(["", "zero", undefined]);
    await engine.close();
  });
});
