/**
 * The work of a compaction: sorted runs in, tables with disjoint ranges out, one entry for each key.
 *
 * Invariants:
 * 1. Of the entries of a key the one with the highest sequence number is written, as it is; nothing is combined.
 * 2. A tombstone is left out only if its record has expired and no table outside the job may hold an older record
 *    of the key.
 * 3. An entry that a range deletion covers is left out: the deletion stays in force while an older one may lie below.
 * 4. A key never spans two tables, and each table was synced before the answer names it.
 * 5. Inputs that are not as they were written fail the job; there is no answer then, and what was written so far
 *    is named by nothing.
 *
 * Between two entries the job looks now and then whether it has to stop or to wait for the throttle.
 */
import { dirname } from "node:path";
import { StorageError } from "../../base/errors.ts";
import type { Clock } from "../../platform/clock.ts";
import type { File, FileSystem } from "../../platform/file-system.ts";
import { type EntryCursor, entryKinds } from "../internal-key.ts";
import { MergingCursor } from "../iterator/merging.ts";
import { RangeDeletionSet } from "../range-deletion/range-deletion-set.ts";
import { type TableSummary, TableWriter } from "../sstable/writer.ts";
import { InputRun } from "./input-run.ts";
import type { CompactionJob, CompactionResult } from "./job.ts";
import { JobControl } from "./job-control.ts";
import { OlderRecords } from "./older-records.ts";
import { OutputSplit } from "./output-split.ts";
import { Pacer } from "./pacer.ts";
import { type RecordRules, recordRules } from "./record-rules.ts";

/** Keys and values that a job goes through between two looks. */
const bytesBetweenLooks = 64 * 1024;
/** What an entry costs that has neither. */
const entryCostBytes = 32;

/** Rejects with CORRUPTED_DATA and the file for a damaged input, UNAVAILABLE when stopped, or the system's errors. */
export async function runCompaction(
  files: FileSystem,
  clock: Clock,
  job: CompactionJob,
): Promise<CompactionResult> {
  const merge = new Merge(files, clock, job);
  try {
    return await merge.run();
  } finally {
    merge.close();
  }
}

class Merge {
  readonly #files: FileSystem;
  readonly #job: CompactionJob;
  readonly #runs: readonly InputRun[];
  readonly #cursor: EntryCursor;
  readonly #older: OlderRecords;
  readonly #deletions: RangeDeletionSet;
  readonly #split: OutputSplit;
  readonly #rules: RecordRules;
  readonly #control: JobControl;
  readonly #pacer: Pacer;
  readonly #outputs: TableSummary[] = [];
  #file: File | undefined;
  #writer: TableWriter | undefined;
  /** Of all finished tables. */
  #finishedBytes = 0;
  #paidBytes = 0;
  #readEntryCount = 0;
  #droppedTombstoneCount = 0;
  #rangeDeletedCount = 0;
  #clockOrderViolationCount = 0;

  constructor(files: FileSystem, clock: Clock, job: CompactionJob) {
    this.#files = files;
    this.#job = job;
    this.#runs = job.runs.map((tables) => new InputRun(files, tables));
    const cursors = this.#runs.map((run) => run.cursor());
    this.#cursor = new MergingCursor(cursors, (older) => this.#supersede(older));
    this.#older = new OlderRecords(job.older);
    this.#deletions = new RangeDeletionSet(job.rangeDeletions);
    this.#split = new OutputSplit(job.below, job.mostOverlapBytes);
    this.#rules = recordRules(job.recordFormat, job.nowMs, job.gcGraceMs);
    this.#control = new JobControl(job.control);
    this.#pacer = new Pacer(clock, this.#control, job.throttleBytesPerSecond);
  }

