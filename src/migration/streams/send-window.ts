/**
 * Batches on their way to the target: several at a time, within a number of bytes, and what is behind those that were
 * acknowledged.
 *
 * Invariants:
 * 1. `acknowledged` is called with positions in the order in which they were given, each when everything given before it
 *    is acknowledged. So its position is always one to go on from.
 * 2. After a failure nothing more is sent or acknowledged; every call throws it.
 * 3. At most `maxBatches` are on their way, with `maxBytes` in all, or one alone that is larger.
 */
import type { RecordBatch } from "./record-batch.ts";

export interface SendLimits {
  readonly maxBatches: number;
  readonly maxBytes: number;
}

interface Sending<Position> {
  readonly batch: RecordBatch | undefined;
  position: Position;
  isDone: boolean;
}

export class SendWindow<Position> {
  readonly #send: (batch: RecordBatch) => Promise<void>;
  readonly #acknowledged: (position: Position, batch: RecordBatch | undefined) => void;
  readonly #limits: SendLimits;
  /** Oldest first; the first one is never done. */
  readonly #sending: Sending<Position>[] = [];
  #bytes = 0;
  #failure: { readonly error: unknown } | undefined;
  #change = Promise.withResolvers<void>();

  constructor(
    send: (batch: RecordBatch) => Promise<void>,
    limits: SendLimits,
    acknowledged: (position: Position, batch: RecordBatch | undefined) => void,
  ) {
    this.#send = send;
    this.#limits = limits;
    this.#acknowledged = acknowledged;
  }

  /** Sends a batch as soon as there is room. `position`: where to go on once it and all before it are acknowledged. */
  async add(batch: RecordBatch, position: Position): Promise<void> {
    while (this.#isFull(batch.sizeBytes)) await this.#change.promise;
    this.#throwFailure();
    const sending: Sending<Position> = { batch, position, isDone: false };
    this.#sending.push(sending);
    this.#bytes += batch.sizeBytes;
    this.#send(batch).then(
      () => this.#finish(sending),
      (error: unknown) => this.#fail(error),
    );
  }

  /** The same where there was nothing to send. */
  mark(position: Position): void {
    this.#throwFailure();
    const last = this.#sending.at(-1);
    if (last === undefined) this.#acknowledged(position, undefined);
    else last.position = position;
  }

  /** Resolves when everything is acknowledged. */
  async drain(): Promise<void> {
    while (this.#sending.length > 0 && this.#failure === undefined) await this.#change.promise;
    this.#throwFailure();
  }

  /** What is still on its way is not waited for, and counts for nothing. */
  abandon(reason: unknown): void {
    this.#fail(reason);
  }

  #isFull(extraBytes: number): boolean {
    if (this.#failure !== undefined || this.#sending.length === 0) return false;
    const { maxBatches, maxBytes } = this.#limits;
    return this.#sending.length >= maxBatches || this.#bytes + extraBytes > maxBytes;
  }

  #finish(sending: Sending<Position>): void {
    sending.isDone = true;
    if (this.#failure !== undefined) return;
    while (this.#sending[0]?.isDone === true) {
      const { batch, position } = this.#sending.shift()!;
      this.#bytes -= batch?.sizeBytes ?? 0;
      this.#acknowledged(position, batch);
    }
    this.#wake();
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    this.#wake();
  }

  #wake(): void {
    const { resolve } = this.#change;
    this.#change = Promise.withResolvers();
    resolve();
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}
