/** The configuration in the engine's terms. */
import type { EngineOverrides } from "../engine/options.ts";
import { separator } from "../node/keys.ts";
import type { Configuration } from "./resolve.ts";

export function engineOverrides(configuration: Configuration): EngineOverrides {
  const { storage, commit_log, mem_table, sstable, limits, recovery, compaction, cache } = configuration;
  return {
    commitLogDirectory: storage.commit_log_dir,
    tableDirectory: storage.sstable_dir,
    commitLog: {
      segmentSizeBytes: commit_log.segment_size,
      sync: commit_log.sync,
      syncIntervalMs: commit_log.sync_interval,
      maxRetainedBytes: commit_log.max_retained_bytes,
    },
    memtable: {
      maxSizeBytes: mem_table.max_size,
      flushThresholdBytes: mem_table.flush_threshold,
      maxFrozenCount: mem_table.num_mem_tables,
      maxReplayedBytes: recovery.max_memory,
    },
    table: {
      blockSizeBytes: sstable.block_size,
      compressedBlockSizeBytes: sstable.compressed_block_size,
      bloomFalsePositiveRate: sstable.bloom_filter_fp,
      zstdLevel: sstable.zstd_level,
    },
    compaction: {
      l0TriggerCount: compaction.l0_trigger,
      l1TableSizeBytes: sstable.l1_size,
      l2TableSizeBytes: sstable.l2_size,
      tableSizeMultiplier: sstable.level_multiplier,
      compression: sstable.compression,
      levelCapacityMultiplier: compaction.level_capacity_multiplier,
      workerCount: compaction.workers,
      throttleBytesPerSecond: compaction.throttle * 1_000_000,
      gcGraceMs: compaction.gc_grace,
      recordFormat: "versioned",
    },
    cache: {
      maxSizeBytes: cache.max_size,
      maxDecompressedBytes: cache.max_decompressed_size,
      partitionDelimiter: separator,
    },
    reads: { maxOpenTables: sstable.max_open_tables, maxHeldIndexBytes: sstable.max_index_memory },
    views: {
      maxAgeMs: limits.max_view_age,
      maxPinnedMemtableBytes: limits.max_pinned_bytes,
    },
    recoveryMode: recovery.mode,
  };
}
