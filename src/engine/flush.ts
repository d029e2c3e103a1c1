/**
 * Turns the oldest frozen memtable, or what a start has replayed in place of one, into a table of level 0.
 *
 * What range deletions cover does not go into the table, and where nothing else is left there is none. The memtable's
 * own deletions enter the manifest with the same edit.
 *
 * Order, each step durable before the next: the table's bytes, its directory entry, the manifest edit that names
 * it. Only then is the memtable given up and may its log segments go. A flush that fails removes its file, unless
 * nobody knows whether the manifest names it; one that dies leaves it to the next start.
 */
import { tablePath } from "./data-directory.ts";
import type { EngineEnvironment } from "./environment.ts";
import type { SequenceNumber } from "./internal-key.ts";
import type { VersionSet } from "./manifest/version-set.ts";
import type { MemtableSet } from "./memtable-set.ts";
import { type EngineOptions, tableOptions } from "./options.ts";
import type { TableSummary } from "./sstable/writer.ts";
import type { JobRunner } from "./workers/protocol.ts";

export interface FlushContext {
  readonly environment: EngineEnvironment;
  readonly options: EngineOptions;
  readonly memtables: MemtableSet;
  readonly versions: VersionSet;
  readonly jobs: Pick<JobRunner, "run">;
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
export async function flushOldestFrozen(context: FlushContext): Promise<void> {
  const { environment, options, memtables, versions } = context;
  const frozen = memtables.oldestFrozen!;
  const startedMs = environment.clock.monotonicMs();
  environment.observer.flushStarted(frozen.memtable.entryCount, frozen.memtable.usedBytes);
  const fileNumber = versions.allocateFileNumber();
  const path = tablePath(options, fileNumber);
  let summary: TableSummary | undefined;
  try {
    summary = await writeTable(context, path);
    await versions.apply({
      addedTables:
        summary === undefined
          ? []
          : [{ ...summary, fileNumber, level: 0, deletionsAppliedThrough: frozen.largestSequence }],
      addedRangeDeletions: frozen.rangeDeletions,
      flushedThroughSequence: frozen.largestSequence,
      oldestSegmentNumber: memtables.segmentAfterOldestFrozen,
      sequenceHighWater: highWaterAfter(memtables.largestSequence, versions.state.sequenceHighWater),
    });
  } catch (error) {
    if (versions.failure === undefined) await removeLeftover(environment, path);
    throw error;
  }
  memtables.dropOldestFrozen();
  const durationMs = environment.clock.monotonicMs() - startedMs;
  environment.observer.flushFinished(summary?.entryCount ?? 0, summary?.sizeBytes ?? 0, durationMs);
}

/** Undefined where all that the memtable held is deleted, or where it holds range deletions alone. */
async function writeTable(context: FlushContext, path: string): Promise<TableSummary | undefined> {
  const { environment, options, memtables, versions, jobs } = context;
  const { memtable, rangeDeletions } = memtables.oldestFrozen!;
  if (memtable.entryCount === 0) return undefined;
  return jobs.run({
    kind: "flush",
    source: memtable.flushSource(),
    rangeDeletions: [...versions.state.rangeDeletions, ...rangeDeletions],
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
