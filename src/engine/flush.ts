/**
 * Turns what the commit log says into a table of level 0: the oldest frozen memtable, or a stretch that was replayed.
 *
 * What range deletions cover does not go into the table, and where nothing else is left there is none. The stretch's
 * own deletions enter the manifest with the same edit.
 *
 * Order, each step durable before the next: the table's bytes, its directory entry, the manifest edit that names
 * it. Only then is the memtable given up and may its log segments go. A flush that fails removes its file, unless
 * nobody knows whether the manifest names it; one that dies leaves it to the next start.
 */
import { tablePath } from "./data-directory.ts";
import type { EngineEnvironment } from "./environment.ts";
import type { FileNumber, SequenceNumber } from "./internal-key.ts";
import type { VersionSet } from "./manifest/version-set.ts";
import type { MemtableSet } from "./memtable-set.ts";
import { type EngineOptions, tableOptions } from "./options.ts";
import type { RangeDeletion } from "./range-deletion/range-deletion.ts";
import type { TableSummary } from "./sstable/writer.ts";
import type { FlushSource, JobRunner } from "./workers/protocol.ts";

export interface FlushContext {
  readonly environment: EngineEnvironment;
  readonly options: EngineOptions;
  readonly versions: VersionSet;
  readonly jobs: Pick<JobRunner, "run">;
}

export interface MemtableFlushContext extends FlushContext {
  readonly memtables: MemtableSet;
}

/** Sequence numbers that may be handed out before the manifest has to say so again. */
const highWaterStep = 2 ** 32;

/**
 * The mark to put in the manifest, where `mark` stands now, when `last` was the last number handed out. A flush
 * always comes within the step, since the memtables in use hold fewer entries than that; so no number above the
 * mark is ever in use.
 */
export function highWaterAfter(last: SequenceNumber, mark: SequenceNumber): SequenceNumber {
  return Math.max(mark, last + highWaterStep);
}

/** Rejects where the table could not be written or named; the memtable is then still frozen, to be tried again. */
export async function flushOldestFrozen(context: MemtableFlushContext): Promise<void> {
  const { memtables, versions } = context;
  const { memtable, rangeDeletions, largestSequence } = memtables.oldestFrozen!;
  await flushToTable(context, {
    source: memtable.entryCount === 0 ? undefined : { memtable: memtable.share() },
    entryCount: memtable.entryCount,
    sizeBytes: memtable.usedBytes,
    rangeDeletions,
    knownDeletions: [...versions.state.rangeDeletions, ...rangeDeletions],
    largestSequence,
    lastSequence: memtables.largestSequence,
    nextSegment: memtables.segmentAfterOldestFrozen,
    previous: undefined,
  });
  memtables.dropOldestFrozen();
}

/** What the log says from one place to another. */
export interface FlushedStretch {
  /** Undefined where there are range deletions alone. */
  readonly source: FlushSource | undefined;
  readonly entryCount: number;
  /** Of the memory that holds the entries. */
  readonly sizeBytes: number;
  readonly rangeDeletions: readonly RangeDeletion[];
  /** All that are not newer than the stretch, from the manifest and from the log: these cover entries. */
  readonly knownDeletions: readonly RangeDeletion[];
  /** Of the newest entry or range deletion. */
  readonly largestSequence: SequenceNumber;
  /** The last one that was handed out, as far as is known. */
  readonly lastSequence: SequenceNumber;
  /** What comes after the stretch lies in this segment or later ones. */
  readonly nextSegment: FileNumber;
  /** The flush of the stretch before: the manifest takes this one after it, and not if it fails. */
  readonly previous: Promise<void> | undefined;
}

/** Durable, and in the version, on return. Rejects where the table could not be written or named. */
export async function flushToTable(context: FlushContext, stretch: FlushedStretch): Promise<void> {
  const { environment, options, versions } = context;
  const { entryCount, sizeBytes, rangeDeletions, largestSequence, previous } = stretch;
  const fileNumber = versions.allocateFileNumber();
  const path = tablePath(options, fileNumber);
  const writing = writeTable(context, stretch, path);
  // It may fail while the flush before is still waited for.
  writing.catch(() => {});
  try {
    await previous;
    const startedMs = environment.clock.monotonicMs();
    environment.observer.flushStarted(entryCount, sizeBytes);
    const summary = await writing;
    await versions.apply({
      addedTables:
        summary === undefined
          ? []
          : [{ ...summary, fileNumber, level: 0, deletionsAppliedThrough: largestSequence }],
      addedRangeDeletions: rangeDeletions,
      flushedThroughSequence: largestSequence,
      oldestSegmentNumber: stretch.nextSegment,
      sequenceHighWater: highWaterAfter(stretch.lastSequence, versions.state.sequenceHighWater),
    });
    const durationMs = environment.clock.monotonicMs() - startedMs;
    environment.observer.flushFinished(summary?.entryCount ?? 0, summary?.sizeBytes ?? 0, durationMs);
  } catch (error) {
    await writing.catch(() => {});
    if (versions.failure === undefined) await removeLeftover(environment, path);
    throw error;
  }
}

/** Undefined where all that the stretch holds is deleted, or where it holds range deletions alone. */
async function writeTable(
  { environment, options, jobs }: FlushContext,
  { source, knownDeletions }: FlushedStretch,
  path: string,
): Promise<TableSummary | undefined> {
  if (source === undefined) return undefined;
  return jobs.run({
    kind: "flush",
    source,
    rangeDeletions: knownDeletions,
    path,
    options: tableOptions(options, options.compaction.compression[0]!),
    createdAtMs: environment.clock.nowMs(),
  });
}

/** Only for a table that no manifest can name yet. What cannot be removed now is a stray file for the next start. */
async function removeLeftover({ files }: EngineEnvironment, path: string): Promise<void> {
  try {
    if (files.status(path) !== undefined) await files.remove(path);
  } catch {
    // The failure that led here is the one to report.
  }
}
