/**
 * What the engine tells the outside. It calls these as things happen, on the main thread; an observer returns at
 * once and never throws. Gauges and cheap counters are read from `Engine.status()` instead.
 */
import type { StorageError } from "../base/errors.ts";
import type { MemoryStatus } from "../platform/memory-status.ts";
import type { RangeDeletion } from "./range-deletion/range-deletion.ts";

/** Data that recovery could not bring back; kept in the manifest until an operator acknowledges it. */
export interface Damage {
  readonly file: string;
  /** First bad byte. */
  readonly offset: number;
  readonly lengthBytes: number;
  /** What was lost and where the bytes went. */
  readonly message: string;
  /** Unix milliseconds. */
  readonly foundAtMs: number;
}

/** An unacknowledged end of the last segment that a crash left behind; nothing acknowledged was in it. */
export interface TornTail {
  readonly file: string;
  readonly offset: number;
  readonly lengthBytes: number;
}

export type RecoveryPhase = "locking" | "manifest" | "tables" | "commit log" | "making durable" | "done";

/** Why a compaction is due: what its level holds, tombstones that have expired, a deleted range, or somebody asked. */
export type CompactionTrigger = "size" | "expiry" | "range-deletion" | "manual";

export interface StartedCompaction {
  /** Differs from that of every other compaction since the engine was opened. */
  readonly id: number;
  /**
   * `move`: the one input goes to the output level as it is. `drop`: range deletions cover all that is in the inputs.
   * Neither reads or writes anything.
   */
  readonly kind: "move" | "merge" | "drop";
  readonly trigger: CompactionTrigger;
  readonly level: number;
  readonly outputLevel: number;
  /** Tables of `level`. */
  readonly inputTableCount: number;
  readonly inputBytes: number;
  /** Tables of the output level that share keys with them. */
  readonly overlappingTableCount: number;
  readonly overlappingBytes: number;
}

export interface FinishedCompaction extends StartedCompaction {
  readonly outputTableCount: number;
  readonly readBytes: number;
  readonly readEntryCount: number;
  readonly writtenBytes: number;
  readonly writtenEntryCount: number;
  readonly droppedTombstoneCount: number;
  /** Entries that range deletions covered. */
  readonly rangeDeletedCount: number;
  readonly durationMs: number;
}

export interface EngineObserver {
  recoveryProgress(phase: RecoveryPhase, percent: number): void;
  tornTailCut(tail: TornTail): void;
  damageFound(damage: Damage): void;
  /** The commit log's entries are in memtables or tables again; the bytes are those of keys and values. */
  entriesReplayed(entryCount: number, sizeBytes: number): void;
  /** A file that nothing names was moved to `lost/`. */
  fileSetAside(from: string, to: string): void;
  /** A file that is not needed any more could not be removed; the next start tries again. */
  fileRemovalFailed(path: string, error: unknown): void;
  commitLogAppended(entryCount: number, sizeBytes: number, durationMs: number): void;
  commitLogSynced(durationMs: number): void;
  /** A holder was dropped because it kept back more than `commitLog.maxRetainedBytes`. */
  holderDropped(name: string): void;
  /** It is in force, but not durable yet. */
  rangeDeleted(deletion: RangeDeletion): void;
  /** The bytes are those that the memtable takes. */
  flushStarted(entryCount: number, sizeBytes: number): void;
  /** Both 0 where range deletions had left nothing to write. */
  flushFinished(entryCount: number, sizeBytes: number, durationMs: number): void;
  /** The flush is tried again. */
  flushFailed(error: unknown): void;
  /** A writer waited this long for room. */
  writeStalled(durationMs: number): void;
  /** Writers were slowed by this much, so that flushes and compactions keep up. */
  writeDelayed(durationMs: number): void;
  compactionStarted(compaction: StartedCompaction): void;
  compactionFinished(compaction: FinishedCompaction): void;
  /** The compaction is tried again. */
  compactionFailed(error: unknown, compaction: StartedCompaction, durationMs: number): void;
  /** Records that had not seen what an older one of their key had were written to a level: the sign of a bug. */
  clockOrderViolated(count: number, level: number): void;
  /** How long one look-up in the tables took, of every 64th. */
  tableLookupTimed(durationMs: number): void;
  /** The cache of entries, or that of blocks, is to be smaller, since memory is short, or larger again. */
  cacheBudgetChanged(cache: "entries" | "blocks", budgetBytes: number, memory: MemoryStatus): void;
  viewAborted(ageMs: number, reason: string): void;
  corruptionFound(error: StorageError): void;
  /** A failed sync or append, or a broken invariant: nothing is written until a restart. */
  writingStopped(error: Error): void;
}

const ignore = (): void => {};

export const silentObserver: EngineObserver = {
  recoveryProgress: ignore,
  tornTailCut: ignore,
  damageFound: ignore,
  entriesReplayed: ignore,
  fileSetAside: ignore,
  fileRemovalFailed: ignore,
  commitLogAppended: ignore,
  commitLogSynced: ignore,
  holderDropped: ignore,
  rangeDeleted: ignore,
  flushStarted: ignore,
  flushFinished: ignore,
  flushFailed: ignore,
  writeStalled: ignore,
  writeDelayed: ignore,
  compactionStarted: ignore,
  compactionFinished: ignore,
  compactionFailed: ignore,
  clockOrderViolated: ignore,
  tableLookupTimed: ignore,
  cacheBudgetChanged: ignore,
  viewAborted: ignore,
  corruptionFound: ignore,
  writingStopped: ignore,
};

/** Tells each event to the first, where it listens, and then to the second. */
export function bothObservers(first: Partial<EngineObserver>, second: EngineObserver): EngineObserver {
  const both = { ...silentObserver };
  for (const name of Object.keys(both) as (keyof EngineObserver)[]) {
    both[name] = (...details: unknown[]) => {
      tell(first, name, details);
      tell(second, name, details);
    };
  }
  return both;
}

function tell(observer: Partial<EngineObserver>, name: keyof EngineObserver, details: unknown[]): void {
  (observer[name] as ((...details: unknown[]) => void) | undefined)?.apply(observer, details);
}
