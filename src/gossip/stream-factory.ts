/** What a conversation over TCP needs of the ring: the envelope and the bounds. */

import type { Endpoint } from "./endpoint.ts";
import type { Conversation } from "./environment.ts";
import type { Envelope } from "./wire/envelope.ts";
import type { StreamLimits } from "./wire/stream-messages.ts";
import { StreamReader, wrapStream } from "./wire/stream-reader.ts";

export class StreamFactory {
  readonly #envelope: Envelope;
  readonly #limits: StreamLimits;

  constructor(envelope: Envelope, limits: StreamLimits) {
    this.#envelope = envelope;
    this.#limits = limits;
  }

  /** For the side that dials. */
  request(to: Endpoint, message: Uint8Array): Pick<Conversation, "to" | "request" | "reader"> {
    const request = wrapStream(this.#envelope, message, true);
    return { to, request, reader: new StreamReader(this.#envelope, this.#limits, false) };
  }

  /** For the side that was dialled. */
  reader(): StreamReader {
    return new StreamReader(this.#envelope, this.#limits, true);
  }

  answer(message: Uint8Array): Uint8Array {
    return wrapStream(this.#envelope, message, false);
  }
}
