/** A method together with its implementation: what every road runs, whatever the protocol. */
import type {
  DescMessage,
  DescMethodBiDiStreaming,
  DescMethodClientStreaming,
  DescMethodServerStreaming,
  DescMethodUnary,
  MessageInitShape,
  MessageShape,
} from "@bufbuild/protobuf";
import type { Call } from "./call.ts";
import type { CodecShortcut } from "./message-codec.ts";

/** Fields of an answer's message. */
export type Answer = MessageInitShape<DescMessage>;

export type UnaryRun<I extends DescMessage, O extends DescMessage> = (
  request: MessageShape<I>,
  call: Call,
) => MessageInitShape<O> | Promise<MessageInitShape<O>>;

export type StreamRun<I extends DescMessage, O extends DescMessage> = (
  request: MessageShape<I>,
  call: Call,
) => AsyncGenerator<MessageInitShape<O>, void, void>;

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
}

/** Requests come as a stream; each answer may be given before the next request. */
export type ExchangeRun<I extends DescMessage, O extends DescMessage> = (
  requests: AsyncIterable<MessageShape<I>>,
  call: Call,
) => AsyncGenerator<MessageInitShape<O>, void, void>;

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
  return { kind: "unary", method, run, shortcut };
}

export function serverStream<I extends DescMessage, O extends DescMessage>(
  method: DescMethodServerStreaming<I, O>,
  run: StreamRun<I, O>,
): StreamEndpoint<I, O> {
  return { kind: "stream", method, run };
}

export function exchange<I extends DescMessage, O extends DescMessage>(
  method: DescMethodBiDiStreaming<I, O> | DescMethodClientStreaming<I, O>,
  run: ExchangeRun<I, O>,
): ExchangeEndpoint<I, O> {
  return { kind: "exchange", method, run };
}
