/**
 * The body of a request as an iterable of pieces, for whoever takes it at its own pace. What a piece took of the window
 * is granted again when the next one is asked for, so a slow reader holds no more than the window.
 *
 * To be made while the handler runs. One iteration; it throws ABORTED when the request ends before its body does.
 */
import { StorageError } from "../base/errors.ts";
import type { RequestListener, ServerRequest } from "./api.ts";
import { errorName } from "./error-codes.ts";

export class BodyReader implements AsyncIterableIterator<Uint8Array>, RequestListener {
  readonly #request: ServerRequest;
  readonly #onAborted: (code: number) => void;
  #pieces: Uint8Array[] = [];
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
    this.#pieces.push(bytes.slice(start, start + length));
    this.#wake();
  }

  end(): void {
    this.#isComplete = true;
    this.#wake();
  }

  aborted(code: number): void {
    if (!this.#isComplete)
      this.#failure = new StorageError("ABORTED", `the request ended: ${errorName(code)}`);
    this.#pieces = [];
    this.#wake();
    this.#onAborted(code);
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    if (this.#takenBytes > 0) this.#request.grant(this.#takenBytes);
    this.#takenBytes = 0;
    while (this.#pieces.length === 0 && !this.#isComplete && this.#failure === undefined) {
      this.#waiter = Promise.withResolvers();
      await this.#waiter.promise;
    }
    if (this.#failure !== undefined) throw this.#failure;
    const piece = this.#pieces.shift();
    if (piece === undefined) return { done: true, value: undefined };
    this.#takenBytes = piece.length;
    return { done: false, value: piece };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #wake(): void {
    this.#waiter?.resolve();
    this.#waiter = undefined;
  }
}
