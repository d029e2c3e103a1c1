/** The flushes and compactions that run, and the last ones that ended. */
import { messageOf } from "../../base/errors.ts";
import type { CompactionTrigger, StartedCompaction } from "../observer.ts";

/** Why a job began; flushes make room in memory, or durable anew what a start has replayed. */
export type JobTrigger = CompactionTrigger | "memtable" | "recovery";

export interface RunningJob {
  readonly kind: "flush" | StartedCompaction["kind"];
  readonly trigger: JobTrigger;
  /** Undefined for a flush. */
  readonly level: number | undefined;
  readonly outputLevel: number;
  /** Unix milliseconds. */
  readonly startedAtMs: number;
  readonly inputTableCount: number;
  /** Of tables, or of the memtable. */
  readonly inputBytes: number;
}

export interface EndedJob extends RunningJob {
  readonly durationMs: number;
  readonly outputTableCount: number;
  readonly outputBytes: number;
  /** Why it failed; undefined where it did not. */
  readonly failure: string | undefined;
}

export type JobOutcome = Pick<EndedJob, "durationMs" | "outputTableCount" | "outputBytes">;

const keptCount = 128;

export class JobHistory {
  /** By what identifies a job to its observer. */
  readonly #running = new Map<unknown, RunningJob>();
  readonly #ended: EndedJob[] = [];

  get running(): readonly RunningJob[] {
    return [...this.#running.values()];
  }

  /** The newest first, a bounded number of them. */
  get ended(): readonly EndedJob[] {
    return this.#ended.toReversed();
  }

  started(id: unknown, job: RunningJob): void {
    this.#running.set(id, job);
  }

  finished(id: unknown, outcome: JobOutcome): void {
    this.#end(id, outcome, undefined);
  }

  /** Nothing happens where the job failed before it started. */
  failed(id: unknown, durationMs: number, error: unknown): void {
    this.#end(id, { durationMs, outputTableCount: 0, outputBytes: 0 }, messageOf(error));
  }

  #end(id: unknown, outcome: JobOutcome, failure: string | undefined): void {
    const job = this.#running.get(id);
    if (job === undefined) return;
    this.#running.delete(id);
    this.#ended.push({ ...job, ...outcome, failure });
    if (this.#ended.length > keptCount) this.#ended.shift();
  }
}
