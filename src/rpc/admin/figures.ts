/** The node's state as the messages of the admin service have it. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type {
  CacheFiguresSchema,
  CommitLogFiguresSchema,
  CompactionFiguresSchema,
  DiskFiguresSchema,
  HealthSchema,
  LevelSchema,
  MemtableFiguresSchema,
  ProcessFiguresSchema,
  StallFiguresSchema,
  StoreFiguresSchema,
} from "../../gen/pairdb/admin/v1/admin_pb.ts";
import type { EngineStatus, LevelStatus } from "../../node/administration/administration.ts";
import type { AdminSources } from "./sources.ts";

/** As protobuf wants 64 bits; estimates have fractions. */
export function wide(count: number): bigint {
  return BigInt(Math.round(count));
}

/** What a status and a sample of live figures have in common. */
export function commonFigures(sources: AdminSources, status: EngineStatus, lagWithinMs: number) {
  return {
    health: healthFigures(sources),
    process: processFigures(sources, lagWithinMs),
    disk: diskFigures(sources),
    memtables: memtableFigures(sources, status),
    commitLog: commitLogFigures(status),
    cache: cacheFigures(status),
    stalls: stallFigures(status),
    compaction: compactionFigures(status),
  };
}

function healthFigures(sources: AdminSources): MessageInitShape<typeof HealthSchema> {
  const { status, reasons, isReady, notReadyReasons, phase } = sources.health();
  return { status, reasons: [...reasons], isReady, notReadyReasons: [...notReadyReasons], phase };
}

function processFigures(
  sources: AdminSources,
  lagWithinMs: number,
): MessageInitShape<typeof ProcessFiguresSchema> {
  const { memoryBytes, mappedResidentBytes, threadCount, memoryLimitBytes = 0 } = sources.process();
  return {
    memoryBytes: wide(memoryBytes),
    mappedResidentBytes: wide(mappedResidentBytes),
    memoryLimitBytes: wide(memoryLimitBytes),
    threadCount,
    longestEventLoopLagSeconds: sources.longestLagMs(lagWithinMs) / 1000,
  };
}

function diskFigures(sources: AdminSources): MessageInitShape<typeof DiskFiguresSchema> {
  const { totalBytes, availableBytes, state } = sources.disk();
  return { totalBytes: wide(totalBytes), availableBytes: wide(availableBytes), state };
}

function memtableFigures(
  { memtableBytes }: AdminSources,
  status: EngineStatus,
): MessageInitShape<typeof MemtableFiguresSchema> {
  return {
    activeBytes: wide(status.activeMemtableBytes),
    activeEntryCount: wide(status.activeMemtableEntryCount),
    maxBytes: wide(memtableBytes),
    frozenCount: status.frozenMemtableCount,
    pinnedBytes: wide(status.pinnedMemtableBytes),
  };
}

function commitLogFigures(status: EngineStatus): MessageInitShape<typeof CommitLogFiguresSchema> {
  const { commitLogBytes, commitLogEntryCount, syncDurations } = status.work;
  return {
    segmentCount: status.segmentCount,
    sizeBytes: wide(status.commitLogBytes),
    writtenBytesSinceStart: wide(commitLogBytes),
    entryCountSinceStart: wide(commitLogEntryCount),
    syncCountSinceStart: wide(syncDurations.count),
  };
}

function cacheFigures({ cache }: EngineStatus): MessageInitShape<typeof CacheFiguresSchema> {
  return {
    sizeBytes: wide(cache.sizeBytes),
    budgetBytes: wide(cache.budgetBytes),
    entryCount: wide(cache.entryCount),
    hitsSinceStart: wide(cache.hits),
    missesSinceStart: wide(cache.misses),
    evictionsSinceStart: wide(cache.evictions),
  };
}

function stallFigures({ work }: EngineStatus): MessageInitShape<typeof StallFiguresSchema> {
  return {
    stallCountSinceStart: wide(work.stallCount),
    stallSecondsSinceStart: work.stallMs / 1000,
    delayCountSinceStart: wide(work.delayCount),
    delaySecondsSinceStart: work.delayMs / 1000,
  };
}

function compactionFigures(status: EngineStatus): MessageInitShape<typeof CompactionFiguresSchema> {
  const { flushedBytes, compactedBytes, writeAmplification } = status.work;
  return {
    isPaused: status.isCompactionPaused,
    runningCount: status.runningCompactionCount,
    failure: status.compactionFailure ?? "",
    flushedBytesSinceStart: wide(flushedBytes),
    compactedBytesSinceStart: wide(compactedBytes),
    ...(writeAmplification === undefined ? {} : { writeAmplification }),
  };
}

export function storeFigures(status: EngineStatus): MessageInitShape<typeof StoreFiguresSchema> {
  return {
    storeId: status.storeId,
    lastSequence: wide(status.lastSequence),
    durableSequence: wide(status.durableSequence),
    tableCount: status.levels.reduce((sum, { tableCount }) => sum + tableCount, 0),
    tableBytes: wide(status.levels.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)),
    obsoleteTableBytes: wide(status.obsoleteTableBytes),
    openTableCount: status.openTableCount,
    rangeDeletionCount: status.rangeDeletionCount,
    viewCount: status.viewCount,
    oldestViewSeconds: status.oldestViewAgeMs / 1000,
    damage: status.damage.map(({ message }) => message),
    writingStopped: status.writingStopped?.message ?? "",
    lookupCountSinceStart: wide(status.reads.getCount),
  };
}

export function levelFigures(status: LevelStatus, level: number): MessageInitShape<typeof LevelSchema> {
  const { reads, work, writeAmplification } = status;
  return {
    level,
    tableCount: status.tableCount,
    sizeBytes: wide(status.sizeBytes),
    entryCount: wide(status.entryCount),
    tombstoneCount: wide(status.tombstoneCount),
    jobCountSinceStart: wide(work.jobCount),
    failedJobCountSinceStart: wide(work.failureCount),
    incomingBytesSinceStart: wide(work.incomingBytes),
    writtenBytesSinceStart: wide(work.writtenBytes),
    ...(writeAmplification === undefined ? {} : { writeAmplification }),
    filterNegativesSinceStart: wide(reads.bloomNegatives),
    filterFalsePositivesSinceStart: wide(reads.bloomFalsePositives),
    blockReadsSinceStart: wide(reads.blockReads),
    scanBlockReadsSinceStart: wide(reads.scanBlockReads),
  };
}
