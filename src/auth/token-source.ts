/**
 * The tokens of a file that may change while the node runs. A change is seen within a second. A file that became
 * unreadable or wrong changes nothing: the tokens that were read last stay good, and the failure is told.
 */
import type { Clock, Timer } from "../platform/clock.ts";
import type { Secrets } from "../platform/secrets.ts";
import { parseTokenFile } from "./token-file.ts";
import { TokenTable } from "./token-table.ts";

export interface TokenSourceOptions {
  readonly path: string;
  /** The file's text; throws where it may not be used. */
  readonly read: (path: string) => string;
  /** Changes with the file. */
  readonly fingerprint: (path: string) => string | undefined;
  readonly secrets: Secrets;
  readonly clock: Clock;
  readonly onRead: (tokenCount: number) => void;
  /** A file that cannot be used. Told once for each state of the file. */
  readonly onFailure: (error: unknown) => void;
}

const pollMs = 1000;

export class TokenSource {
  readonly #options: TokenSourceOptions;
  #table: TokenTable;
  #fingerprint: string | undefined;
  #timer: Timer;

  /** Throws INVALID_ARGUMENT where the file cannot be used. */
  constructor(options: TokenSourceOptions) {
    this.#options = options;
    this.#fingerprint = options.fingerprint(options.path);
    this.#table = this.#read();
    this.#timer = this.#plan();
  }

  get table(): TokenTable {
    return this.#table;
  }

  /** Reads the file anew, whether or not it seems to have changed. */
  reload(): void {
    const { path, fingerprint, onRead, onFailure } = this.#options;
    // Before the reading: what changes meanwhile is seen the next time.
    this.#fingerprint = fingerprint(path);
    try {
      this.#table = this.#read();
    } catch (error) {
      onFailure(error);
      return;
    }
    onRead(this.#table.size);
  }

  stop(): void {
    this.#timer.cancel();
  }

  #read(): TokenTable {
    const { path, read, secrets, clock } = this.#options;
    return new TokenTable(parseTokenFile(read(path), path), secrets, clock);
  }

  #plan(): Timer {
    const { clock, path, fingerprint } = this.#options;
    return clock.after(pollMs, () => {
      if (fingerprint(path) !== this.#fingerprint) this.reload();
      this.#timer = this.#plan();
    });
  }
}
