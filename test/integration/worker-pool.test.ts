import { expect, test } from "bun:test";
import { Engine } from "../../src/engine/engine.ts";
import { entryKinds } from "../../src/engine/internal-key.ts";
import { Memtable } from "../../src/engine/memtable/memtable.ts";
import { type FinishedCompaction, silentObserver } from "../../src/engine/observer.ts";
import { defaultTableOptions, engineOptions } from "../../src/engine/options.ts";
import { verifyDataDirectory } from "../../src/engine/verify.ts";
import { WorkerPool } from "../../src/engine/workers/pool.ts";
import { systemClock } from "../../src/platform/clock.ts";
import { seededRandom, systemRandom } from "../../src/platform/random.ts";
import { realFileSystem } from "../../src/platform/real.ts";
import { get, putWhenWritable } from "../support/engine-access.ts";
import { temporaryFolder } from "../support/temp-folder.ts";

const folder = temporaryFolder();
const environment = {
  files: realFileSystem,
  clock: systemClock,
  random: systemRandom,
  observer: silentObserver,
};

test("worker threads flush to real files, and a new process of the engine reads them", async () => {
  const options = engineOptions(`${folder}/data`, {
    memtable: { maxSizeBytes: 1 << 20, flushThresholdBytes: 900_000 },
  });
  const flushes: number[] = [];
  const observer = {
    ...silentObserver,
    flushFinished: (entryCount: number) => void flushes.push(entryCount),
  };
  let engine = await Engine.open({ ...environment, observer }, options);
  const writes: Promise<void>[] = [];
  for (let index = 0; index < 20_000; index++) {
    writes.push((await putWhenWritable(engine, `key-${index}`, `value ${index}`.repeat(10))).durable);
  }
  await Promise.all(writes);
  await engine.flush();
  expect(flushes.length).toBeGreaterThan(2);
  expect(flushes.reduce((sum, count) => sum + count, 0)).toBe(20_000);
  await engine.close();
  engine = await Engine.open(environment, options);
  for (let index = 0; index < 20_000; index += 97) {
    expect(get(engine, `key-${index}`)).toBe(`value ${index}`.repeat(10));
  }
  await engine.close();
});

test("worker threads compact side by side while writes go on, and stop when the engine closes", async () => {
  const options = engineOptions(`${folder}/compacted`, {
    memtable: { maxSizeBytes: 1 << 18, flushThresholdBytes: 200_000 },
    compaction: {
      l1TableSizeBytes: 100_000,
      l2TableSizeBytes: 100_000,
      tableSizeMultiplier: 1,
      levelCapacityMultiplier: 3,
    },
    commitLog: { sync: "never" },
  });
  const failures: unknown[] = [];
  let deepestLevel = 0;
  const observer = {
    ...silentObserver,
    compactionFailed: (error: unknown) => void failures.push(error),
    compactionFinished: ({ outputLevel }: FinishedCompaction) => {
      deepestLevel = Math.max(deepestLevel, outputLevel);
    },
  };
  let engine = await Engine.open({ ...environment, observer }, options);
  const keyCount = 10_000;
  for (let index = 0; index < 3 * keyCount; index++) {
    await putWhenWritable(engine, `key-${(index * 7919) % keyCount}`, `value ${index}`.repeat(10));
  }
  const compacted = engine.compactRange().catch(() => {});
  await engine.close();
  await compacted;
  expect(failures).toEqual([]);
  expect(deepestLevel).toBeGreaterThanOrEqual(2);
  engine = await Engine.open({ ...environment, observer }, options);
  await engine.compactRange();
  const { levels } = engine.status();
  expect(levels.reduce((sum, { entryCount }) => sum + entryCount, 0)).toBe(keyCount);
  for (let index = 2 * keyCount; index < 3 * keyCount; index++) {
    expect(get(engine, `key-${(index * 7919) % keyCount}`)).toBe(`value ${index}`.repeat(10));
  }
  await engine.close();
});

test("a job that fails rejects with its error, and the thread takes the next one", async () => {
  const pool = new WorkerPool(1);
  const engine = await Engine.open(environment, engineOptions(`${folder}/other`));
  const memtable = Memtable.create(4096, seededRandom(1));
  memtable.insert(Buffer.from("key"), 3, 1, entryKinds.value, Buffer.from("value"), 5);
  const job = {
    kind: "flush" as const,
    source: memtable.flushSource(),
    rangeDeletions: [],
    path: `${folder}/missing/000001.sst`,
    options: defaultTableOptions,
    createdAtMs: 0,
  };
  expect(await pool.run(job).catch((error: unknown) => error)).toMatchObject({ code: "ENOENT" });
  expect(await pool.run(job).catch((error: unknown) => error)).toMatchObject({ code: "ENOENT" });
  await pool.close();
  expect(await pool.run(job).catch((error: unknown) => error)).toMatchObject({ code: "UNAVAILABLE" });
  await engine.close();
});

test("a clean close leaves nothing behind for the next start to clear away", async () => {
  const options = engineOptions(`${folder}/closed`);
  const engine = await Engine.open(environment, options);
  await (await putWhenWritable(engine, "key", "value")).durable;
  await engine.close();
  const { findings, notes } = verifyDataDirectory(realFileSystem, options);
  expect([findings, notes]).toEqual([[], []]);
});
