/** What reads leave in the engine's status. */
import { expect, test } from "bun:test";
import type { Engine } from "../../../../src/engine/engine.ts";
import { MemoryFileSystem } from "../../../../src/platform/memory.ts";
import { get, put } from "../../../support/engine-access.ts";
import { openEngine } from "../../../support/engine-driver.ts";
import { tinyOptions } from "../../../support/engine-settings.ts";
import { scan } from "../../../support/store-history.ts";

const keyOf = (index: number) => `key-${String(index).padStart(3, "0")}`;
const timed: number[] = [];

/** Even keys in a table of level 0. */
async function engineWithTable(): Promise<Engine> {
  timed.length = 0;
  const observer = { tableLookupTimed: (durationMs: number) => void timed.push(durationMs) };
  const options = tinyOptions({ compaction: { l0TriggerCount: 100 } });
  const engine = await openEngine(new MemoryFileSystem(), options, 1, observer);
  for (let index = 0; index < 40; index += 2) put(engine, keyOf(index), "value");
  await engine.flush();
  return engine;
}

test("look-ups count by where they were answered, and each table for its level", async () => {
  const engine = await engineWithTable();
  put(engine, "in memory", "value");
  get(engine, "in memory");
  for (let index = 0; index < 40; index++) get(engine, keyOf(index));
  const { reads, levels } = engine.status();
  expect(reads).toMatchObject({ getCount: 41, tableLookupCount: 40 });
  const { bloomNegatives, bloomFalsePositives, blockReads } = levels[0]!.reads;
  // The last key lies beyond the table's range, which is not asked then.
  expect(reads.tablesAskedCount).toBe(39);
  expect(bloomNegatives + bloomFalsePositives).toBe(19);
  expect(blockReads).toBe(20 + bloomFalsePositives);
  await engine.close();
});

test("a scan counts by the blocks that it enters, and not as look-ups", async () => {
  const engine = await engineWithTable();
  const view = engine.view();
  scan(view.cursor());
  const { reads, levels } = engine.status();
  expect(reads).toMatchObject({ getCount: 0, tableLookupCount: 0 });
  expect(levels[0]!.reads.blockReads).toBe(0);
  expect(levels[0]!.reads.scanBlockReads).toBeGreaterThan(0);
  view.close();
  await engine.close();
});

test("a table that moved counts for its new level, and what it counted before stays", async () => {
  const engine = await engineWithTable();
  get(engine, keyOf(0));
  await engine.compactRange();
  get(engine, keyOf(0));
  get(engine, keyOf(2));
  const { levels } = engine.status();
  expect(levels.map(({ tableCount }) => tableCount)).toEqual([0, 1, 0, 0, 0]);
  expect(levels.map(({ reads }) => reads.blockReads)).toEqual([1, 2, 0, 0, 0]);
  await engine.close();
});

test("what was read in tables that are gone by now is still counted", async () => {
  const engine = await engineWithTable();
  get(engine, keyOf(0));
  for (let index = 0; index < 40; index += 2) put(engine, keyOf(index), "newer");
  await engine.flush();
  await engine.compactRange();
  expect(engine.status().levels[0]).toMatchObject({ tableCount: 0, reads: { blockReads: 1 } });
  await engine.close();
});

test("one look-up of 64 is timed", async () => {
  const engine = await engineWithTable();
  for (let round = 0; round < 129; round++) get(engine, keyOf(0));
  const { tableLookupDurations } = engine.status().reads;
  expect([timed.length, tableLookupDurations.count]).toEqual([3, 3]);
  expect(tableLookupDurations.sumMs).toBe(timed.reduce((sum, durationMs) => sum + durationMs, 0));
  await engine.close();
});
