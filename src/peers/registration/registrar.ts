/**
 * Makes a node known to its coordinator, in the background: tries until it is done, or often enough, and notes that it is.
 *
 * Invariants:
 * 1. Whatever happens here, the node serves.
 * 2. It is tried again only where no note says that it was done.
 */
import type { Clock, Timer } from "../../platform/clock.ts";
import type { RegisteredWith, RegistrationRecord } from "./registration-record.ts";

export interface RegistrarOptions {
  readonly as: RegisteredWith;
  /** Rejects with why it did not work. */
  readonly register: () => Promise<void>;
  readonly record: Pick<RegistrationRecord, "speaksOf" | "write">;
  readonly clock: Clock;
  readonly retryIntervalMs: number;
  /** After so many more than the first try it gives up until the next start. */
  readonly maxRetries: number;
  readonly observer: RegistrationObserver;
}

export interface RegistrationObserver {
  /** A note says that it was done before. */
  known(): void;
  registered(): void;
  /** `isLast`: it is not tried again. */
  failed(error: unknown, isLast: boolean): void;
  /** The coordinator has the node, and the note cannot be written: the next start registers once more. */
  notNoted(error: unknown): void;
}

export class Registrar {
  readonly #options: RegistrarOptions;
  #tries = 0;
  #timer: Timer | undefined;
  #isStopped = false;

  constructor(options: RegistrarOptions) {
    this.#options = options;
  }

  /** Never rejects; resolves after the first try. */
  async start(): Promise<void> {
    const { record, as, observer } = this.#options;
    if (record.speaksOf(as)) observer.known();
    else await this.#try();
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  async #try(): Promise<void> {
    const { register, clock, retryIntervalMs, maxRetries, observer } = this.#options;
    try {
      await register();
    } catch (error) {
      if (this.#isStopped) return;
      const isLast = this.#tries++ >= maxRetries;
      observer.failed(error, isLast);
      if (!isLast) this.#timer = clock.after(retryIntervalMs, () => void this.#try());
      return;
    }
    observer.registered();
    await this.#note();
  }

  async #note(): Promise<void> {
    const { record, as, observer } = this.#options;
    try {
      await record.write(as);
    } catch (error) {
      observer.notNoted(error);
    }
  }
}
