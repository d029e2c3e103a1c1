/**
 * What files say that may change while the node runs. Their attributes are looked at every second, since what replaces
 * files by symbolic links (as Kubernetes does) tells nobody; they are read when those have changed, or when asked.
 *
 * Invariants:
 * 1. What is in force was read whole. Files that are no good leave the earlier content in force, and are read again at
 *    each look until they are good: what is wrong with them may pass without a change of theirs.
 * 2. Each new reason against them is told once.
 */
import { messageOf } from "../base/errors.ts";
import type { Clock, Timer } from "./clock.ts";

export interface WatchedFilesOptions<T> {
  /** Reads the files; throws where they are no good. */
  readonly read: () => T;
  /** Changes whenever one of the files does. */
  readonly fingerprint: () => string;
  readonly clock: Clock;
  /** The files were read anew. */
  readonly changed: (content: T, former: T) => void;
  readonly refused: (error: unknown) => void;
}

const pollMs = 1000;

export class WatchedFiles<T> {
  readonly #options: WatchedFilesOptions<T>;
  #current: T;
  #fingerprint: string;
  /** Why the files are no good, as they were last read. */
  #refusal: string | undefined;
  #timer: Timer;

  /** Throws what `read` does. */
  constructor(options: WatchedFilesOptions<T>) {
    this.#options = options;
    this.#fingerprint = options.fingerprint();
    this.#current = options.read();
    this.#timer = this.#lookLater();
  }

  get current(): T {
    return this.#current;
  }

  /** Reads the files now, whether or not they seem to have changed. */
  reload(): void {
    // Before the reading: what changes meanwhile is seen at the next look.
    this.#fingerprint = this.#options.fingerprint();
    const former = this.#current;
    try {
      this.#current = this.#options.read();
    } catch (error) {
      const reason = messageOf(error);
      if (reason !== this.#refusal) this.#options.refused(error);
      this.#refusal = reason;
      return;
    }
    this.#refusal = undefined;
    this.#options.changed(this.#current, former);
  }

  stop(): void {
    this.#timer.cancel();
  }

  #lookLater(): Timer {
    return this.#options.clock.after(pollMs, () => {
      // Before anything that could throw, so that the next look comes.
      this.#timer = this.#lookLater();
      if (this.#refusal !== undefined || this.#options.fingerprint() !== this.#fingerprint) this.reload();
    });
  }
}
