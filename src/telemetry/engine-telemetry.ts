/** What the engine does, as metrics and log lines; its gauges are asked for at each scrape. */
import type { StorageError } from "../base/errors.ts";
import { quoteUtf8 } from "../base/utf8.ts";
import type {
  Damage,
  EngineObserver,
  FinishedCompaction,
  RecoveryPhase,
  StartedCompaction,
  TornTail,
} from "../engine/observer.ts";
import type { RangeDeletion } from "../engine/range-deletion/range-deletion.ts";
import type { MemoryStatus } from "../platform/memory-status.ts";
import { CompactionTelemetry } from "./compaction-telemetry.ts";
import type { Instruments } from "./instruments.ts";
import type { Logger } from "./logger.ts";

export class EngineTelemetry implements EngineObserver {
  /** Since the start. */
  corruptionCount = 0;
  readonly #logger: Logger;
  readonly #onRecoveryProgress: (phase: RecoveryPhase, percent: number) => void;
  readonly #appends;
  readonly #appendDurations;
  readonly #syncs;
  readonly #syncDurations;
  readonly #rangeDeletions;
  readonly #flushes;
  readonly #flushFailures;
  readonly #flushDurations;
  readonly #tableWrites;
  readonly #tableWriteDurations;
  readonly #tableWriteBytes;
  readonly #compactions;
  readonly #stalls;
  readonly #delays;
  readonly #tableLookupDurations;
  readonly #cacheBudgetChanges;
  readonly #viewsAborted;
  readonly #corruptions;
  readonly #writingStopped;

