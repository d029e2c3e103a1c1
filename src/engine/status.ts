/** What the engine looks like at one moment, for metrics, health and the operator. */
import { messageOf } from "../base/errors.ts";
import type { CacheStatus, EntryCache } from "./cache/cache.ts";
import type { CommitLogWriter } from "./commit-log/writer.ts";
import type { Compactor } from "./compaction/compactor.ts";
import type { SequenceNumber } from "./internal-key.ts";
import type { TableMetadata } from "./manifest/version-edit.ts";
import type { VersionSet } from "./manifest/version-set.ts";
import type { MemtableSet } from "./memtable-set.ts";
import type { Damage } from "./observer.ts";
import type { LiveDeletions } from "./range-deletion/live-deletions.ts";
import type { Residency, ResidencyStatus } from "./residency/residency.ts";
import type { BlockCache, BlockCacheStatus } from "./sstable/block-cache.ts";
import type { DurationDistribution } from "./statistics/histogram.ts";
import { type LevelWork, levelWriteAmplification } from "./statistics/level-work.ts";
import type { ReadStatistics, TableReadCounters } from "./statistics/read-statistics.ts";
import type { WorkStatistics, WorkStatus } from "./statistics/work-statistics.ts";
import type { ViewRegistry } from "./view.ts";
import type { WriteStop } from "./write-stop.ts";

export interface LevelStatus {
  /** As the manifest has them. */
  readonly tables: readonly TableMetadata[];
  readonly tableCount: number;
  readonly sizeBytes: number;
  readonly entryCount: number;
  readonly tombstoneCount: number;
  /** What was read in the level's tables since the start, also in those that are gone by now. */
  readonly reads: TableReadCounters;
  /** What flushes and compactions wrote to the level since the start. */
  readonly work: LevelWork;
  /** Bytes written to the level for each one that came to it since the start; undefined while none came. */
  readonly writeAmplification: number | undefined;
}

/** Since the start. */
export interface ReadStatus {
  readonly getCount: number;
  /** Look-ups that no memtable and no cache answered. */
  readonly tableLookupCount: number;
  /** Tables whose filter a look-up asked. */
  readonly tablesAskedCount: number;
  /** Of a sample of the look-ups in tables. */
  readonly tableLookupDurations: DurationDistribution;
}

export interface EngineStatus {
  readonly storeId: string;
  readonly lastSequence: SequenceNumber;
  /** What answers may rest on. */
  readonly durableSequence: SequenceNumber;
  readonly activeMemtableBytes: number;
  readonly activeMemtableEntryCount: number;
  readonly frozenMemtableCount: number;
  readonly pinnedMemtableBytes: number;
  readonly levels: readonly LevelStatus[];
  readonly reads: ReadStatus;
  readonly work: WorkStatus;
  readonly obsoleteTableBytes: number;
  /** Tables with a map. */
  readonly openTableCount: number;
  readonly residency: ResidencyStatus;
  readonly runningCompactionCount: number;
  /** Bytes that have to go down until no level is over its measure; all of level 0's count once it is due. */
  readonly compactionDebtBytes: number;
  readonly isCompactionPaused: boolean;
  /** Why compactions fail; undefined while none waits for its next try. */
  readonly compactionFailure: string | undefined;
  readonly cache: CacheStatus;
  /** Of decompressed blocks. */
  readonly blockCache: BlockCacheStatus;
  /** Range deletions that still have something to hide. */
  readonly rangeDeletionCount: number;
  readonly segmentCount: number;
  readonly commitLogBytes: number;
  readonly viewCount: number;
  readonly oldestViewAgeMs: number;
  /** Unacknowledged: the node is degraded while there is any. */
  readonly damage: readonly Damage[];
  /** As the manifest says: the node takes no writes. */
  readonly isDraining: boolean;
  /** Why writing has ended; undefined while it goes on. */
  readonly writingStopped: Error | undefined;
}

/** What the figures are read from. */
export interface StatusSources {
  readonly versions: VersionSet;
  readonly memtables: MemtableSet;
  readonly log: CommitLogWriter;
  readonly views: ViewRegistry;
  readonly residency: Residency;
  readonly cache: EntryCache;
  readonly blocks: BlockCache;
  readonly deletions: LiveDeletions;
  readonly compactor: Compactor;
  readonly work: WorkStatistics;
  readonly writeStop: WriteStop;
}

export function describeStatus(sources: StatusSources): EngineStatus {
  const { versions, memtables, log, views, residency, cache, blocks, deletions, compactor, work, writeStop } =
    sources;
  const { segments } = log;
  return {
    storeId: versions.storeId,
    lastSequence: log.lastSequence,
    durableSequence: log.syncedSequence,
    activeMemtableBytes: memtables.active.usedBytes,
    activeMemtableEntryCount: memtables.active.entryCount,
    frozenMemtableCount: memtables.frozenCount,
    pinnedMemtableBytes: memtables.pinnedBytes,
    levels: describeLevels(versions, work),
    reads: describeReads(versions.reads),
    work: work.status(),
    obsoleteTableBytes: versions.obsoleteTableBytes,
    openTableCount: versions.openTableCount,
    residency: residency.status,
    runningCompactionCount: compactor.runningCount,
    compactionDebtBytes: compactor.debtBytes,
    isCompactionPaused: compactor.isPaused,
    compactionFailure: compactor.failure === undefined ? undefined : messageOf(compactor.failure),
    cache: cache.status,
    blockCache: blocks.status,
    rangeDeletionCount: deletions.count,
    segmentCount: segments.length,
    commitLogBytes: sum(segments, ({ sizeBytes }) => sizeBytes),
    viewCount: views.count,
    oldestViewAgeMs: views.oldestAgeMs,
    damage: versions.state.damage,
    isDraining: versions.state.isDraining,
    writingStopped: writeStop.error,
  };
}

function describeLevels(versions: VersionSet, work: WorkStatistics): LevelStatus[] {
  return versions.state.levels.map((tables, level) => ({
    tables,
    tableCount: tables.length,
    sizeBytes: sum(tables, ({ sizeBytes }) => sizeBytes),
    entryCount: sum(tables, ({ entryCount }) => entryCount),
    tombstoneCount: sum(tables, ({ tombstoneCount }) => tombstoneCount),
    reads: { ...versions.reads.levels[level]! },
    work: { ...work.levels[level]! },
    writeAmplification: levelWriteAmplification(work.levels[level]!),
  }));
}

function describeReads({
  getCount,
  tableLookupCount,
  levels,
  tableLookupDurations,
}: ReadStatistics): ReadStatus {
  return {
    getCount,
    tableLookupCount,
    tablesAskedCount: sum(levels, ({ bloomNegatives, blockReads }) => bloomNegatives + blockReads),
    tableLookupDurations: tableLookupDurations.distribution(),
  };
}

function sum<T>(items: readonly T[], figure: (item: T) => number): number {
  return items.reduce((total, item) => total + figure(item), 0);
}
