import { DurationHistogram } from "../../src/engine/statistics/histogram.ts";
import { noWork } from "../../src/engine/statistics/level-work.ts";
import type { EngineStatus } from "../../src/engine/status.ts";

const level = {
  tables: [],
  tableCount: 2,
  sizeBytes: 4096,
  entryCount: 10,
  tombstoneCount: 1,
  reads: { bloomNegatives: 40, bloomFalsePositives: 2, blockReads: 10, scanBlockReads: 3 },
  work: { ...noWork(), jobCount: 7, incomingBytes: 100, writtenBytes: 250, durationMs: 1500 },
  writeAmplification: 2.5,
};

const noDurations = new DurationHistogram().distribution();

/** Of a store that has done a little of everything. */
export const engineStatus: EngineStatus = {
  storeId: "store",
  lastSequence: 12,
  durableSequence: 11,
  isDraining: false,
  activeMemtableBytes: 100,
  activeMemtableEntryCount: 5,
  frozenMemtableCount: 1,
  pinnedMemtableBytes: 0,
  levels: [level, { ...level, tableCount: 3 }],
  reads: {
    getCount: 1000,
    tableLookupCount: 30,
    tablesAskedCount: 100,
    tableLookupDurations: { boundsMs: [0.1, 1], counts: [5, 3, 2], count: 10, sumMs: 8 },
  },
  work: {
    userBytes: 1000,
    flushedBytes: 1100,
    compactedBytes: 2900,
    writeAmplification: 4,
    flushDurations: noDurations,
    stallCount: 0,
    stallMs: 0,
    delayCount: 0,
    delayMs: 0,
    commitLogBytes: 1200,
    commitLogEntryCount: 9,
    syncDurations: noDurations,
    runningJobs: [],
    endedJobs: [],
  },
  obsoleteTableBytes: 0,
  openTableCount: 2,
  residency: { coldReadCount: 6, broughtInCount: 7, broughtInBytes: 28_672, mainThreadFaultCount: 8 },
  runningCompactionCount: 0,
  compactionDebtBytes: 4096,
  isCompactionPaused: false,
  compactionFailure: undefined,
  cache: {
    hits: 70,
    misses: 30,
    insertions: 50,
    admissions: 12,
    rejections: 3,
    evictions: 4,
    entryCount: 26,
    sizeBytes: 65_536,
    budgetBytes: 131_072,
    windowShare: 0.01,
    partitions: [],
  },
  blockCache: { hits: 41, misses: 42, evictions: 43, sizeBytes: 4096, budgetBytes: 8192 },
  rangeDeletionCount: 3,
  segmentCount: 2,
  commitLogBytes: 2048,
  viewCount: 0,
  oldestViewAgeMs: 0,
  damage: [],
  writingStopped: undefined,
};
