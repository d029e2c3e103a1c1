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
import type { LogRetention } from "./log-retention.ts";
import type { WriteStop } from "./write-stop.ts";

const firstPauseMs = 100;
const longestPauseMs = 5_000;

export class Flusher {
  readonly #context: FlushContext;
  readonly #log: CommitLogWriter;
  readonly #retention: LogRetention;
  readonly #writeStop: WriteStop;
  readonly #tried: () => void;
  #running: Promise<void> | undefined;
  #stopped = false;
  #endPause: () => void = () => {};
  #waiting: PromiseWithResolvers<void> | undefined;
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
   * Resolves when no frozen memtable is left; rejects at the first failure, though flushing goes on in the
   * background. Does not wait for the end of a pause.
   */
  whenIdle(): Promise<void> {
    if (!this.#hasWork) return Promise.resolve();
    this.start();
    this.#endPause();
    this.#waiting ??= Promise.withResolvers();
    return this.#waiting.promise;
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
    if (this.#context.memtables.frozenCount === 0) this.#waiting?.resolve();
    else this.#waiting?.reject(this.#writeStop.error ?? closing());
    this.#waiting = undefined;
  }

  async #flushOldest(): Promise<void> {
    const { memtable } = this.#context.memtables.oldestFrozen!;
    await this.#log.whenSynced(memtable.largestSequence);
    if (this.#stopped) return;
    await flushOldestFrozen(this.#context);
    this.#failure = undefined;
    this.#tried();
    await this.#retention.removeObsolete();
  }

  #fail(error: unknown): void {
    if (error instanceof InvariantViolation) this.#writeStop.stop(error);
    this.#failure = error;
    this.#waiting?.reject(error);
    this.#waiting = undefined;
    this.#tried();
    if (this.#hasWork) this.#context.environment.observer.flushFailed(error);
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
