/**
 * The thin road: a unary call from its message's bytes to its answer's, with nothing of Connect between.
 *
 * What carries the bytes takes off its framing, looks the method up, asks `begin` to pass the gate and `run` to do the
 * rest. An implementation that answers at once costs no promise. Calls that this road does not understand
 * (streams, JSON, compression) take the bridge; both roads give the same answers.
 */
import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import type { Clock, Timer } from "../platform/clock.ts";
import type { Call, CallRequest } from "./call.ts";
import type { Answer, Endpoint, UnaryEndpoint } from "./endpoint.ts";
import { messageTooLarge } from "./errors.ts";
import type { Gate } from "./gate.ts";
import { decodeMessage, EncodedMessage, encodeMessage, type RequestMessage } from "./message-codec.ts";

/** Where a call's answer goes: one of the two, once, at once or later. */
export interface ThinReply {
  /** The answer's message, valid until this returns. */
  succeed(message: EncodedMessage): void;
  fail(error: ConnectError): void;
}

export interface ThinRoadOptions {
  readonly gate: Gate;
  readonly clock: Clock;
  /** The largest message that a client may send. */
  readonly maxMessageBytes: number;
}

export class ThinRoad {
  readonly #methods: ReadonlyMap<string, ThinMethod>;

  constructor(endpoints: readonly Endpoint[], options: ThinRoadOptions) {
    const unaryEndpoints = endpoints.filter((endpoint) => endpoint.kind === "unary");
    this.#methods = new Map(
      unaryEndpoints.map((endpoint) => [methodPath(endpoint), new ThinMethod(endpoint, options)]),
    );
  }

  /** The unary method at a path like `/storage.StorageNodeService/Read`. */
  method(path: string): ThinMethod | undefined {
    return this.#methods.get(path);
  }
}

function methodPath({ method }: UnaryEndpoint): string {
  return `/${method.parent.typeName}/${method.name}`;
}

/** One for all: it is handed on within the turn that fills it. */
const encoded = new EncodedMessage();

export class ThinMethod {
  readonly #endpoint: UnaryEndpoint;
  readonly #options: ThinRoadOptions;

  constructor(endpoint: UnaryEndpoint, options: ThinRoadOptions) {
    this.#endpoint = endpoint;
    this.#options = options;
  }

  /** Passes the gate, or throws the refusal as its caller gets it. */
  begin(request: CallRequest): Call {
    const call = this.#options.gate.admit(this.#endpoint.method, request);
    call.encodesAtOnce = true;
    return call;
  }

  /**
   * Runs an admitted call to its end. `timeoutMs` counts from now. A message that is not
   * the call's own is its owner's again when this returns.
   * `call.end` from outside, when the caller has left, ends it without a reply.
   */
  run(call: Call, message: RequestMessage, timeoutMs: number | undefined, reply: ThinReply): void {
    const { method, run, shortcut } = this.#endpoint;
    let request: MessageShape<DescMessage>;
    try {
      this.#checkSize(message.length);
      request = parse(method.input, message, shortcut);
      if (timeoutMs !== undefined && timeoutMs <= 0) throw timedOut();
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
    encodeMessage(method.output, answer, encoded, shortcut);
    call.answered();
    call.end(undefined);
    reply.succeed(encoded);
  }

  #checkSize(messageBytes: number): void {
    const { maxMessageBytes } = this.#options;
    if (messageBytes > maxMessageBytes) throw messageTooLarge(messageBytes, maxMessageBytes);
  }
}

/** Ends an admitted call with its implementation's failure, and answers with it unless the caller has left. */
function failCall(call: Call, error: unknown, reply: ThinReply): void {
  if (!call.hasEnded) refuseCall(call, call.failure(error), reply);
}

/** Ends an admitted call whose request is no good before its implementation has run. */
export function refuseCall(call: Call, refusal: ConnectError, reply: ThinReply): void {
  if (call.hasEnded) return;
  call.end(refusal);
  reply.fail(refusal);
}

/** What a call gets whose deadline has passed. */
export function timedOut(): ConnectError {
  return new ConnectError("the operation timed out", Code.DeadlineExceeded);
}

function parse(
  schema: DescMessage,
  message: RequestMessage,
  shortcut: UnaryEndpoint["shortcut"],
): MessageShape<DescMessage> {
  try {
    return decodeMessage(schema, message, shortcut);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConnectError(`parse binary: ${reason}`, Code.Internal);
  }
}
