import { tinyOptions } from "../engine-settings.ts";
import type { Workload } from "./operation.ts";
import type { StoreSettings } from "./store-under-test.ts";

/** A kind of run: what is done, and to which store. */
export interface Configuration {
  readonly workload: Workload;
  readonly settings: Omit<StoreSettings, "seed" | "observer" | "isQuiet">;
}

const common: Workload = { keyCount: 60, maxValueBytes: 600, crashes: true };
const smallTables = { l1TableSizeBytes: 1024, l2TableSizeBytes: 1024, recordFormat: "versioned" } as const;

/** Each is a run of its own, with its own operations. */
export const configurations: Readonly<Record<string, Configuration>> = {
  tiny: { workload: common, settings: { options: tinyOptions() } },
  "one entry a block, few keys": {
    workload: { ...common, keyCount: 8 },
    settings: { options: tinyOptions({ table: { blockSizeBytes: 64, restartIntervalEntries: 1 } }) },
  },
  "large values": {
    workload: { ...common, maxValueBytes: 5000 },
    settings: {
      options: tinyOptions({
        memtable: { maxSizeBytes: 65_536, flushThresholdBytes: 32_768, maxFrozenCount: 1 },
      }),
    },
  },
  "many levels, expiring tombstones": {
    workload: { ...common, keyCount: 500, maxValueBytes: 1200, hasRecords: true },
    settings: {
      options: tinyOptions({ compaction: { ...smallTables, compression: ["none", "none", "zstd"] } }),
    },
  },
  "slow compactions beside each other": {
    workload: { ...common, keyCount: 200, hasRecords: true },
    settings: {
      options: tinyOptions({
        compaction: { ...smallTables, workerCount: 4, throttleBytesPerSecond: 100 },
      }),
    },
  },
  "slow flushes, views that end": {
    workload: common,
    settings: {
      mostTurnsBeforeJob: 12,
      endsViews: true,
      options: tinyOptions({
        memtable: { flushThresholdBytes: 2048, maxFrozenCount: 4 },
        views: { maxPinnedMemtableBytes: 8192 },
      }),
    },
  },
  "a disk that fails": {
    workload: { ...common, fails: true },
    settings: { fails: true, mostTurnsBeforeJob: 2, options: tinyOptions() },
  },
  "a disk that fails, synced now and then": {
    workload: { ...common, fails: true },
    settings: {
      fails: true,
      losesAcknowledged: true,
      options: tinyOptions({ commitLog: { sync: "interval", syncIntervalMs: 5 } }),
    },
  },
  "every level compressed": {
    workload: { ...common, keyCount: 500, hasRecords: true },
    settings: {
      options: tinyOptions({
        table: { compressedBlockSizeBytes: 128, zstdLevel: 1 },
        compaction: { ...smallTables, compression: ["zstd"] },
        cache: { maxDecompressedBytes: 2048 },
      }),
    },
  },
  "a cache": {
    workload: { ...common, keyCount: 200, hasRecords: true },
    settings: { options: tinyOptions({ compaction: smallTables, cache: { maxSizeBytes: 32_768 } }) },
  },
  "one open table": {
    workload: { ...common, keyCount: 200, hasRecords: true },
    settings: {
      options: tinyOptions({ compaction: smallTables, reads: { maxOpenTables: 1, maxHeldIndexBytes: 0 } }),
    },
  },
  "indexes of two levels": {
    workload: { ...common, keyCount: 500, hasRecords: true },
    settings: {
      options: tinyOptions({
        table: { blockSizeBytes: 64, indexPartitionBytes: 60 },
        compaction: smallTables,
        reads: { maxOpenTables: 4 },
      }),
    },
  },
  "synced now and then": {
    workload: common,
    settings: {
      losesAcknowledged: true,
      options: tinyOptions({ commitLog: { sync: "interval", syncIntervalMs: 5 } }),
    },
  },
  "never synced": {
    workload: common,
    settings: { losesAcknowledged: true, options: tinyOptions({ commitLog: { sync: "never" } }) },
  },
};

/** What the stores of the agreement test all are put through. */
export const agreedWorkload: Workload = {
  keyCount: 150,
  maxValueBytes: 1200,
  hasRecords: true,
  crashes: true,
};

/** The ends of what the options allow; every store must answer the same to the same operations. */
export const agreeingOptions: Readonly<Record<string, Configuration["settings"]>> = {
  tiny: { options: tinyOptions() },
  "all in one memtable": {
    options: tinyOptions({
      memtable: { maxSizeBytes: 8 * 1_048_576, flushThresholdBytes: 8 * 1_048_576 },
    }),
  },
  "a flush for every few writes, a table for every few entries": {
    options: tinyOptions({
      memtable: { maxSizeBytes: 8192, flushThresholdBytes: 1024, maxFrozenCount: 1 },
      compaction: { ...smallTables, l0TriggerCount: 1 },
    }),
  },
  "an entry a block, every key whole, bloom filters that hardly filter": {
    options: tinyOptions({
      table: { blockSizeBytes: 64, restartIntervalEntries: 1, bloomFalsePositiveRate: 0.5 },
    }),
  },
  "every level compressed as small as it goes, and no block kept": {
    options: tinyOptions({
      table: { zstdLevel: 22 },
      compaction: { ...smallTables, compression: ["zstd"] },
      cache: { maxDecompressedBytes: 0 },
    }),
  },
  "a block a table, one key whole, bloom filters that miss nothing": {
    mostTurnsBeforeJob: 6,
    options: tinyOptions({
      table: { blockSizeBytes: 1 << 24, restartIntervalEntries: 1024, bloomFalsePositiveRate: 0.0001 },
      compaction: { l1TableSizeBytes: 1 << 20, l2TableSizeBytes: 1 << 20, recordFormat: "versioned" },
    }),
  },
  "level 0 grows, frozen memtables gather": {
    mostTurnsBeforeJob: 20,
    options: tinyOptions({
      memtable: { flushThresholdBytes: 2048, maxFrozenCount: 64 },
      compaction: { l0TriggerCount: 1000, levelCapacityMultiplier: 100, tableSizeMultiplier: 100 },
      writeStall: { l0SlowdownCount: 2000, l0StopCount: 3000 },
    }),
  },
  "many small compactions at once, a cache of few entries": {
    mostTurnsBeforeJob: 4,
    options: tinyOptions({
      compaction: { ...smallTables, workerCount: 8, l0TriggerCount: 1 },
      cache: { maxSizeBytes: 8192 },
    }),
  },
  "a group for every write, small segments, a large cache": {
    options: tinyOptions({
      commitLog: { segmentSizeBytes: 4096, preallocateBytes: 512, groupSizeBytes: 1 },
      cache: { maxSizeBytes: 1 << 20 },
    }),
  },
  "a large log that is never synced": {
    losesAcknowledged: true,
    options: tinyOptions({
      commitLog: {
        sync: "never",
        segmentSizeBytes: 1 << 24,
        preallocateBytes: 1 << 20,
        groupSizeBytes: 1 << 20,
      },
    }),
  },
};
