/**
 * Every setting of the engine, with defaults, bounds and the relations between them.
 * Sizes are bytes, times milliseconds. `checkOptions` runs once, before anything is opened.
 */
import { StorageError } from "../base/errors.ts";
import { zstdLevels } from "../platform/zstd.ts";
import { maxCacheBytes } from "./cache/budget.ts";
import type { RecordFormat } from "./compaction/record-rules.ts";
import { levelCount } from "./manifest/version-edit.ts";
import type { ResidencyChecks } from "./residency/fault-watch.ts";
import { type Compression, compressions } from "./sstable/format.ts";

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
  /** What a start may hold of the commit log before it has to flush; at least one memtable more than may be frozen. */
  readonly maxReplayedBytes: number;
}

/** How one table is written. */
export interface TableOptions {
  /** A data block is closed when its entries reach this. */
  readonly blockSizeBytes: number;
  /** Every so many entries a key is stored whole. */
  readonly restartIntervalEntries: number;
  /** An index that grows past this is cut into partitions of about this size, with a top level. */
  readonly indexPartitionBytes: number;
  /** Share of absent keys that the bloom filter lets through. */
  readonly bloomFalsePositiveRate: number;
  /** Of data blocks that it makes an eighth smaller. */
  readonly compression: Compression;
  /** 1 is the fastest, 22 the smallest. */
  readonly zstdLevel: number;
}

/** How the tables of a store are written; their compression is by level. */
export interface StoreTableOptions extends Omit<TableOptions, "compression"> {
  /** In place of `blockSizeBytes` in tables with compression: a look-up there decompresses a whole block. */
  readonly compressedBlockSizeBytes: number;
}

export interface CompactionOptions {
  /** So many tables of level 0 make it due. */
  readonly l0TriggerCount: number;
  /** A table of level 1 is ended when it reaches this; level 1 holds four of them. */
  readonly l1TableSizeBytes: number;
  readonly l2TableSizeBytes: number;
  /** Table size of each level below 2, as a multiple of the one above. */
  readonly tableSizeMultiplier: number;
  /** Compression of the tables of each level; the last one given holds for all levels below. */
  readonly compression: readonly Compression[];
  /** Bytes of each level below 1, as a multiple of the one above. */
  readonly levelCapacityMultiplier: number;
  /** Compactions that may run at the same time, each in a thread of its own. */
  readonly workerCount: number;
  /** What all of them together may write in a second; 0: without limit. */
  readonly throttleBytesPerSecond: number;
  /** A record deleted longer ago counts as absent, and its tombstone may go. */
  readonly gcGraceMs: number;
  /** What values are; tombstones of `opaque` ones never expire. */
  readonly recordFormat: RecordFormat;
}

export interface CacheOptions {
  /** Memory for entries that were read from tables; 0: no cache. */
  readonly maxSizeBytes: number;
  /** A byte: what keys begin with up to it is counted apart. */
  readonly partitionDelimiter?: number;
  /** Memory for blocks that look-ups have decompressed; 0: each look-up decompresses its block. */
  readonly maxDecompressedBytes: number;
}

export interface ReadOptions {
  /** Whether reads look first whether what they need is in memory (`residency/fault-watch.ts`). */
  readonly residencyChecks: ResidencyChecks;
  /** Tables that may be mapped from one turn to the next; the system allows a process 65,530 maps by default. */
  readonly maxOpenTables: number;
  /** Memory for filters and indexes of open tables; what does not fit is read in the maps. */
  readonly maxHeldIndexBytes: number;
}

/** When writers are slowed, and when they wait (`write-stall.ts`). */
export interface WriteStallOptions {
  /** Tables of level 0 from which on writers are slowed, more with each one. */
  readonly l0SlowdownCount: number;
  /** Tables of level 0 at which writers wait. */
  readonly l0StopCount: number;
  /** Writers that have waited this long for room get RESOURCE_EXHAUSTED. */
  readonly longestWaitMs: number;
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
  readonly table: StoreTableOptions;
  readonly compaction: CompactionOptions;
  readonly writeStall: WriteStallOptions;
  readonly cache: CacheOptions;
  readonly reads: ReadOptions;
  readonly views: ViewLimits;
  readonly recoveryMode: RecoveryMode;
}

