/** Compactions as metrics and log lines. */
import type { FinishedCompaction, StartedCompaction } from "../engine/observer.ts";
import type { Instruments } from "./instruments.ts";
import type { Logger } from "./logger.ts";

export class CompactionTelemetry {
  readonly #logger: Logger;
  readonly #jobs;
  readonly #durations;
  readonly #processedBytes;
  readonly #writtenBytes;
  readonly #inputTables;
  readonly #outputTables;
  readonly #droppedTombstones;
  readonly #rangeDeleted;
  readonly #clockOrderViolations;

  constructor(instruments: Instruments, logger: Logger) {
    this.#logger = logger;
    this.#jobs = instruments.counter("compaction_jobs_total", "Compactions, by how they ended", ["status"]);
    this.#durations = instruments.durations("compaction_job_duration_seconds", "Time of one compaction");
    this.#processedBytes = instruments.counter("compaction_bytes_processed_total", "Bytes of tables merged");
    this.#writtenBytes = instruments.counter(
      "compaction_bytes_written_total",
      "Bytes of tables that merging wrote",
    );
    this.#inputTables = instruments.counts("compaction_tables_input", "Tables that one compaction took");
    this.#outputTables = instruments.counts("compaction_tables_output", "Tables that one compaction made");
    this.#droppedTombstones = instruments.counter(
      "compaction_tombstones_dropped_total",
      "Expired tombstones that were left out",
    );
    this.#rangeDeleted = instruments.counter(
      "compaction_range_deleted_total",
      "Entries of deleted ranges that were left out or dropped with their tables",
    );
    this.#clockOrderViolations = instruments.counter(
      "compaction_clock_order_violations_total",
      "Records that had not seen what an older record of their key had: the sign of a bug",
    );
    this.#jobs.inc({ status: "success" }, 0);
    this.#jobs.inc({ status: "failure" }, 0);
  }

  started(compaction: StartedCompaction): void {
    const { kind, trigger, inputBytes, overlappingBytes } = compaction;
    this.#logger.debug("a compaction begins", {
      ...jobFields(compaction),
      kind,
      trigger,
      input_bytes: inputBytes + overlappingBytes,
    });
  }

  finished(compaction: FinishedCompaction): void {
    const { outputTableCount, readBytes, writtenBytes } = compaction;
    this.#jobs.inc({ status: "success" });
    this.#durations.observe(compaction.durationMs / 1000);
    this.#processedBytes.inc(readBytes);
    this.#writtenBytes.inc(writtenBytes);
    this.#inputTables.observe(inputTableCount(compaction));
    this.#outputTables.observe(outputTableCount);
    this.#droppedTombstones.inc(compaction.droppedTombstoneCount);
    this.#rangeDeleted.inc(compaction.rangeDeletedCount);
    this.#logger.debug("tables compacted", {
      ...jobFields(compaction),
      output_tables: outputTableCount,
      read_bytes: readBytes,
      written_bytes: writtenBytes,
      duration_ms: Math.round(compaction.durationMs),
    });
  }

  failed(error: unknown, compaction: StartedCompaction): void {
    this.#jobs.inc({ status: "failure" });
    this.#logger.error("a compaction failed and is tried again", {
      error,
      ...jobFields(compaction),
    });
  }

  clockOrderViolated(count: number, level: number): void {
    this.#clockOrderViolations.inc(count);
    this.#logger.error("records lack what older ones of their keys had seen; please report this", {
      count,
      level,
    });
  }
}

function inputTableCount(compaction: StartedCompaction): number {
  return compaction.inputTableCount + compaction.overlappingTableCount;
}

function jobFields(compaction: StartedCompaction) {
  const { id, level, outputLevel } = compaction;
  return { job: id, level, output_level: outputLevel, input_tables: inputTableCount(compaction) };
}
