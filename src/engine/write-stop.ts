/**
 * The end of writing: once a sync, an append or the manifest has failed, or an invariant is broken, nothing is
 * written until a restart, because nobody knows what is on the disk. Reads go on as of the last synced write.
 */
import { StorageError } from "../base/errors.ts";
import type { EngineObserver } from "./observer.ts";

export class WriteStop {
  readonly #observer: EngineObserver;
  readonly #stopped: (() => void)[] = [];
  #error: Error | undefined;

  constructor(observer: EngineObserver) {
    this.#observer = observer;
  }

  /** Why writing has ended; undefined while it goes on. */
  get error(): Error | undefined {
    return this.#error;
  }

  /** Calls back once, when writing ends. */
  onStop(callback: () => void): void {
    this.#stopped.push(callback);
  }

  /** The first reason counts. */
  stop(error: Error): void {
    if (this.#error !== undefined) return;
    this.#error = error;
    this.#observer.writingStopped(error);
    for (const callback of this.#stopped) callback();
  }

  /** Throws COMMIT_LOG_FAILED once writing has ended. */
  assertWriting(): void {
    if (this.#error === undefined) return;
    throw new StorageError(
      "COMMIT_LOG_FAILED",
      `this node has stopped writing (${this.#error.message}); reads go on; restart it once the cause is mended`,
      { cause: this.#error },
    );
  }
}
