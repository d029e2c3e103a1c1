import { type EngineOptions, type EngineOverrides, engineOptions } from "../../src/engine/options.ts";

/** Limits so small that a few hundred writes fill memtables, segments and blocks. */
export const tinyOverrides = {
  commitLog: { segmentSizeBytes: 16_384, preallocateBytes: 4096, groupSizeBytes: 2048 },
  memtable: { maxSizeBytes: 8192, flushThresholdBytes: 4096, maxFrozenCount: 2, maxReplayedBytes: 0 },
  table: {
    blockSizeBytes: 256,
    compressedBlockSizeBytes: 256,
    restartIntervalEntries: 4,
    bloomFalsePositiveRate: 0.01,
  },
  compaction: {
    l0TriggerCount: 2,
    l1TableSizeBytes: 2048,
    l2TableSizeBytes: 2048,
    tableSizeMultiplier: 1,
    levelCapacityMultiplier: 2,
    compression: ["none"],
  },
  writeStall: { longestWaitMs: 3_600_000 },
  reads: { residencyChecks: "always" },
} satisfies EngineOverrides;

export function tinyOptions(overrides: EngineOverrides = {}): EngineOptions {
  return engineOptions("/data", {
    ...tinyOverrides,
    ...overrides,
    commitLog: { ...tinyOverrides.commitLog, ...overrides.commitLog },
    memtable: { ...tinyOverrides.memtable, ...overrides.memtable },
    table: { ...tinyOverrides.table, ...overrides.table },
    compaction: { ...tinyOverrides.compaction, ...overrides.compaction },
    writeStall: { ...tinyOverrides.writeStall, ...overrides.writeStall },
    reads: { ...tinyOverrides.reads, ...overrides.reads },
  });
}
