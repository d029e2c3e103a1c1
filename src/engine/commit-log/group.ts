/** A group: the entries that are written and synced together. */
import type { StorageError } from "../../base/errors.ts";
import type { SequenceNumber } from "../internal-key.ts";

/** What an append is part of: one object and one promise per group, shared by all its writers. */
export interface Commit {
  /** Of the group so far: right after an append, that of the appended entry. */
  readonly lastSequence: SequenceNumber;
  /**
   * `always`: resolves after the sync that covers the group. `interval`, `never`: once the group is written to the
   * file, so that a killed process loses nothing acknowledged. Rejects with COMMIT_LOG_FAILED.
   */
  readonly durable: Promise<void>;
}

export class Group implements Commit {
  lastSequence: SequenceNumber = 0;
  entryCount = 0;
  readonly #outcome = Promise.withResolvers<void>();

  constructor() {
    // A writer that does not wait for its answer is no reason to end the process.
    this.durable.catch(() => {});
  }

  get durable(): Promise<void> {
    return this.#outcome.promise;
  }

  acknowledge(): void {
    this.#outcome.resolve();
  }

  fail(error: StorageError): void {
    this.#outcome.reject(error);
  }
}
