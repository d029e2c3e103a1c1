/**
 * Flushes frozen memtables in the background, oldest first, one at a time.
 *
 * Invariants:
 * 1. A memtable is flushed only after all its entries are synced in the log: a table must not hold what a failed
 *    sync has taken back.
 * 2. A failed flush is tried again with a growing pause, for ever; until then `failure` says why. Only the end of
 *    writing ends it: a log or a manifest that cannot be written, or a broken invariant.
 */
import { InvariantViolation, StorageError } from "../base/errors.ts";
import type { CommitLogWriter } from "./commit-log/writer.ts";
import { type FlushContext, flushOldestFrozen } from "./flush.ts";
import type { SequenceNumber } from "./internal-key.ts";
import type { LogRetention } from "./log-retention.ts";
import type { WriteStop } from "./write-stop.ts";

const firstPauseMs = 100;
const longestPauseMs = 5_000;

/** Who waits for the flush of entries up to a sequence number. */
interface Waiting {
  readonly sequence: SequenceNumber;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export class Flusher {
  readonly #context: FlushContext;
  readonly #log: CommitLogWriter;
  readonly #retention: LogRetention;
  readonly #writeStop: WriteStop;
  readonly #tried: () => void;
  #running: Promise<void> | undefined;
  #stopped = false;
  #endPause: () => void = () => {};
  #waiting: Waiting[] = [];
  #failure: unknown;

  /** `tried` is called after each flush, whether it succeeded or failed. */
  constructor(
    context: FlushContext,
    log: CommitLogWriter,
    retention: LogRetention,
    writeStop: WriteStop,
    tried: () => void,
  ) {
    this.#context = context;
    this.#log = log;
    this.#retention = retention;
    this.#writeStop = writeStop;
    this.#tried = tried;
    writeStop.onStop(() => this.#endPause());
  }

  /** Why the last flush failed; undefined after one that succeeded. */
  get failure(): unknown {
    return this.#failure;
  }

  /** Starts flushing unless it runs already. */
  start(): void {
    if (this.#running !== undefined || !this.#hasWork) return;
    this.#running = this.#run().finally(() => {
      this.#running = undefined;
      this.start();
    });
  }

  /**
   * Resolves when the frozen entries up to `sequence` are in tables, whatever is frozen after them; rejects at the
   * first failure, though flushing goes on in the background. Does not wait for the end of a pause.
   */
  whenFlushed(sequence: SequenceNumber): Promise<void> {
    if (this.#isFlushed(sequence)) return Promise.resolve();
    if (!this.#hasWork) return Promise.reject(this.#writeStop.error ?? closing());
    this.start();
    this.#endPause();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiting.push({ sequence, resolve, reject });
    return promise;
  }

  /** Ends after the flush under way; resolves when nothing runs. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#endPause();
    await this.#running;
  }

  get #hasWork(): boolean {
    return !this.#stopped && this.#writeStop.error === undefined && this.#context.memtables.frozenCount > 0;
  }

  async #run(): Promise<void> {
    for (let pauseMs = firstPauseMs; this.#hasWork; ) {
      try {
        await this.#flushOldest();
        pauseMs = firstPauseMs;
      } catch (error) {
        this.#fail(error);
        if (this.#hasWork) await this.#pause(pauseMs);
        pauseMs = Math.min(2 * pauseMs, longestPauseMs);
      }
    }
    this.#rejectWaiting(this.#writeStop.error ?? closing());
  }

  async #flushOldest(): Promise<void> {
    await this.#log.whenSynced(this.#context.memtables.oldestFrozen!.largestSequence);
    if (this.#stopped) return;
    await flushOldestFrozen(this.#context);
    this.#failure = undefined;
    for (const { sequence, resolve } of this.#waiting) if (this.#isFlushed(sequence)) resolve();
    this.#waiting = this.#waiting.filter(({ sequence }) => !this.#isFlushed(sequence));
    this.#tried();
    await this.#retention.removeObsolete();
  }

  #fail(error: unknown): void {
    if (error instanceof InvariantViolation) this.#writeStop.stop(error);
    this.#failure = error;
    this.#rejectWaiting(error);
    this.#tried();
    if (this.#hasWork) this.#context.environment.observer.flushFailed(error);
  }

  #isFlushed(sequence: SequenceNumber): boolean {
    return sequence <= this.#context.versions.state.flushedThroughSequence;
  }

  #rejectWaiting(error: unknown): void {
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }

  #pause(durationMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#context.environment.clock.after(durationMs, resolve);
      this.#endPause = () => {
        timer.cancel();
        resolve();
      };
    });
  }
}

function closing(): StorageError {
  return new StorageError("UNAVAILABLE", "the engine is closing");
}
