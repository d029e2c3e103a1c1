/**
 * The body of a request as an iterable of pieces, for whoever takes it at its own pace: what has come since the last one,
 * its receiver's own. What a piece took of the window is granted again when the next one is asked for, so a slow reader
 * holds no more than the window.
 *
 * To be made while the handler runs. One iteration; it throws ABORTED when the request ends before its body was taken.
 */
import { StorageError } from "../base/errors.ts";
import type { RequestListener, ServerRequest } from "./api.ts";
import { ByteQueue } from "./byte-queue.ts";
import { errorName } from "./error-codes.ts";

export class BodyReader implements AsyncIterableIterator<Uint8Array>, RequestListener {
  readonly #request: ServerRequest;
  readonly #onAborted: (code: number) => void;
  /** Copies: what a piece lies in may be gone soon, and is much larger than a small piece. */
  readonly #waiting = new ByteQueue();
  /** Taken by the reader and not granted yet. */
  #takenBytes = 0;
  #isComplete = false;
  #failure: StorageError | undefined;
  #waiter: PromiseWithResolvers<void> | undefined;

  /** `onAborted` also hears of an end after the whole body has come. */
  constructor(request: ServerRequest, onAborted: (code: number) => void = () => undefined) {
    this.#request = request;
    this.#onAborted = onAborted;
    request.listen(this);
  }

  data(bytes: Uint8Array, start: number, length: number): void {
    this.#waiting.append(bytes, start, length);
    this.#wake();
  }

  end(): void {
    this.#isComplete = true;
    this.#wake();
  }

  aborted(code: number): void {
    // A body of which only a part was taken must not seem to end there.
    if (!this.#isComplete || this.#waiting.length > 0)
      this.#failure = new StorageError("ABORTED", `the request ended: ${errorName(code)}`);
    this.#waiting.clear();
    this.#wake();
    this.#onAborted(code);
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    if (this.#takenBytes > 0) this.#request.grant(this.#takenBytes);
    this.#takenBytes = 0;
    while (this.#waiting.length === 0 && !this.#isComplete && this.#failure === undefined) {
      this.#waiter = Promise.withResolvers();
      await this.#waiter.promise;
    }
    if (this.#failure !== undefined) throw this.#failure;
    const { bytes, start, end, length } = this.#waiting;
    if (length === 0) return { done: true, value: undefined };
    // The queue goes on with an array of its own.
    this.#waiting.clear();
    this.#takenBytes = length;
    return { done: false, value: bytes.subarray(start, end) };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #wake(): void {
    this.#waiter?.resolve();
    this.#waiter = undefined;
  }
}
