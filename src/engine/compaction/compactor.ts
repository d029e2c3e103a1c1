/**
 * Runs compactions in the background: asks the picker what is due, lets workers merge, and applies one edit for each
 * job, in which the inputs go and the outputs come together.
 *
 * Invariants:
 * 1. Jobs that run, or rest after a failure, share no keys on a level (`conflicts`), and nobody else removes tables:
 *    so a job's inputs are in the version until its own edit, and what its plan saw below stays below.
 * 2. Files are never removed here but those of a job that failed before its edit. Inputs go when the last version
 *    that holds them does.
 * 3. A failed plan is tried again after a pause that grows; other ranges go on meanwhile. Only a manifest that
 *    cannot be written or a broken invariant ends writing.
 */
import { InvariantViolation, StorageError } from "../../base/errors.ts";
import { tablePath } from "../data-directory.ts";
import type { EngineEnvironment } from "../environment.ts";
import type { FileNumber } from "../internal-key.ts";
import { levelCount, type TableMetadata } from "../manifest/version-edit.ts";
import type { VersionSet } from "../manifest/version-set.ts";
import type { FinishedCompaction, StartedCompaction } from "../observer.ts";
import type { EngineOptions } from "../options.ts";
import { RangeDeletionSet } from "../range-deletion/range-deletion-set.ts";
import { removeFiles } from "../remove-files.ts";
import type { JobRunner } from "../workers/protocol.ts";
import type { WriteStop } from "../write-stop.ts";
import { JobControl } from "./job-control.ts";
import { LevelPolicy, totalSizeBytes } from "./level-policy.ts";
import { ManualCompaction } from "./manual-compaction.ts";
import { type PickerInput, pickCompaction } from "./picker.ts";
import { type CompactionPlan, describePlan, tablesOf } from "./plan.ts";
import { jobFor, mostOutputCount } from "./plan-job.ts";

export interface CompactorContext {
  readonly environment: EngineEnvironment;
  readonly options: EngineOptions;
  readonly versions: VersionSet;
  readonly jobs: JobRunner;
  readonly writeStop: WriteStop;
}

interface Request {
  readonly compaction: ManualCompaction;
  readonly done: PromiseWithResolvers<void>;
}

/** What a job's end tells beyond its beginning. */
type Outcome = Omit<FinishedCompaction, keyof StartedCompaction | "durationMs">;

const firstPauseMs = 1000;
const longestPauseMs = 60_000;
const hourMs = 3_600_000;

export class Compactor {
  readonly #context: CompactorContext;
  readonly #policy: LevelPolicy;
  readonly #changed: () => void;
  readonly #control = new JobControl();
  readonly #running = new Map<CompactionPlan, Promise<void>>();
  /** Plans that failed and wait for their next try. */
  readonly #resting = new Map<CompactionPlan, unknown>();
  /** By the number of a plan's first input: how often it failed in a row. */
  readonly #failures = new Map<FileNumber, number>();
  readonly #requests: Request[] = [];
  readonly #cursors: (Uint8Array | undefined)[] = new Array<undefined>(levelCount).fill(undefined);
  #lastId = 0;
  #isPaused = false;
  #isStopped = false;
  #idle: PromiseWithResolvers<void> | undefined;

  /** `changed` is called after each edit. */
  constructor(context: CompactorContext, changed: () => void) {
    this.#context = context;
    this.#policy = new LevelPolicy(context.options.compaction);
    this.#changed = changed;
    context.writeStop.onStop(() => {
      this.#control.stop();
      this.#rejectRequests();
    });
    this.#watchExpiry();
  }

  get runningCount(): number {
    return this.#running.size;
  }

