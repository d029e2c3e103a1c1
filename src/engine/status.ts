/** What the engine looks like at one moment, for metrics, health and the operator. */
import { messageOf } from "../base/errors.ts";
import type { CacheStatus, EntryCache } from "./cache/cache.ts";
import type { CommitLogWriter } from "./commit-log/writer.ts";
import type { Compactor } from "./compaction/compactor.ts";
import type { SequenceNumber } from "./internal-key.ts";
import type { VersionSet } from "./manifest/version-set.ts";
import type { MemtableSet } from "./memtable-set.ts";
import type { Damage } from "./observer.ts";
import type { ViewRegistry } from "./view.ts";
import type { WriteStop } from "./write-stop.ts";

export interface LevelStatus {
  readonly tableCount: number;
  readonly sizeBytes: number;
  readonly entryCount: number;
  readonly tombstoneCount: number;
  /** Look-ups that the bloom filters of the level's tables answered, and those that they let through in vain. */
  readonly bloomNegatives: number;
  readonly bloomFalsePositives: number;
  readonly blockReads: number;
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
  readonly obsoleteTableBytes: number;
  readonly runningCompactionCount: number;
  readonly isCompactionPaused: boolean;
  /** Why compactions fail; undefined while none waits for its next try. */
  readonly compactionFailure: string | undefined;
  readonly cache: CacheStatus;
  readonly segmentCount: number;
  readonly commitLogBytes: number;
  readonly viewCount: number;
  readonly oldestViewAgeMs: number;
  /** Unacknowledged: the node is degraded while there is any. */
  readonly damage: readonly Damage[];
  /** Why writing has ended; undefined while it goes on. */
  readonly writingStopped: Error | undefined;
}

interface StatusSources {
  readonly versions: VersionSet;
  readonly memtables: MemtableSet;
  readonly log: CommitLogWriter;
  readonly views: ViewRegistry;
  readonly cache: EntryCache;
  readonly compactor: Compactor;
  readonly writeStop: WriteStop;
}

export function describeStatus(sources: StatusSources): EngineStatus {
  const { versions, memtables, log, views, cache, compactor, writeStop } = sources;
  const { segments } = log;
  return {
    storeId: versions.storeId,
    lastSequence: log.lastSequence,
    durableSequence: log.syncedSequence,
    activeMemtableBytes: memtables.active.usedBytes,
    activeMemtableEntryCount: memtables.active.entryCount,
    frozenMemtableCount: memtables.frozenCount,
    pinnedMemtableBytes: memtables.pinnedBytes,
    levels: describeLevels(versions),
    obsoleteTableBytes: versions.obsoleteTableBytes,
    runningCompactionCount: compactor.runningCount,
    isCompactionPaused: compactor.isPaused,
    compactionFailure: compactor.failure === undefined ? undefined : messageOf(compactor.failure),
    cache: cache.status,
    segmentCount: segments.length,
    commitLogBytes: segments.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    viewCount: views.count,
    oldestViewAgeMs: views.oldestAgeMs,
    damage: versions.state.damage,
    writingStopped: writeStop.error,
  };
}

function describeLevels(versions: VersionSet): LevelStatus[] {
  return versions.current.levels.map((tables) => {
    const level = {
      tableCount: tables.length,
      sizeBytes: 0,
      entryCount: 0,
      tombstoneCount: 0,
      bloomNegatives: 0,
      bloomFalsePositives: 0,
      blockReads: 0,
    };
    for (const { metadata, reader } of tables) {
      level.sizeBytes += metadata.sizeBytes;
      level.entryCount += metadata.entryCount;
      level.tombstoneCount += metadata.tombstoneCount;
      level.bloomNegatives += reader.counters.bloomNegatives;
      level.bloomFalsePositives += reader.counters.bloomFalsePositives;
      level.blockReads += reader.counters.blockReads;
    }
    return level;
  });
}
