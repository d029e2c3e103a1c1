/**
 * The thin road: a call from its message's bytes to its answer's, with nothing of Connect between.
 *
 * What carries the bytes takes off its framing, looks the method up, asks `begin` to pass the gate and `run` to do the
 * rest. An implementation that answers at once costs no promise. Calls that this road does not understand
 * (streams of requests, JSON, compression) take the bridge; both roads give the same answers.
 */
import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import type { ConnectError } from "@connectrpc/connect";
import type { Timer } from "../platform/clock.ts";
import type { Call, CallRequest } from "./call.ts";
import type { Answer, Endpoint, UnaryEndpoint } from "./endpoint.ts";
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
import { ThinStream } from "./thin-stream.ts";

/** Where a unary call's answer goes: one of the two, once, at once or later. */
export interface ThinReply extends FailureReply {
  /** The answer's message, which it releases. */
  succeed(message: EncodedMessage): void;
}

export class ThinRoad {
  readonly #methods = new Map<string, ThinMethod>();
  readonly #streams = new Map<string, ThinStream>();

  constructor(endpoints: readonly Endpoint[], options: ThinRoadOptions) {
    for (const endpoint of endpoints) {
      const path = methodPath(endpoint);
      if (endpoint.kind === "unary") this.#methods.set(path, new ThinMethod(endpoint, options));
      if (endpoint.kind === "stream") this.#streams.set(path, new ThinStream(endpoint, options));
    }
  }

  /** The unary method at a path like `/storage.StorageNodeService/Read`. */
  method(path: string): ThinMethod | undefined {
    return this.#methods.get(path);
  }

  /** The same for methods that answer one request by many messages. */
  stream(path: string): ThinStream | undefined {
    return this.#streams.get(path);
  }
}

function methodPath({ method }: Endpoint): string {
  return `/${method.parent.typeName}/${method.name}`;
}

/** One for all: it is handed on within the turn that fills it. */
const encoded = new EncodedMessage();

export class ThinMethod implements ThinTarget<ThinReply> {
  readonly kind = "unary";
  readonly #endpoint: UnaryEndpoint;
  readonly #entrance: Entrance;
  readonly #options: ThinRoadOptions;

  constructor(endpoint: UnaryEndpoint, options: ThinRoadOptions) {
    this.#endpoint = endpoint;
    this.#entrance = options.gate.entrance(endpoint.method);
    this.#options = options;
  }

  begin(request: CallRequest): Call {
    const call = this.#entrance.admit(request);
    call.encodesAtOnce = true;
    return call;
  }

  run(call: Call, message: RequestMessage, timeoutMs: number | undefined, reply: ThinReply): void {
    const { method, run, shortcut } = this.#endpoint;
    let request: MessageShape<DescMessage>;
    try {
      request = readRequest(this.#options, method.input, message, timeoutMs, shortcut);
    } catch (refusal) {
      refuseCall(call, refusal as ConnectError, reply);
      return;
    }
    try {
      const answer = run(request, call);
      if (answer instanceof Promise) this.#runOn(call, answer, timeoutMs, reply);
      else this.#succeed(call, answer, reply);
    } catch (error) {
      failCall(call, error, reply);
    }
  }

  #runOn(call: Call, answer: Promise<Answer>, timeoutMs: number | undefined, reply: ThinReply): void {
    const deadline =
      timeoutMs === undefined
        ? undefined
        : this.#options.clock.after(timeoutMs, () => call.interrupt(timedOut()));
    call.hear(
      answer,
      (value) => this.#finish(call, value, deadline, reply),
      (error) => {
        deadline?.cancel();
        failCall(call, error, reply);
      },
    );
  }

  #finish(call: Call, answer: Answer, deadline: Timer | undefined, reply: ThinReply): void {
    deadline?.cancel();
    try {
      this.#succeed(call, answer, reply);
    } catch (error) {
      failCall(call, error, reply);
    }
  }

  #succeed(call: Call, answer: Answer, reply: ThinReply): void {
    if (call.hasEnded) return;
    const { method, shortcut } = this.#endpoint;
    const message = encodeAnswer(method.output, answer, encoded, shortcut);
    call.answered();
    call.end(undefined);
    reply.succeed(message);
  }
}