const mebibyte = 1 << 20;

export const defaultTableOptions: TableOptions = {
  blockSizeBytes: 4096,
  restartIntervalEntries: 16,
  indexPartitionBytes: 65_536,
  bloomFalsePositiveRate: 0.01,
  compression: "none",
  zstdLevel: 3,
};

const dayMs = 24 * 3_600_000;

const defaultCompactionOptions: CompactionOptions = {
  l0TriggerCount: 4,
  l1TableSizeBytes: 128 * mebibyte,
  l2TableSizeBytes: 256 * mebibyte,
  tableSizeMultiplier: 2,
  compression: ["none", "none", "zstd"],
  levelCapacityMultiplier: 10,
  workerCount: 2,
  throttleBytesPerSecond: 50_000_000,
  gcGraceMs: 10 * dayMs,
  recordFormat: "opaque",
};

/** Options for a data directory; `overrides` replace whole sections or single settings of them. */
export function engineOptions(dataDirectory: string, overrides: EngineOverrides = {}): EngineOptions {
  const compaction = { ...defaultCompactionOptions, ...overrides.compaction };
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
      maxReplayedBytes: 1024 * mebibyte,
      ...overrides.memtable,
    },
    table: { ...defaultTableOptions, compressedBlockSizeBytes: 2048, ...overrides.table },
    compaction,
    writeStall: {
      l0SlowdownCount: 2 * compaction.l0TriggerCount,
      l0StopCount: 6 * compaction.l0TriggerCount,
      longestWaitMs: 10_000,
      ...overrides.writeStall,
    },
    cache: { maxSizeBytes: 0, maxDecompressedBytes: 32 * mebibyte, ...overrides.cache },
    reads: {
      residencyChecks: "adaptive",
      maxOpenTables: 4096,
      maxHeldIndexBytes: 64 * mebibyte,
      ...overrides.reads,
    },
    views: {
      maxAgeMs: 15 * 60_000,
      maxPinnedMemtableBytes: 256 * mebibyte,
      maxPinnedTableShare: 0.1,
      ...overrides.views,
    },
    recoveryMode: overrides.recoveryMode ?? "skip",
  };
}

/** For one table of the store. */
export function tableOptions(options: EngineOptions, compression: Compression): TableOptions {
  const { compressedBlockSizeBytes, ...table } = options.table;
  const blockSizeBytes = compression === "none" ? table.blockSizeBytes : compressedBlockSizeBytes;
  return { ...table, blockSizeBytes, compression };
}

