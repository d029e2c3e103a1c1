/** A method together with its implementation: what every road runs, whatever the protocol. */
import type {
  DescMessage,
  DescMethodServerStreaming,
  DescMethodUnary,
  MessageInitShape,
  MessageShape,
} from "@bufbuild/protobuf";
import type { Call } from "./call.ts";

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
}

export interface StreamEndpoint<I extends DescMessage = DescMessage, O extends DescMessage = DescMessage> {
  readonly kind: "stream";
  readonly method: DescMethodServerStreaming<I, O>;
  readonly run: StreamRun<I, O>;
}

export type Endpoint = UnaryEndpoint | StreamEndpoint;

export function unary<I extends DescMessage, O extends DescMessage>(
  method: DescMethodUnary<I, O>,
  run: UnaryRun<I, O>,
): UnaryEndpoint<I, O> {
  return { kind: "unary", method, run };
}

export function serverStream<I extends DescMessage, O extends DescMessage>(
  method: DescMethodServerStreaming<I, O>,
  run: StreamRun<I, O>,
): StreamEndpoint<I, O> {
  return { kind: "stream", method, run };
}
