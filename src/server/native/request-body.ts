/**
 * The body of an HTTP/2 request as an async iterable, for handlers that read at their own pace: what they have read
 * is what the client may send anew, so that a slow handler holds back its client and not this process's memory.
 */

import type { RequestListener, ServerRequest } from "../../http2/api.ts";
import { errorCodes } from "../../http2/error-codes.ts";

interface Step {
  readonly resolve: (step: IteratorResult<Uint8Array<ArrayBuffer>, undefined>) => void;
  readonly reject: (error: Error) => void;
}

const done = { done: true, value: undefined } as const;

export class RequestBody implements AsyncIterableIterator<Uint8Array<ArrayBuffer>>, RequestListener {
  readonly #request: ServerRequest;
  readonly #leaving = new AbortController();
  /** Copies: the server takes its bytes back. */
  readonly #chunks: Uint8Array<ArrayBuffer>[] = [];
  #waiting: Step | undefined;
  #hasEnded = false;
  #failure: Error | undefined;

  /** Begins to listen, which for a whole request its handler does before it returns. */
  constructor(request: ServerRequest) {
    this.#request = request;
    request.listen(this);
  }

  /** Aborted when the client takes the request back or is gone. */
  get signal(): AbortSignal {
    return this.#leaving.signal;
  }

  data(bytes: Uint8Array, start: number, length: number): void {
    const chunk = bytes.slice(start, start + length) as Uint8Array<ArrayBuffer>;
    if (this.#waiting === undefined) this.#chunks.push(chunk);
    else this.#handOver({ done: false, value: chunk });
  }

  end(): void {
    this.#hasEnded = true;
    if (this.#waiting !== undefined) this.#handOver(done);
  }

  aborted(code: number): void {
    const reason = code === errorCodes.CANCEL ? "the caller cancelled" : "the caller went away";
    this.#failure = new DOMException(reason, "AbortError");
    this.#leaving.abort(this.#failure);
    this.#waiting?.reject(this.#failure);
    this.#waiting = undefined;
  }

  next(): Promise<IteratorResult<Uint8Array<ArrayBuffer>, undefined>> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const chunk = this.#chunks.shift();
    if (chunk !== undefined) {
      this.#grant(chunk);
      return Promise.resolve({ done: false, value: chunk });
    }
    if (this.#hasEnded) return Promise.resolve(done);
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
    });
  }

  return(): Promise<IteratorResult<Uint8Array<ArrayBuffer>, undefined>> {
    this.#chunks.length = 0;
    return Promise.resolve(done);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #handOver(step: IteratorResult<Uint8Array<ArrayBuffer>, undefined>): void {
    const { resolve } = this.#waiting!;
    this.#waiting = undefined;
    if (step.value !== undefined) this.#grant(step.value);
    resolve(step);
  }

  #grant(chunk: Uint8Array): void {
    if (!this.#hasEnded) this.#request.grant(chunk.length);
  }
}
