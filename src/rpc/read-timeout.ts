/** Bounds the time that a request's body may take, so that a caller who sends slowly holds nothing for long. */
import { Code, ConnectError } from "@connectrpc/connect";
import type { UniversalServerRequest } from "@connectrpc/connect/protocol";
import type { Clock } from "../platform/clock.ts";

type Body = UniversalServerRequest["body"];

export interface ReadTimeoutOptions {
  readonly clock: Clock;
  /** From the first read to the body's end. */
  readonly readTimeoutMs: number;
}

/** The same body; reading it throws DEADLINE_EXCEEDED once the time is over. */
export function withReadTimeout(body: Body, options: ReadTimeoutOptions): Body {
  if (typeof body !== "object" || body === null || !(Symbol.asyncIterator in body)) return body;
  return timed(body, options);
}

async function* timed(body: AsyncIterable<Uint8Array>, options: ReadTimeoutOptions) {
  let stop: (reason: ConnectError) => void = () => undefined;
  const timeout = new Promise<never>((_, reject) => {
    stop = reject;
  });
  timeout.catch(() => undefined);
  const timer = options.clock.after(options.readTimeoutMs, () => stop(bodyTooSlow(options.readTimeoutMs)));
  const iterator = body[Symbol.asyncIterator]();
  try {
    for (;;) {
      const step = await Promise.race([iterator.next(), timeout]);
      if (step.done === true) return;
      yield step.value;
    }
  } finally {
    timer.cancel();
  }
}

/** What a caller gets who sends too slowly. */
export function bodyTooSlow(readTimeoutMs: number): ConnectError {
  return new ConnectError(
    `the request did not arrive whole within ${readTimeoutMs} ms`,
    Code.DeadlineExceeded,
  );
}
