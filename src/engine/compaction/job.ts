/** A merge as a message to a worker, and its answer: plain data that can be cloned. */
import type { TableOptions } from "../options.ts";
import type { RangeDeletion } from "../range-deletion/range-deletion.ts";
import type { TableSummary } from "../sstable/writer.ts";
import type { InputTable } from "./input-run.ts";
import type { OutsideTable } from "./older-records.ts";
import type { RecordFormat } from "./record-rules.ts";

/** Merges tables into new ones, durable on answer. */
export interface CompactionJob {
  readonly kind: "compaction";
  /** Each run: tables with disjoint, ascending ranges. */
  readonly runs: readonly (readonly InputTable[])[];
  /** The output level's lower neighbour, where it shares keys with the inputs; in key order. */
  readonly below: readonly OutsideTable[];
  readonly mostOverlapBytes: number;
  /** Runs of tables that may hold older records of the inputs' keys. */
  readonly older: readonly (readonly OutsideTable[])[];
  /** What they cover is left out. */
  readonly rangeDeletions: readonly RangeDeletion[];
  /** Tables to create, in this order, as many as it takes; the last one takes all that is left. */
  readonly outputPaths: readonly string[];
  readonly tableSizeBytes: number;
  readonly table: TableOptions;
  readonly recordFormat: RecordFormat;
  readonly gcGraceMs: number;
  /** Unix milliseconds: what expired by then goes; also the new tables' time of creation. */
  readonly nowMs: number;
  /** Of a `JobControl`. */
  readonly control: SharedArrayBuffer;
  /** Bytes that all jobs together may write in a second; 0: without limit. */
  readonly throttleBytesPerSecond: number;
}

export interface CompactionResult {
  /** One for each path that was used. */
  readonly outputs: readonly TableSummary[];
  readonly readEntryCount: number;
  readonly droppedTombstoneCount: number;
  /** Entries that range deletions cover, tombstones too. */
  readonly rangeDeletedCount: number;
  /** Records that had not seen what an older one of their key had: the sign of a bug. */
  readonly clockOrderViolationCount: number;
}
