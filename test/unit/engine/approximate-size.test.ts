import { describe, expect, test } from "bun:test";
import type { Engine } from "../../../src/engine/engine.ts";
import { MemoryFileSystem } from "../../../src/platform/memory.ts";
import { get, putWhenWritable } from "../../support/engine-access.ts";
import { openEngine } from "../../support/engine-driver.ts";
import { tinyOptions } from "../../support/engine-settings.ts";

const keyOf = (index: number) => `key-${String(index).padStart(4, "0")}`;
const bytes = (text?: string) => (text === undefined ? undefined : Buffer.from(text));
const sizeOf = (engine: Engine, start?: string, end?: string) =>
  engine.approximateSize(bytes(start), bytes(end));

async function withKeys(count: number, act: (engine: Engine) => Promise<void> | void): Promise<void> {
  const options = tinyOptions({ memtable: { maxSizeBytes: 65_536, flushThresholdBytes: 60_000 } });
  const engine = await openEngine(new MemoryFileSystem(), options, 1);
  try {
    for (let index = 0; index < count; index++) {
      await (await putWhenWritable(engine, keyOf(index), "v".repeat(92))).durable;
    }
    await act(engine);
  } finally {
    await engine.close();
  }
}

/** A table that nothing overlaps would move down as it is. */
async function compactIntoSmallTables(engine: Engine): Promise<void> {
  for (const index of [0, 299]) await (await putWhenWritable(engine, keyOf(index), "v".repeat(92))).durable;
  await engine.compactRange();
}

const tableBytesOf = (engine: Engine) =>
  engine.status().levels.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);

describe("the approximate size of a range", () => {
  test("is nothing in an empty store, of an empty range and beside the keys", async () => {
    await withKeys(0, (engine) => expect(sizeOf(engine)).toEqual({ tableBytes: 0, memtableBytes: 0 }));
    await withKeys(300, async (engine) => {
      for (const flushed of [false, true]) {
        if (flushed) await engine.flush();
        const nothing = { tableBytes: 0, memtableBytes: 0 };
        expect(sizeOf(engine, keyOf(200), keyOf(100))).toEqual(nothing);
        expect(sizeOf(engine, keyOf(200), keyOf(200))).toEqual(nothing);
        expect(sizeOf(engine, "a", keyOf(0))).toEqual(nothing);
        expect(sizeOf(engine, "l")).toEqual(nothing);
      }
    });
  });

  test("is in memtables before a flush, and on disk after it", () =>
    withKeys(300, async (engine) => {
      expect(sizeOf(engine)).toEqual({ tableBytes: 0, memtableBytes: engine.status().activeMemtableBytes });
      await engine.flush();
      expect(sizeOf(engine)).toEqual({ tableBytes: tableBytesOf(engine), memtableBytes: 0 });
    }));

  test("counts whole tables whole, and parts of tables to within a block at each bound, in every level", () =>
    withKeys(300, async (engine) => {
      const blockBytes = 256 + 128;
      await engine.flush();
      for (const compacted of [false, true]) {
        if (compacted) await compactIntoSmallTables(engine);
        const tableCount = engine.status().levels.reduce((sum, level) => sum + level.tableCount, 0);
        expect(tableCount > 3).toBe(compacted);
        const total = tableBytesOf(engine);
        expect(sizeOf(engine, keyOf(0), keyOf(300)).tableBytes).toBe(total);
        for (const [start, end] of [
          [0, 150],
          [75, 225],
          [299, 300],
          [140, 150],
        ] as const) {
          const exact = (total * (end - start)) / 300;
          expect(Math.abs(sizeOf(engine, keyOf(start), keyOf(end)).tableBytes - exact)).toBeLessThan(
            2 * blockBytes,
          );
        }
      }
    }));

  test("of ranges that adjoin adds up", () =>
    withKeys(300, async (engine) => {
      await engine.flush();
      for (let bound = 0; bound <= 300; bound += 7) {
        const [before, after] = [sizeOf(engine, undefined, keyOf(bound)), sizeOf(engine, keyOf(bound))];
        expect(before.tableBytes + after.tableBytes).toBe(tableBytesOf(engine));
      }
    }));

  test("reads no data block", () =>
    withKeys(300, async (engine) => {
      await engine.compactRange();
      const reads = () => engine.status().levels.reduce((sum, { reads }) => sum + reads.blockReads, 0);
      const before = reads();
      sizeOf(engine, keyOf(20), keyOf(250));
      expect(reads()).toBe(before);
      expect(get(engine, keyOf(5))).toBeDefined();
      expect(reads()).toBeGreaterThan(before);
    }));
});
