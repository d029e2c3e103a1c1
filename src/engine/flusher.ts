/**
 * Flushes frozen memtables in the background, oldest first, one at a time.
 *
 * Invariants:
 * 1. A memtable is flushed only after all its entries are synced in the log: a table must not hold what a failed
 *    sync has taken back.
 * 2. A failed flush is tried again with a growing pause, for ever; writers meanwhile wait for room. Only a
 *    manifest that cannot be written ends writing (the version set tells the engine).
 */
import type { CommitLogWriter } from "./commit-log/writer.ts";
import { type FlushContext, flushOldestFrozen } from "./flush.ts";
import type { LogRetention } from "./log-retention.ts";

const firstPauseMs = 100;
const longestPauseMs = 30_000;

export class Flusher {
  readonly #context: FlushContext;
  readonly #log: CommitLogWriter;
  readonly #retention: LogRetention;
  readonly #flushed: () => void;
  #running: Promise<void> | undefined;
  #stopped = false;
  #endPause: () => void = () => {};
  #waiting: PromiseWithResolvers<void> | undefined;

  /** `flushed` is called after each flush. */
  constructor(context: FlushContext, log: CommitLogWriter, retention: LogRetention, flushed: () => void) {
    this.#context = context;
    this.#log = log;
    this.#retention = retention;
    this.#flushed = flushed;
  }

  /** Starts flushing unless it runs already. */
  start(): void {
    if (this.#stopped || this.#running !== undefined) return;
    this.#running = this.#run().finally(() => {
      this.#running = undefined;
      if (this.#context.memtables.frozenCount > 0) this.start();
    });
  }

  /**
   * Resolves when no frozen memtable is left; rejects at the first failure, though flushing goes on in the
   * background.
   */
  whenIdle(): Promise<void> {
    if (this.#context.memtables.frozenCount === 0) return Promise.resolve();
    this.start();
    this.#waiting ??= Promise.withResolvers();
    return this.#waiting.promise;
  }

  /** Ends after the flush under way; resolves when nothing runs. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#endPause();
    await this.#running;
  }

  async #run(): Promise<void> {
    let pauseMs = firstPauseMs;
    while (!this.#stopped && this.#context.memtables.frozenCount > 0) {
      try {
        await this.#flushOldest();
        pauseMs = firstPauseMs;
      } catch (error) {
        this.#waiting?.reject(error);
        this.#waiting = undefined;
        if (this.#stopped) return;
        this.#context.environment.observer.flushFailed(error);
        await this.#pause(pauseMs);
        pauseMs = Math.min(2 * pauseMs, longestPauseMs);
      }
    }
    this.#waiting?.resolve();
    this.#waiting = undefined;
  }

  async #flushOldest(): Promise<void> {
    const { memtable } = this.#context.memtables.oldestFrozen!;
    await this.#log.whenSynced(memtable.largestSequence);
    if (this.#stopped) return;
    await flushOldestFrozen(this.#context);
    this.#flushed();
    await this.#retention.removeObsolete();
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
