/**
 * Every setting of the engine, with defaults, bounds and the relations between them.
 * Sizes are bytes, times milliseconds. `checkOptions` runs once, before anything is opened.
 */
import { StorageError } from "../base/errors.ts";

export type SyncMode = "always" | "interval" | "never";
export type RecoveryMode = "skip" | "point_in_time" | "strict";

export interface CommitLogOptions {
  /** A segment is closed when it reaches this, or when its memtable freezes. */
  readonly segmentSizeBytes: number;
  /** `always`: a write is acknowledged after the sync that covers it. */
  readonly sync: SyncMode;
  /** Time between syncs in mode `interval`. */
  readonly syncIntervalMs: number;
  /** Zero-filled and synced space is kept this far ahead of the writer. */
  readonly preallocateBytes: number;
  /** A group is closed to newcomers when it holds this much. */
  readonly groupSizeBytes: number;
  /** What holders may keep back in all; the furthest behind is dropped first. */
  readonly maxRetainedBytes: number;
}

export interface MemtableOptions {
  /** Arena size, allocated whole. */
  readonly maxSizeBytes: number;
  /** The memtable freezes when its arena holds this much. */
  readonly flushThresholdBytes: number;
  /** Frozen memtables that may wait for their flush before writers wait. */
  readonly maxFrozenCount: number;
}

export interface TableOptions {
  /** A data block is closed when its entries reach this. */
  readonly blockSizeBytes: number;
  /** Every so many entries a key is stored whole. */
  readonly restartIntervalEntries: number;
  /** Share of absent keys that the bloom filter lets through. */
  readonly bloomFalsePositiveRate: number;
}

export interface ViewLimits {
  /** The oldest view past this age ends with ABORTED. */
  readonly maxAgeMs: number;
  /** Memtable bytes that views may pin beyond those in use. */
  readonly maxPinnedMemtableBytes: number;
  /** Bytes of obsolete tables that views may pin, as a share of the file system. */
  readonly maxPinnedTableShare: number;
}

export interface EngineOptions {
  readonly dataDirectory: string;
  readonly commitLogDirectory: string;
  readonly tableDirectory: string;
  readonly commitLog: CommitLogOptions;
  readonly memtable: MemtableOptions;
  readonly table: TableOptions;
  readonly views: ViewLimits;
  readonly recoveryMode: RecoveryMode;
  /** Worker threads for flushes and other long jobs. */
  readonly workerCount: number;
}

const mebibyte = 1 << 20;

export const defaultTableOptions: TableOptions = {
  blockSizeBytes: 4096,
  restartIntervalEntries: 16,
  bloomFalsePositiveRate: 0.01,
};

/** Options for a data directory; `overrides` replace whole sections or single settings of them. */
export function engineOptions(dataDirectory: string, overrides: EngineOverrides = {}): EngineOptions {
  return {
    dataDirectory,
    commitLogDirectory: overrides.commitLogDirectory ?? `${dataDirectory}/commitlog`,
    tableDirectory: overrides.tableDirectory ?? `${dataDirectory}/sstables`,
    commitLog: {
      segmentSizeBytes: 1024 * mebibyte,
      sync: "always",
      syncIntervalMs: 100,
      preallocateBytes: 4 * mebibyte,
      groupSizeBytes: 4 * mebibyte,
      maxRetainedBytes: 4096 * mebibyte,
      ...overrides.commitLog,
    },
    memtable: {
      maxSizeBytes: 64 * mebibyte,
      flushThresholdBytes: 60_000_000,
      maxFrozenCount: 2,
      ...overrides.memtable,
    },
    table: { ...defaultTableOptions, ...overrides.table },
    views: {
      maxAgeMs: 15 * 60_000,
      maxPinnedMemtableBytes: 256 * mebibyte,
      maxPinnedTableShare: 0.1,
      ...overrides.views,
    },
    recoveryMode: overrides.recoveryMode ?? "skip",
    workerCount: overrides.workerCount ?? 2,
  };
}

export interface EngineOverrides {
  readonly commitLogDirectory?: string;
  readonly tableDirectory?: string;
  readonly commitLog?: Partial<CommitLogOptions>;
  readonly memtable?: Partial<MemtableOptions>;
  readonly table?: Partial<TableOptions>;
  readonly views?: Partial<ViewLimits>;
  readonly recoveryMode?: RecoveryMode;
  readonly workerCount?: number;
}

/** Bounds of single settings: [path, value, least, most]. */
function bounds(options: EngineOptions): [string, number, number, number][] {
  return [
    ["commitLog.segmentSizeBytes", options.commitLog.segmentSizeBytes, 4096, 2 ** 40],
    ["commitLog.syncIntervalMs", options.commitLog.syncIntervalMs, 1, 60_000],
    ["commitLog.preallocateBytes", options.commitLog.preallocateBytes, 512, 2 ** 30],
    ["commitLog.groupSizeBytes", options.commitLog.groupSizeBytes, 1, 2 ** 28],
    ["commitLog.maxRetainedBytes", options.commitLog.maxRetainedBytes, 0, 2 ** 50],
    ["memtable.maxSizeBytes", options.memtable.maxSizeBytes, 4096, 2 ** 31],
    ["memtable.flushThresholdBytes", options.memtable.flushThresholdBytes, 1024, 2 ** 31],
    ["memtable.maxFrozenCount", options.memtable.maxFrozenCount, 1, 64],
    ["table.blockSizeBytes", options.table.blockSizeBytes, 64, 2 ** 24],
    ["table.restartIntervalEntries", options.table.restartIntervalEntries, 1, 1024],
    ["table.bloomFalsePositiveRate", options.table.bloomFalsePositiveRate, 0.0001, 0.5],
    ["views.maxAgeMs", options.views.maxAgeMs, 1, 2 ** 40],
    ["views.maxPinnedMemtableBytes", options.views.maxPinnedMemtableBytes, 0, 2 ** 40],
    ["views.maxPinnedTableShare", options.views.maxPinnedTableShare, 0, 1],
    ["workerCount", options.workerCount, 1, 64],
  ];
}

/** Throws INVALID_ARGUMENT with the setting's path, its value and what is allowed. */
export function checkOptions(options: EngineOptions): void {
  for (const [path, value, least, most] of bounds(options)) {
    if (!(value >= least && value <= most)) {
      throw new StorageError("INVALID_ARGUMENT", `${path} is ${value}; allowed is ${least} to ${most}`);
    }
  }
  if (options.memtable.flushThresholdBytes > options.memtable.maxSizeBytes) {
    throw new StorageError(
      "INVALID_ARGUMENT",
      `memtable.flushThresholdBytes is ${options.memtable.flushThresholdBytes}; ` +
        `it must not be above memtable.maxSizeBytes (${options.memtable.maxSizeBytes})`,
    );
  }
}
