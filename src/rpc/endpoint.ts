/**
 * A method together with its implementation: what every road runs, whatever the protocol. Endpoints are made here alone,
 * and their implementations see no request that its caller may not make (see access.ts).
 */
import type {
  DescMessage,
  DescMethodBiDiStreaming,
  DescMethodClientStreaming,
  DescMethodServerStreaming,
  DescMethodUnary,
  MessageInitShape,
  MessageShape,
} from "@bufbuild/protobuf";
import { type RequestCheck, requestCheck } from "./access.ts";
import type { Call } from "./call.ts";
import type { CodecShortcut, EncodedMessage } from "./message-codec.ts";

/** Fields of an answer's message; or its bytes, where the implementation has a shorter way to those. */
export type AnswerOf<O extends DescMessage> = MessageInitShape<O> | EncodedMessage;
export type Answer = AnswerOf<DescMessage>;

/** Of what it gives at once, parts may be borrowed where the call says so (`encodesAtOnce`). */
export type UnaryRun<I extends DescMessage, O extends DescMessage> = (
  request: MessageShape<I>,
  call: Call,
) => AnswerOf<O> | Promise<AnswerOf<O>>;

/** Bytes that it yields are its own again when the next answer is asked for. */
export type StreamRun<I extends DescMessage, O extends DescMessage> = (
  request: MessageShape<I>,
  call: Call,
) => AsyncGenerator<AnswerOf<O>, void, void>;

export interface UnaryEndpoint<I extends DescMessage = DescMessage, O extends DescMessage = DescMessage> {
  readonly kind: "unary";
  readonly method: DescMethodUnary<I, O>;
  readonly run: UnaryRun<I, O>;
  /** Where the library's way to and from bytes takes too long. */
  readonly shortcut: CodecShortcut<I, O> | undefined;
}

export interface StreamEndpoint<I extends DescMessage = DescMessage, O extends DescMessage = DescMessage> {
  readonly kind: "stream";
  readonly method: DescMethodServerStreaming<I, O>;
  readonly run: StreamRun<I, O>;
  /** Goes on for as long as its caller listens, so a node that stops does not wait for its end. */
  readonly isEndless: boolean;
}

/** Requests come as a stream; each answer may be given before the next request. */
export type ExchangeRun<I extends DescMessage, O extends DescMessage> = (
  requests: AsyncIterable<MessageShape<I>>,
  call: Call,
) => AsyncGenerator<AnswerOf<O>, void, void>;

export interface ExchangeEndpoint<I extends DescMessage = DescMessage, O extends DescMessage = DescMessage> {
  readonly kind: "exchange";
  readonly method: DescMethodBiDiStreaming<I, O> | DescMethodClientStreaming<I, O>;
  /** Of a client stream: gives exactly one answer. */
  readonly run: ExchangeRun<I, O>;
}

export type Endpoint = UnaryEndpoint | StreamEndpoint | ExchangeEndpoint;

export function unary<I extends DescMessage, O extends DescMessage>(
  method: DescMethodUnary<I, O>,
  run: UnaryRun<I, O>,
  shortcut?: CodecShortcut<I, O>,
): UnaryEndpoint<I, O> {
  return { kind: "unary", method, run: checked(requestCheck(method), run), shortcut };
}

export function serverStream<I extends DescMessage, O extends DescMessage>(
  method: DescMethodServerStreaming<I, O>,
  run: StreamRun<I, O>,
): StreamEndpoint<I, O> {
  return { kind: "stream", method, run: checked(requestCheck(method), run), isEndless: false };
}

/** A server stream that tells of what happens, until its caller leaves or the node stops. */
export function endlessStream<I extends DescMessage, O extends DescMessage>(
  method: DescMethodServerStreaming<I, O>,
  run: StreamRun<I, O>,
): StreamEndpoint<I, O> {
  return { ...serverStream(method, run), isEndless: true };
}

export function exchange<I extends DescMessage, O extends DescMessage>(
  method: DescMethodBiDiStreaming<I, O> | DescMethodClientStreaming<I, O>,
  run: ExchangeRun<I, O>,
): ExchangeEndpoint<I, O> {
  const check = requestCheck(method);
  if (check === undefined) return { kind: "exchange", method, run };
  return { kind: "exchange", method, run: (requests, call) => run(eachChecked(check, requests, call), call) };
}

function checked<I extends DescMessage, T>(
  check: RequestCheck<I> | undefined,
  run: (request: MessageShape<I>, call: Call) => T,
): (request: MessageShape<I>, call: Call) => T {
  return (request, call) => {
    call.message = request;
    check?.(request, call);
    return run(request, call);
  };
}

async function* eachChecked<I extends DescMessage>(
  check: RequestCheck<I>,
  requests: AsyncIterable<MessageShape<I>>,
  call: Call,
): AsyncGenerator<MessageShape<I>, void, void> {
  for await (const request of requests) {
    check(request, call);
    yield request;
  }
}