  constructor(
    instruments: Instruments,
    logger: Logger,
    onRecoveryProgress: (phase: RecoveryPhase, percent: number) => void,
  ) {
    this.#logger = logger;
    this.#onRecoveryProgress = onRecoveryProgress;
    this.#appends = instruments.counter("commitlog_appends_total", "Entries appended to the commit log");
    this.#appendDurations = instruments.durations(
      "commitlog_append_duration_seconds",
      "Time to append one group of entries",
    );
    this.#syncs = instruments.counter("commitlog_syncs_total", "Syncs of the commit log");
    this.#syncDurations = instruments.durations("commitlog_sync_duration_seconds", "Time of one sync");
    this.#rangeDeletions = instruments.counter("range_deletions_total", "Key ranges that were deleted");
    this.#flushes = instruments.counter("memtable_flushes_total", "Memtables flushed to tables");
    this.#flushFailures = instruments.counter("memtable_flush_failures_total", "Flushes that failed");
    this.#flushDurations = instruments.durations("memtable_flush_duration_seconds", "Time of one flush");
    this.#tableWrites = instruments.counter("sstable_writes_total", "Tables written");
    this.#tableWriteDurations = instruments.durations(
      "sstable_write_duration_seconds",
      "Time to write one table",
    );
    this.#tableWriteBytes = instruments.counter("sstable_written_bytes_total", "Bytes of tables written");
    this.#compactions = new CompactionTelemetry(instruments, logger);
    this.#stalls = instruments.durations("memtable_write_stall_seconds", "Time that writers waited for room");
    this.#delays = instruments.durations(
      "memtable_write_delay_seconds",
      "Time that writers were slowed so that flushes and compactions keep up",
    );
    this.#tableLookupDurations = instruments.shortDurations(
      "sstable_read_duration_seconds",
      "Time of one look-up in the tables; one of 64 is timed",
    );
    this.#cacheBudgetChanges = instruments.counter(
      "cache_budget_changes_total",
      "Times that a cache's budget followed the memory that is free",
    );
    this.#viewsAborted = instruments.counter("views_aborted_total", "Scans that ended at a limit");
    this.#corruptions = instruments.counter(
      "storage_corruptions_total",
      "Corrupt blocks and records that were come across",
    );
    this.#writingStopped = instruments.gauge(
      "storage_writing_stopped",
      "1 after a failed sync or append: nothing is written until a restart",
    );
    this.#writingStopped.set(0);
  }

  recoveryProgress(phase: RecoveryPhase, percent: number): void {
    this.#onRecoveryProgress(phase, percent);
    this.#logger.debug("recovery", { phase, percent });
  }

  tornTailCut(tail: TornTail): void {
    this.#logger.warn(
      "the end of the commit log that a crash left unfinished was cut; nothing acknowledged is lost",
      {
        file: tail.file,
        offset: tail.offset,
        length_bytes: tail.lengthBytes,
      },
    );
  }

  damageFound(damage: Damage): void {
    this.#logger.error(`data was lost: ${damage.message}`, {
      file: damage.file,
      offset: damage.offset,
      length_bytes: damage.lengthBytes,
    });
  }

  entriesReplayed(entryCount: number, sizeBytes: number): void {
    this.#logger.info("commit log replayed", { entry_count: entryCount, size_bytes: sizeBytes });
  }

  fileSetAside(from: string, to: string): void {
    this.#logger.warn("a file that belongs to nothing was set aside", { from, to });
  }

  fileRemovalFailed(path: string, error: unknown): void {
    this.#logger.warn("a file that is not needed any more could not be removed; the next start tries again", {
      file: path,
      error,
    });
  }

  commitLogAppended(entryCount: number, _sizeBytes: number, durationMs: number): void {
    this.#appends.inc(entryCount);
    this.#appendDurations.observe(durationMs / 1000);
  }

  commitLogSynced(durationMs: number): void {
    this.#syncs.inc();
    this.#syncDurations.observe(durationMs / 1000);
  }

  holderDropped(name: string): void {
    this.#logger.warn("a holder of commit-log segments fell too far behind and was dropped", {
      holder: name,
    });
  }

  rangeDeleted({ start, end, sequence }: RangeDeletion): void {
    this.#rangeDeletions.inc();
    this.#logger.info("a range of keys was deleted", {
      start: quoteUtf8(start, 0, start.length),
      end: end === undefined ? "" : quoteUtf8(end, 0, end.length),
      sequence,
    });
  }

  flushStarted(entryCount: number, sizeBytes: number): void {
    this.#logger.debug("a flush begins", { entry_count: entryCount, size_bytes: sizeBytes });
  }

  flushFinished(entryCount: number, sizeBytes: number, durationMs: number): void {
    this.#flushes.inc();
    this.#flushDurations.observe(durationMs / 1000);
    this.#tableWrites.inc(sizeBytes === 0 ? 0 : 1);
    this.#tableWriteDurations.observe(durationMs / 1000);
    this.#tableWriteBytes.inc(sizeBytes);
    this.#logger.info("memtable flushed", {
      entry_count: entryCount,
      size_bytes: sizeBytes,
      duration_ms: Math.round(durationMs),
    });
  }

  flushFailed(error: unknown): void {
    this.#flushFailures.inc();
    this.#logger.error("a flush failed and is tried again", { error });
  }

  writeStalled(durationMs: number): void {
    this.#stalls.observe(durationMs / 1000);
  }

  writeDelayed(durationMs: number): void {
    this.#delays.observe(durationMs / 1000);
  }

  compactionFinished(compaction: FinishedCompaction): void {
    this.#tableWrites.inc(compaction.writtenBytes === 0 ? 0 : compaction.outputTableCount);
    this.#tableWriteBytes.inc(compaction.writtenBytes);
    this.#compactions.finished(compaction);
  }

  compactionStarted(compaction: StartedCompaction): void {
    this.#compactions.started(compaction);
  }

  compactionFailed(error: unknown, compaction: StartedCompaction): void {
    this.#compactions.failed(error, compaction);
  }

  clockOrderViolated(count: number, level: number): void {
    this.#compactions.clockOrderViolated(count, level);
  }

  tableLookupTimed(durationMs: number): void {
    this.#tableLookupDurations.observe(durationMs / 1000);
  }

  cacheBudgetChanged(cache: "entries" | "blocks", budgetBytes: number, memory: MemoryStatus): void {
    this.#cacheBudgetChanges.inc();
    this.#logger.info("a cache's budget follows the memory that is free", {
      cache,
      budget_bytes: budgetBytes,
      memory_used_bytes: memory.usedBytes,
      memory_limit_bytes: memory.limitBytes,
    });
  }

  viewAborted(ageMs: number, reason: string): void {
    this.#viewsAborted.inc();
    this.#logger.warn("a scan was ended", { age_ms: Math.round(ageMs), reason });
  }

  corruptionFound(error: StorageError): void {
    this.#corruptions.inc();
    this.corruptionCount++;
    this.#logger.error("corruption found", { error, file: error.file, offset: error.offset });
  }

  writingStopped(error: Error): void {
    this.#writingStopped.set(1);
    this.#logger.error("writing has stopped; restart the node once the cause is mended", { error });
  }
}
