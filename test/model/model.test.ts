/**
 * Random operations, reopenings and crashes against the history of writes, under several configurations.
 *
 * `MODEL_SEEDS=N` runs more seeds, `MODEL_SEED=N` one, `MODEL_OPERATIONS=N` longer runs.
 */
import { describe, expect, test } from "bun:test";
import type { FinishedCompaction } from "../../src/engine/observer.ts";
import { type CrashPolicy, keepAll, keepNone, keepRandomSectors } from "../../src/platform/crash.ts";
import { MemoryFileSystem } from "../../src/platform/memory.ts";
import { type Random, seededRandom } from "../../src/platform/random.ts";
import { type DriverSettings, EngineDriver } from "../support/engine-driver.ts";
import { tinyOptions } from "../support/engine-settings.ts";

const seedCount = Number(process.env["MODEL_SEEDS"] ?? 20);
const onlySeed = process.env["MODEL_SEED"];
const operationCount = Number(process.env["MODEL_OPERATIONS"] ?? 700);
const seeds =
  onlySeed === undefined ? Array.from({ length: seedCount }, (_, i) => i + 1) : [Number(onlySeed)];

function anyCrash(random: Random): CrashPolicy | undefined {
  const choice = random.uint32() % 5;
  if (choice === 4) return undefined;
  if (choice === 0) return keepNone;
  if (choice === 1) return keepAll;
  return keepRandomSectors(seededRandom(random.uint32()));
}

type Configuration = Omit<DriverSettings, "seed">;
const common = { keyCount: 60, maxValueBytes: 600, crash: anyCrash };

const configurations: Record<string, Configuration> = {
  tiny: { ...common, options: tinyOptions() },
  "one entry a block, few keys": {
    ...common,
    keyCount: 8,
    options: tinyOptions({ table: { blockSizeBytes: 64, restartIntervalEntries: 1 } }),
  },
  "large values": {
    ...common,
    maxValueBytes: 5000,
    options: tinyOptions({
      memtable: { maxSizeBytes: 65_536, flushThresholdBytes: 32_768, maxFrozenCount: 1 },
    }),
  },
  "many levels, expiring tombstones": {
    ...common,
    keyCount: 500,
    options: tinyOptions({
      compaction: { l1TableSizeBytes: 1024, l2TableSizeBytes: 1024, recordFormat: "versioned" },
    }),
  },
  "slow compactions beside each other": {
    ...common,
    keyCount: 200,
    options: tinyOptions({
      compaction: {
        l1TableSizeBytes: 1024,
        l2TableSizeBytes: 1024,
        recordFormat: "versioned",
        workerCount: 4,
        throttleBytesPerSecond: 100,
      },
    }),
  },
  "slow flushes, views that end": {
    ...common,
    mostTurnsBeforeJob: 12,
    endsViews: true,
    options: tinyOptions({
      memtable: { flushThresholdBytes: 2048, maxFrozenCount: 4 },
      views: { maxPinnedMemtableBytes: 8192 },
    }),
  },
  "a disk that fails": { ...common, fails: true, mostTurnsBeforeJob: 2, options: tinyOptions() },
  "a disk that fails, synced now and then": {
    ...common,
    fails: true,
    losesAcknowledged: true,
    options: tinyOptions({ commitLog: { sync: "interval", syncIntervalMs: 5 } }),
  },
  "a cache": {
    ...common,
    keyCount: 200,
    options: tinyOptions({
      compaction: { l1TableSizeBytes: 1024, l2TableSizeBytes: 1024, recordFormat: "versioned" },
      cache: { maxSizeBytes: 32_768 },
    }),
  },
  "synced now and then": {
    ...common,
    losesAcknowledged: true,
    options: tinyOptions({ commitLog: { sync: "interval", syncIntervalMs: 5 } }),
  },
  "never synced": {
    ...common,
    losesAcknowledged: true,
    options: tinyOptions({ commitLog: { sync: "never" } }),
  },
};

/** How far compactions went, over all seeds. */
class CompactionWatch {
  deepestLevel = 0;
  droppedTombstoneCount = 0;
  readonly observer = {
    compactionFinished: ({ outputLevel, droppedTombstoneCount }: FinishedCompaction) => {
      this.deepestLevel = Math.max(this.deepestLevel, outputLevel);
      this.droppedTombstoneCount += droppedTombstoneCount;
    },
    clockOrderViolated: () => expect.unreachable("clocks are out of order"),
  };
}

for (const [name, configuration] of Object.entries(configurations)) {
  describe(`engine against the model: ${name}`, () => {
    const watch = new CompactionWatch();
    for (const seed of seeds) {
      test(`seed ${seed}`, async () => {
        const settings = { ...configuration, seed, observer: watch.observer };
        const driver = await EngineDriver.start(settings, new MemoryFileSystem());
        await driver.run(operationCount);
        expect(driver.history.length).toBeGreaterThan(0);
      }, 60_000);
    }

    if (onlySeed !== undefined) return;
    test("compactions reached the levels, and dropped the tombstones, that there are", () => {
      const { keyCount, options } = configuration;
      expect(watch.deepestLevel).toBeGreaterThanOrEqual(keyCount >= 200 ? 3 : 1);
      if (options.compaction.recordFormat === "versioned") {
        expect(watch.droppedTombstoneCount).toBeGreaterThan(0);
      }
    });
  });
}

describe("canary", () => {
  test("a store that acknowledges before the sync is found out", async () => {
    const options = tinyOptions({ commitLog: { sync: "never" } });
    const settings = { ...common, options, crash: () => keepNone };
    const runs = seeds.map(async (seed) => {
      const driver = await EngineDriver.start({ ...settings, seed }, new MemoryFileSystem());
      await driver.run(operationCount);
    });
    const outcomes = await Promise.allSettled(runs);
    const reasons = outcomes.flatMap((outcome) =>
      outcome.status === "rejected" ? [String(outcome.reason)] : [],
    );
    expect(reasons.length).toBeGreaterThan(0);
    for (const reason of reasons) expect(reason).toContain("acknowledged up to");
  }, 60_000);
});