  async run(): Promise<CompactionResult> {
    const cursor = this.#cursor;
    let bytesUntilLook = 0;
    for (cursor.rewind(); cursor.valid; cursor.next()) {
      if (bytesUntilLook <= 0) {
        await this.#look();
        bytesUntilLook = bytesBetweenLooks;
      }
      bytesUntilLook -= cursor.key.length + cursor.value.length + entryCostBytes;
      this.#readEntryCount++;
      if (this.#isDeleted(cursor)) {
        this.#rangeDeletedCount++;
        continue;
      }
      if (this.#isDroppable(cursor)) {
        this.#droppedTombstoneCount++;
        continue;
      }
      if (this.#mustSplitBefore(cursor)) await this.#finishTable();
      this.#openTable().add(cursor.key, cursor.sequence, cursor.kind, cursor.value);
    }
    this.#checkEntryCount();
    if (this.#writer !== undefined) await this.#finishTable();
    const [firstPath] = this.#job.outputPaths;
    if (this.#outputs.length > 0) await this.#files.syncDirectory(dirname(firstPath!));
    return {
      outputs: this.#outputs,
      readEntryCount: this.#readEntryCount,
      droppedTombstoneCount: this.#droppedTombstoneCount,
      rangeDeletedCount: this.#rangeDeletedCount,
      clockOrderViolationCount: this.#clockOrderViolationCount,
    };
  }

  close(): void {
    this.#file?.close();
    for (const run of this.#runs) run.close();
  }

  /** An older entry of the cursor's key is passed over. */
  #supersede(older: EntryCursor): void {
    this.#readEntryCount++;
    if (this.#isDeleted(older)) this.#rangeDeletedCount++;
    else if (this.#rules.goesBack(this.#cursor.value, older.value)) this.#clockOrderViolationCount++;
  }

  #isDeleted({ key, sequence }: EntryCursor): boolean {
    return this.#deletions.coveringSequence(key.bytes, key.start, key.length, sequence) > 0;
  }

  #isDroppable({ kind, key, value, sequence }: EntryCursor): boolean {
    return (
      kind === entryKinds.tombstone && this.#rules.isExpired(value) && !this.#older.mayExist(key, sequence)
    );
  }

  #mustSplitBefore({ key }: EntryCursor): boolean {
    const isDue = this.#split.isDueBefore(key);
    if (this.#writer === undefined || this.#outputs.length + 1 === this.#job.outputPaths.length) return false;
    return isDue || this.#writer.sizeBytes >= this.#job.tableSizeBytes;
  }

  #openTable(): TableWriter {
    if (this.#writer !== undefined) return this.#writer;
    const { outputPaths, table, nowMs } = this.#job;
    this.#file = this.#files.open(outputPaths[this.#outputs.length]!, "create");
    this.#writer = new TableWriter(this.#file, table, nowMs);
    this.#split.begin();
    return this.#writer;
  }

  async #finishTable(): Promise<void> {
    const summary = await this.#writer!.finish();
    this.#outputs.push(summary);
    this.#finishedBytes += summary.sizeBytes;
    this.#writer = undefined;
    this.#file!.close();
  }

  async #look(): Promise<void> {
    const writtenBytes = this.#finishedBytes + (this.#writer?.sizeBytes ?? 0);
    this.#pacer.spend(writtenBytes - this.#paidBytes);
    this.#paidBytes = writtenBytes;
    for (;;) {
      if (this.#control.isStopped) throw new StorageError("UNAVAILABLE", "the compaction was stopped");
      const wait = this.#pacer.wait();
      if (wait === undefined) return;
      await wait;
    }
  }

  /** Every block was sound; this finds a table that lacks some of them. */
  #checkEntryCount(): void {
    const tables = this.#job.runs.flat();
    const expected = tables.reduce((sum, { entryCount }) => sum + entryCount, 0);
    if (this.#readEntryCount === expected) return;
    throw new StorageError(
      "CORRUPTED_DATA",
      `${tables.map(({ path }) => path).join(", ")}: ${this.#readEntryCount} entries instead of ${expected}`,
    );
  }
}