export interface EngineOverrides {
  readonly commitLogDirectory?: string;
  readonly tableDirectory?: string;
  readonly commitLog?: Partial<CommitLogOptions>;
  readonly memtable?: Partial<MemtableOptions>;
  readonly table?: Partial<StoreTableOptions>;
  readonly views?: Partial<ViewLimits>;
  readonly compaction?: Partial<CompactionOptions>;
  readonly writeStall?: Partial<WriteStallOptions>;
  readonly cache?: Partial<CacheOptions>;
  readonly reads?: Partial<ReadOptions>;
  readonly recoveryMode?: RecoveryMode;
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
    ["memtable.maxReplayedBytes", options.memtable.maxReplayedBytes, 0, 2 ** 40],
    ["table.blockSizeBytes", options.table.blockSizeBytes, 64, 2 ** 24],
    ["table.compressedBlockSizeBytes", options.table.compressedBlockSizeBytes, 64, 2 ** 24],
    ["table.restartIntervalEntries", options.table.restartIntervalEntries, 1, 1024],
    ["table.indexPartitionBytes", options.table.indexPartitionBytes, 1, 2 ** 30],
    ["table.bloomFalsePositiveRate", options.table.bloomFalsePositiveRate, 0.0001, 0.5],
    ["table.zstdLevel", options.table.zstdLevel, zstdLevels.least, zstdLevels.most],
    ["views.maxAgeMs", options.views.maxAgeMs, 1, 2 ** 40],
    ["views.maxPinnedMemtableBytes", options.views.maxPinnedMemtableBytes, 0, 2 ** 40],
    ["views.maxPinnedTableShare", options.views.maxPinnedTableShare, 0, 1],
    ["compaction.l0TriggerCount", options.compaction.l0TriggerCount, 1, 1000],
    ["compaction.l1TableSizeBytes", options.compaction.l1TableSizeBytes, 1024, 2 ** 40],
    ["compaction.l2TableSizeBytes", options.compaction.l2TableSizeBytes, 1024, 2 ** 40],
    ["compaction.tableSizeMultiplier", options.compaction.tableSizeMultiplier, 1, 100],
    ["compaction.levelCapacityMultiplier", options.compaction.levelCapacityMultiplier, 2, 100],
    ["compaction.workerCount", options.compaction.workerCount, 1, 64],
    ["compaction.throttleBytesPerSecond", options.compaction.throttleBytesPerSecond, 0, 2 ** 50],
    ["compaction.gcGraceMs", options.compaction.gcGraceMs, 1, 2 ** 40],
    ["writeStall.l0SlowdownCount", options.writeStall.l0SlowdownCount, 1, 2 ** 20],
    ["writeStall.l0StopCount", options.writeStall.l0StopCount, 2, 2 ** 20],
    ["writeStall.longestWaitMs", options.writeStall.longestWaitMs, 1, 2 ** 40],
    ["cache.maxSizeBytes", options.cache.maxSizeBytes, 0, maxCacheBytes],
    ["cache.partitionDelimiter", options.cache.partitionDelimiter ?? 0, 0, 255],
    ["cache.maxDecompressedBytes", options.cache.maxDecompressedBytes, 0, 2 ** 32],
    ["reads.maxOpenTables", options.reads.maxOpenTables, 1, 60_000],
    ["reads.maxHeldIndexBytes", options.reads.maxHeldIndexBytes, 0, 2 ** 40],
  ];
}

/** Throws INVALID_ARGUMENT with the setting's path, its value and what is allowed. */
export function checkOptions(options: EngineOptions): void {
  for (const [path, value, least, most] of bounds(options)) {
    if (!(value >= least && value <= most)) {
      throw new StorageError("INVALID_ARGUMENT", `${path} is ${value}; allowed is ${least} to ${most}`);
    }
  }
  checkCompression(options.compaction.compression);
  const { l0SlowdownCount, l0StopCount } = options.writeStall;
  if (l0SlowdownCount >= l0StopCount) {
    throw new StorageError(
      "INVALID_ARGUMENT",
      `writeStall.l0SlowdownCount is ${l0SlowdownCount}; it must be below writeStall.l0StopCount (${l0StopCount})`,
    );
  }
  if (options.memtable.flushThresholdBytes > options.memtable.maxSizeBytes) {
    throw new StorageError(
      "INVALID_ARGUMENT",
      `memtable.flushThresholdBytes is ${options.memtable.flushThresholdBytes}; ` +
        `it must not be above memtable.maxSizeBytes (${options.memtable.maxSizeBytes})`,
    );
  }
}

function checkCompression(compression: readonly string[]): void {
  const unknown = compression.find((name) => !Object.hasOwn(compressions, name));
  if (compression.length >= 1 && compression.length <= levelCount && unknown === undefined) return;
  throw new StorageError(
    "INVALID_ARGUMENT",
    `compaction.compression is ${compression.join(", ")}; allowed are 1 to ${levelCount} of ` +
      Object.keys(compressions).join(" and "),
  );
}