  get debtBytes(): number {
    return this.#policy.debtBytes(this.#context.versions.state.levels);
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** Why compactions fail, where they do: the failure of a plan that waits for its next try. */
  get failure(): unknown {
    for (const error of this.#resting.values()) return error;
    return undefined;
  }

  /** Starts what is due; called whenever a table was added. */
  schedule(): void {
    while (this.#mayStart) {
      const plan = this.#nextPlan();
      if (plan === undefined) break;
      this.#start(plan);
    }
    if (this.#running.size > 0) return;
    this.#idle?.resolve();
    this.#idle = undefined;
  }

  /** Starts no more jobs until `resume`; those that run go on. */
  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.schedule();
  }

  /**
   * Brings all tables with keys in [start, end) down to the deepest level that holds any, and rids that level of
   * expired tombstones. Rejects at the first failure, or when the engine closes or has stopped writing.
   */
  async compactRange(start?: Uint8Array, end?: Uint8Array): Promise<void> {
    if (this.#isStopped) throw closing();
    this.#context.writeStop.assertWriting();
    const compaction = new ManualCompaction(this.#pickerInput(), start, end);
    const done = Promise.withResolvers<void>();
    this.#requests.push({ compaction, done });
    this.schedule();
    await done.promise;
  }

  /** Resolves when nothing is due, or nothing can start: paused, resting or stopped. */
  whenIdle(): Promise<void> {
    this.schedule();
    if (this.#running.size === 0) return Promise.resolve();
    this.#idle ??= Promise.withResolvers();
    return this.#idle.promise;
  }

  /** Ends the jobs that run, at their next look; resolves when none is left. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#control.stop();
    this.#rejectRequests();
    await Promise.all(this.#running.values());
  }

  get #mayStart(): boolean {
    const { options, writeStop } = this.#context;
    if (this.#isStopped || this.#isPaused || writeStop.error !== undefined) return false;
    return this.#running.size < options.compaction.workerCount;
  }

  /** Requests come first, one after the other: while one waits, nothing new gets into its way. */
  #nextPlan(): CompactionPlan | undefined {
    const input = this.#pickerInput();
    for (let request = this.#requests[0]; request !== undefined; request = this.#requests[0]) {
      const plan = request.compaction.next(input);
      if (plan !== "done") {
        if (plan !== undefined) request.compaction.started(plan);
        return plan;
      }
      this.#requests.shift();
      request.done.resolve();
    }
    return pickCompaction(input);
  }

  #pickerInput(): PickerInput {
    const { levels, rangeDeletions } = this.#context.versions.state;
    return {
      levels,
      policy: this.#policy,
      cursors: this.#cursors,
      busy: [...this.#running.keys(), ...this.#resting.keys()],
      expired: this.#expiredTables(),
      deletions: new RangeDeletionSet(rangeDeletions),
    };
  }

  /**
   * Tables whose tombstones have all expired: they were there when the table was created. An hour is added so that
   * tombstones with a time in the future do not have their table written again and again.
   */
  #expiredTables(): ReadonlySet<FileNumber> {
    const { environment, options, versions } = this.#context;
    const expired = new Set<FileNumber>();
    if (options.compaction.recordFormat === "opaque") return expired;
    const createdBeforeMs = environment.clock.nowMs() - options.compaction.gcGraceMs - hourMs;
    for (const { fileNumber, tombstoneCount, createdAtMs } of versions.state.levels.flat()) {
      if (tombstoneCount > 0 && createdAtMs < createdBeforeMs) expired.add(fileNumber);
    }
    return expired;
  }

  #start(plan: CompactionPlan): void {
    const { level, outputLevel, inputs } = plan;
    if (level > 0 && level !== outputLevel) this.#cursors[level] = inputs.at(-1)!.largestKey;
    this.#running.set(plan, this.#run(plan));
    this.#control.runningCount = this.#running.size;
  }

  /** Never rejects. */
  async #run(plan: CompactionPlan): Promise<void> {
    const { environment } = this.#context;
    const { clock, observer } = environment;
    const startedMs = clock.monotonicMs();
    const durationMs = () => clock.monotonicMs() - startedMs;
    const started = describePlan(plan, ++this.#lastId);
    observer.compactionStarted(started);
    try {
      const outcome = await this.#carryOut(plan);
      this.#failures.delete(plan.inputs[0]!.fileNumber);
      observer.compactionFinished({ ...started, ...outcome, durationMs: durationMs() });
    } catch (error) {
      if (!this.#isStopped) {
        observer.compactionFailed(error, started, durationMs());
        this.#failed(plan, error);
      }
    }
    this.#running.delete(plan);
    this.#control.runningCount = this.#running.size;
    for (const { compaction } of this.#requests) compaction.ended(plan);
    this.#changed();
    this.schedule();
  }

  #carryOut(plan: CompactionPlan): Promise<Outcome> {
    return plan.kind === "merge" ? this.#merge(plan) : this.#moveOrDrop(plan);
  }

  /** Without reading anything. */
  async #moveOrDrop(plan: CompactionPlan): Promise<Outcome> {
    const { kind, outputLevel, inputs } = plan;
    const isMove = kind === "move";
    await this.#replace(plan, isMove ? inputs.map((table) => ({ ...table, level: outputLevel })) : []);
    return {
      outputTableCount: isMove ? inputs.length : 0,
      readBytes: 0,
      readEntryCount: 0,
      writtenBytes: 0,
      writtenEntryCount: 0,
      droppedTombstoneCount: 0,
      rangeDeletedCount: isMove ? 0 : inputs.reduce((sum, { entryCount }) => sum + entryCount, 0),
    };
  }

  async #merge(plan: CompactionPlan): Promise<Outcome> {
    const { environment, options, versions, jobs } = this.#context;
    const { state } = versions;
    const inputBytes = this.#largestSizeBytes(plan);
    const numbers = await versions.allocateFileNumbers(
      mostOutputCount(plan, inputBytes, state.levels, this.#policy),
    );
    const nowMs = environment.clock.nowMs();
    const settings = { options, policy: this.#policy, control: this.#control, nowMs };
    try {
      const result = await jobs.run(jobFor(plan, state, numbers, settings));
      const added = result.outputs.map((summary, index) => ({
        ...summary,
        fileNumber: numbers[index]!,
        level: plan.outputLevel,
        // The manifest held all that were logged by then and still needed.
        deletionsAppliedThrough: state.flushedThroughSequence,
      }));
      await this.#replace(plan, added);
      if (result.clockOrderViolationCount > 0) {
        environment.observer.clockOrderViolated(result.clockOrderViolationCount, plan.outputLevel);
      }
      return {
        outputTableCount: added.length,
        readBytes: totalSizeBytes(tablesOf(plan)),
        readEntryCount: result.readEntryCount,
        writtenBytes: totalSizeBytes(added),
        writtenEntryCount: added.reduce((sum, { entryCount }) => sum + entryCount, 0),
        droppedTombstoneCount: result.droppedTombstoneCount,
        rangeDeletedCount: result.rangeDeletedCount,
      };
    } catch (error) {
      // Once the manifest has failed, nobody knows whether it names them.
      if (versions.failure === undefined) await this.#removeOutputs(numbers);
      throw error;
    }
  }

  /** Of the plan's inputs: where outputs are not compressed, they may be much larger than inputs that are. */
  #largestSizeBytes(plan: CompactionPlan): number {
    const inputs = tablesOf(plan);
    if (this.#policy.compression(plan.outputLevel) !== "none") return totalSizeBytes(inputs);
    return inputs.reduce((sum, { uncompressedSizeBytes }) => sum + uncompressedSizeBytes, 0);
  }

  #replace(
    { level, outputLevel, inputs, overlapping }: CompactionPlan,
    added: readonly TableMetadata[],
  ): Promise<void> {
    return this.#context.versions.apply({
      removedTables: [
        ...inputs.map(({ fileNumber }) => ({ level, fileNumber })),
        ...overlapping.map(({ fileNumber }) => ({ level: outputLevel, fileNumber })),
      ],
      addedTables: added,
    });
  }

  async #removeOutputs(numbers: readonly FileNumber[]): Promise<void> {
    const { environment, options } = this.#context;
    const paths = numbers.map((number) => tablePath(options, number));
    await removeFiles(
      environment,
      paths.filter((path) => environment.files.status(path) !== undefined),
    );
  }

  #failed(plan: CompactionPlan, error: unknown): void {
    const { environment, writeStop } = this.#context;
    if (error instanceof InvariantViolation) writeStop.stop(error);
    if (writeStop.error !== undefined) return;
    this.#rejectRequestOf(plan, error);
    const key = plan.inputs[0]!.fileNumber;
    const failureCount = (this.#failures.get(key) ?? 0) + 1;
    this.#failures.set(key, failureCount);
    this.#resting.set(plan, error);
    environment.clock.after(Math.min(firstPauseMs * 2 ** (failureCount - 1), longestPauseMs), () => {
      this.#resting.delete(plan);
      this.schedule();
    });
  }

  #rejectRequestOf(plan: CompactionPlan, error: unknown): void {
    const index = this.#requests.findIndex(({ compaction }) => compaction.ended(plan));
    if (index >= 0) this.#requests.splice(index, 1)[0]!.done.reject(error);
  }

  #rejectRequests(): void {
    const reason = this.#context.writeStop.error ?? closing();
    for (const { done } of this.#requests.splice(0)) done.reject(reason);
  }

  /** Tombstones expire without anything else happening. */
  #watchExpiry(): void {
    this.#context.environment.clock.after(hourMs, () => {
      if (this.#isStopped) return;
      this.schedule();
      this.#watchExpiry();
    });
  }
}

function closing(): StorageError {
  return new StorageError("UNAVAILABLE", "the engine is closing");
}
