/**
 * What the engine does beside answering, counted since its start: it listens to the same events as the observer that
 * the engine was given, so that nobody who tells them has to count as well.
 */
import type { Clock } from "../../platform/clock.ts";
import { levelCount } from "../manifest/version-edit.ts";
import { bothObservers, type EngineObserver, type StartedCompaction } from "../observer.ts";
import { type DurationDistribution, DurationHistogram } from "./histogram.ts";
import { type EndedJob, JobHistory, type RunningJob } from "./job-history.ts";
import { addCompaction, addFlush, type LevelWork, noWork } from "./level-work.ts";

export interface WorkStatus {
  /** Bytes of keys and values that were stored, those that the start replayed included. */
  readonly userBytes: number;
  readonly flushedBytes: number;
  /** Written by merges. */
  readonly compactedBytes: number;
  /** Bytes of tables written for each byte stored; undefined while nothing was stored. */
  readonly writeAmplification: number | undefined;
  readonly flushDurations: DurationDistribution;
  /** Waits of writers for room, and their time; writers that wait together count once. */
  readonly stallCount: number;
  readonly stallMs: number;
  /** The same of slowed writers. */
  readonly delayCount: number;
  readonly delayMs: number;
  readonly commitLogBytes: number;
  readonly commitLogEntryCount: number;
  readonly syncDurations: DurationDistribution;
  readonly runningJobs: readonly RunningJob[];
  /** The last ones, the newest first. */
  readonly endedJobs: readonly EndedJob[];
}

/** Flushes run one at a time. */
const flushId = "flush";

export class WorkStatistics {
  /** Raised by whoever stores something. */
  userBytes = 0;
  /** By the level that was written to. */
  readonly levels: readonly LevelWork[] = Array.from({ length: levelCount }, noWork);
  /** Counts what it is told, and hands it on. */
  readonly observer: EngineObserver;
  readonly #clock: Clock;
  readonly #jobs = new JobHistory();
  readonly #flushDurations = new DurationHistogram();
  readonly #syncDurations = new DurationHistogram();
  #isRecovering = true;
  #flushStartedMs = 0;
  #stallCount = 0;
  #stallMs = 0;
  #delayCount = 0;
  #delayMs = 0;
  #commitLogBytes = 0;
  #commitLogEntryCount = 0;

  constructor(clock: Clock, observer: EngineObserver) {
    this.#clock = clock;
    this.observer = bothObservers(this.#listener(), observer);
  }

  status(): WorkStatus {
    const { userBytes } = this;
    const flushedBytes = this.levels[0]!.writtenBytes;
    const compactedBytes = this.levels.slice(1).reduce((sum, { writtenBytes }) => sum + writtenBytes, 0);
    return {
      userBytes,
      flushedBytes,
      compactedBytes,
      writeAmplification: userBytes === 0 ? undefined : (flushedBytes + compactedBytes) / userBytes,
      flushDurations: this.#flushDurations.distribution(),
      stallCount: this.#stallCount,
      stallMs: this.#stallMs,
      delayCount: this.#delayCount,
      delayMs: this.#delayMs,
      commitLogBytes: this.#commitLogBytes,
      commitLogEntryCount: this.#commitLogEntryCount,
      syncDurations: this.#syncDurations.distribution(),
      runningJobs: this.#jobs.running,
      endedJobs: this.#jobs.ended,
    };
  }

  #listener(): Partial<EngineObserver> {
    return {
      recoveryProgress: (phase) => {
        this.#isRecovering = phase !== "done";
      },
      entriesReplayed: (_entryCount, sizeBytes) => {
        this.userBytes += sizeBytes;
      },
      commitLogAppended: (entryCount, sizeBytes) => {
        this.#commitLogEntryCount += entryCount;
        this.#commitLogBytes += sizeBytes;
      },
      commitLogSynced: (durationMs) => this.#syncDurations.add(durationMs),
      writeStalled: (durationMs) => {
        this.#stallCount++;
        this.#stallMs += durationMs;
      },
      writeDelayed: (durationMs) => {
        this.#delayCount++;
        this.#delayMs += durationMs;
      },
      ...this.#flushListener(),
      ...this.#compactionListener(),
    };
  }

  #flushListener(): Partial<EngineObserver> {
    const level0 = this.levels[0]!;
    return {
      flushStarted: (_entryCount, sizeBytes) => {
        this.#flushStartedMs = this.#clock.monotonicMs();
        this.#jobs.started(flushId, {
          kind: "flush",
          trigger: this.#isRecovering ? "recovery" : "memtable",
          level: undefined,
          outputLevel: 0,
          startedAtMs: this.#clock.nowMs(),
          inputTableCount: 0,
          inputBytes: sizeBytes,
        });
      },
      flushFinished: (entryCount, sizeBytes, durationMs) => {
        addFlush(level0, entryCount, sizeBytes, durationMs);
        this.#flushDurations.add(durationMs);
        this.#jobs.finished(flushId, {
          durationMs,
          outputTableCount: sizeBytes === 0 ? 0 : 1,
          outputBytes: sizeBytes,
        });
      },
      flushFailed: (error) => {
        level0.failureCount++;
        this.#jobs.failed(flushId, this.#clock.monotonicMs() - this.#flushStartedMs, error);
      },
    };
  }

  #compactionListener(): Partial<EngineObserver> {
    return {
      compactionStarted: (job) => this.#jobs.started(job.id, this.#runningCompaction(job)),
      compactionFinished: (job) => {
        addCompaction(this.levels[job.outputLevel]!, job);
        this.#jobs.finished(job.id, {
          durationMs: job.durationMs,
          outputTableCount: job.outputTableCount,
          outputBytes: job.kind === "move" ? job.inputBytes : job.writtenBytes,
        });
      },
      compactionFailed: (error, job, durationMs) => {
        this.levels[job.outputLevel]!.failureCount++;
        this.#jobs.failed(job.id, durationMs, error);
      },
    };
  }

  #runningCompaction(job: StartedCompaction): RunningJob {
    const { kind, trigger, level, outputLevel } = job;
    return {
      kind,
      trigger,
      level,
      outputLevel,
      startedAtMs: this.#clock.nowMs(),
      inputTableCount: job.inputTableCount + job.overlappingTableCount,
      inputBytes: job.inputBytes + job.overlappingBytes,
    };
  }
}
