/** Bounds the time that a request's body may take, so that a caller who sends slowly holds nothing for long. */
import { Code, ConnectError } from "@connectrpc/connect";
import type { UniversalServerRequest } from "@connectrpc/connect/protocol";
import type { Clock, Timer } from "../platform/clock.ts";
import { MessageProgress } from "./message-progress.ts";

type Body = UniversalServerRequest["body"];

export interface ReadTimeoutOptions {
  readonly clock: Clock;
  /** From the first read to the body's end, or of each message from its first byte to its last. */
  readonly readTimeoutMs: number;
}

/** What is timed: the body of a single request, or the messages of a body that may be quiet between them. */
export type TimedPart = "body" | "message";

/** The same body; reading it throws DEADLINE_EXCEEDED once the time is over. */
export function withReadTimeout(body: Body, options: ReadTimeoutOptions, part: TimedPart = "body"): Body {
  if (typeof body !== "object" || body === null || !(Symbol.asyncIterator in body)) return body;
  return part === "body" ? timedBody(body, options) : timedMessages(body, options);
}

async function* timedBody(body: AsyncIterable<Uint8Array>, options: ReadTimeoutOptions) {
  const timeout = new ReadTimeout(options);
  const iterator = body[Symbol.asyncIterator]();
  timeout.start();
  try {
    for (;;) {
      const step = await timeout.bound(iterator.next());
      if (step.done === true) return;
      yield step.value;
    }
  } finally {
    timeout.stop();
  }
}

async function* timedMessages(body: AsyncIterable<Uint8Array>, options: ReadTimeoutOptions) {
  const timeout = new ReadTimeout(options);
  const progress = new MessageProgress();
  const iterator = body[Symbol.asyncIterator]();
  try {
    for (;;) {
      const step = await timeout.bound(iterator.next());
      if (step.done === true) return;
      const { wholeCount, isInsideMessage } = progress;
      progress.take(step.value);
      if (progress.wholeCount > wholeCount || !isInsideMessage) timeout.stop();
      if (progress.isInsideMessage) timeout.start();
      yield step.value;
    }
  } finally {
    timeout.stop();
  }
}

/** A time that runs between `start` and `stop`. */
class ReadTimeout {
  readonly #options: ReadTimeoutOptions;
  #timer: Timer | undefined;
  #timeUp: Promise<never> | undefined;

  constructor(options: ReadTimeoutOptions) {
    this.#options = options;
  }

  /** Goes on where it runs already. */
  start(): void {
    if (this.#timer !== undefined) return;
    const { clock, readTimeoutMs } = this.#options;
    const { promise, reject } = Promise.withResolvers<never>();
    promise.catch(() => undefined);
    this.#timeUp = promise;
    this.#timer = clock.after(readTimeoutMs, () => reject(bodyTooSlow(readTimeoutMs)));
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#timeUp = undefined;
  }

  /** Waits for a read, or rejects when the time is up. */
  bound<T>(read: Promise<T>): Promise<T> {
    return this.#timeUp === undefined ? read : Promise.race([read, this.#timeUp]);
  }
}

/** What a caller gets who sends too slowly. */
export function bodyTooSlow(readTimeoutMs: number): ConnectError {
  return new ConnectError(
    `the request did not arrive whole within ${readTimeoutMs} ms`,
    Code.DeadlineExceeded,
  );
}
