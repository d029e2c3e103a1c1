/**
 * The thin road of calls with one request and many answers. An answer is handed on as it comes, and the next one is
 * asked for when what carries the bytes has room: so a slow caller holds one answer and what may wait to be sent.
 */
import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import type { ConnectError } from "@connectrpc/connect";
import type { Call, CallRequest } from "./call.ts";
import type { StreamEndpoint } from "./endpoint.ts";
import type { Entrance } from "./gate.ts";
import { EncodedMessage, encodeAnswer, type RequestMessage } from "./message-codec.ts";
import {
  type FailureReply,
  failCall,
  readRequest,
  refuseCall,
  type ThinRoadOptions,
  type ThinTarget,
  timedOut,
} from "./thin-call.ts";

/** Where the answers of a call go: any number, then one of the ends. */
export interface ThinStreamReply extends FailureReply {
  /** Takes an answer's message, valid until this returns. Undefined when more is welcome, else a promise to wait for. */
  send(message: EncodedMessage): Promise<unknown> | undefined;
  finish(): void;
}

export class ThinStream implements ThinTarget<ThinStreamReply> {
  readonly kind = "server-streaming";
  readonly #endpoint: StreamEndpoint;
  readonly #entrance: Entrance;
  readonly #options: ThinRoadOptions;

  constructor(endpoint: StreamEndpoint, options: ThinRoadOptions) {
    this.#endpoint = endpoint;
    this.#entrance = options.gate.entrance(endpoint.method, endpoint.isEndless);
    this.#options = options;
  }

  begin(request: CallRequest): Call {
    return this.#entrance.admit(request);
  }

  run(call: Call, message: RequestMessage, timeoutMs: number | undefined, reply: ThinStreamReply): void {
    let request: MessageShape<DescMessage>;
    try {
      request = readRequest(this.#options, this.#endpoint.method.input, message, timeoutMs);
    } catch (refusal) {
      refuseCall(call, refusal as ConnectError, reply);
      return;
    }
    const deadline =
      timeoutMs === undefined
        ? undefined
        : this.#options.clock.after(timeoutMs, () => call.interrupt(timedOut()));
    this.#answer(call, request, reply)
      .catch((error) => failCall(call, error, reply))
      .finally(() => deadline?.cancel());
  }

  async #answer(call: Call, request: MessageShape<DescMessage>, reply: ThinStreamReply): Promise<void> {
    const { method, run } = this.#endpoint;
    const encoded = new EncodedMessage();
    for await (const answer of call.each(run(request, call))) {
      const message = encodeAnswer(method.output, answer, encoded);
      const room = reply.send(message);
      // A slow caller holds what waits to be sent, and not also the memory that it was copied from.
      message.release();
      if (room !== undefined) await call.wait(room);
    }
    if (call.hasEnded) return;
    call.answered();
    call.end(undefined);
    reply.finish();
  }
}
