/**
 * Messages between the main thread and its workers.
 *
 * A job is plain data that can be cloned (a memtable travels as its shared buffer), runs over a `FileSystem`, and
 * answers with plain data: an edit's material, which only the main thread applies. A job that dies leaves
 * nothing but a file that no manifest names.
 */
import {
  errnoOf,
  InvariantViolation,
  messageOf,
  StorageError,
  type StorageErrorCode,
  storageErrorCodes,
} from "../../base/errors.ts";
import type { CompactionJob, CompactionResult } from "../compaction/job.ts";
import type { MemtableShare } from "../memtable/memtable.ts";
import type { TableOptions } from "../options.ts";
import type { RangeDeletion } from "../range-deletion/range-deletion.ts";
import type { ReplayedMemtableShare } from "../replay/replayed-memtable.ts";
import type { WarmJob, WarmResult } from "../residency/warm-job.ts";
import type { TableSummary } from "../sstable/writer.ts";

/** A frozen memtable of either kind. */
export type FlushSource = { readonly memtable: MemtableShare } | { readonly replayed: ReplayedMemtableShare };

/** Writes a frozen memtable's newest entries to a new table, durable on answer; without those that are deleted. */
export interface FlushJob {
  readonly kind: "flush";
  readonly source: FlushSource;
  /** What they cover is left out. */
  readonly rangeDeletions: readonly RangeDeletion[];
  /** Path of the table to create. */
  readonly path: string;
  readonly options: TableOptions;
  /** Unix milliseconds, for the table's properties. */
  readonly createdAtMs: number;
}

export type Job = FlushJob | CompactionJob | WarmJob;

/** What each kind of job answers. */
export interface JobResults {
  /** Undefined where everything in the memtable is deleted: then there is no file. */
  flush: TableSummary | undefined;
  compaction: CompactionResult;
  warm: WarmResult;
}

export type JobResult<J extends Job> = JobResults[J["kind"]];

export interface JobRequest {
  readonly id: number;
  readonly job: Job;
}

export type JobAnswer =
  | { readonly id: number; readonly result: JobResults[Job["kind"]] }
  | { readonly id: number; readonly failure: JobFailure };

/** An error in a form that survives cloning: its class does not. */
export interface JobFailure {
  readonly message: string;
  /** A `StorageErrorCode`, an errno name, or nothing. */
  readonly code: string | undefined;
  readonly file: string | undefined;
  readonly offset: number | undefined;
  readonly isInvariantViolation: boolean;
}

/** Runs jobs somewhere: worker threads (`pool.ts`) or the calling thread (`inline.ts`). */
export interface JobRunner {
  run<J extends Job>(job: J): Promise<JobResult<J>>;
  /** Ends the threads; jobs that run are abandoned and reject. */
  close(): Promise<void>;
}

export function describeFailure(error: unknown): JobFailure {
  const storageError = error instanceof StorageError ? error : undefined;
  return {
    message: messageOf(error),
    code: storageError?.code ?? errnoOf(error),
    file: storageError?.file,
    offset: storageError?.offset,
    isInvariantViolation: error instanceof InvariantViolation,
  };
}

/** The error again, as the caller of a job sees it. */
export function failureError(failure: JobFailure): Error {
  const { message, code, file, offset } = failure;
  if (failure.isInvariantViolation) return new InvariantViolation(message);
  if (code !== undefined && code in storageErrorCodes) {
    return new StorageError(code as StorageErrorCode, message, {
      ...(file === undefined ? {} : { file }),
      ...(offset === undefined ? {} : { offset }),
    });
  }
  return Object.assign(new Error(message), code === undefined ? {} : { code });
}
