/** What all calls of the thin road share, however many answers they have. */
import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import type { Clock } from "../platform/clock.ts";
import type { Call, CallRequest } from "./call.ts";
import type { CallKind } from "./envelope.ts";
import { messageTooLarge } from "./errors.ts";
import type { Gate } from "./gate.ts";
import { type CodecShortcut, decodeMessage, type RequestMessage } from "./message-codec.ts";

export interface FailureReply {
  fail(error: ConnectError): void;
}

/** What takes calls whose answers go to an `R`. */
export interface ThinTarget<R extends FailureReply> {
  readonly kind: CallKind;
  /** Passes the gate, or throws the refusal as its caller gets it. */
  begin(request: CallRequest): Call;
  /**
   * Runs an admitted call to its end. `timeoutMs` counts from now. A message that is not the call's own is its owner's
   * again when this returns. `call.end` from outside, when the caller has left, ends it without a reply.
   */
  run(call: Call, message: RequestMessage, timeoutMs: number | undefined, reply: R): void;
}

export interface ThinRoadOptions {
  readonly gate: Gate;
  readonly clock: Clock;
  /** The largest message that a client may send. */
  readonly maxMessageBytes: number;
}

/** Ends an admitted call with its implementation's failure, and answers with it unless the caller has left. */
export function failCall(call: Call, error: unknown, reply: FailureReply): void {
  if (!call.hasEnded) refuseCall(call, call.failure(error), reply);
}

/** Ends an admitted call whose request is no good before its implementation has run. */
export function refuseCall(call: Call, refusal: ConnectError, reply: FailureReply): void {
  if (call.hasEnded) return;
  call.end(refusal);
  reply.fail(refusal);
}

/** What a call gets whose deadline has passed. */
export function timedOut(): ConnectError {
  return new ConnectError("the operation timed out", Code.DeadlineExceeded);
}

/** The request of an admitted call; throws the refusal. */
export function readRequest(
  { maxMessageBytes }: ThinRoadOptions,
  schema: DescMessage,
  message: RequestMessage,
  timeoutMs: number | undefined,
  shortcut?: CodecShortcut<DescMessage, DescMessage>,
): MessageShape<DescMessage> {
  if (message.length > maxMessageBytes) throw messageTooLarge(message.length, maxMessageBytes);
  const request = parse(schema, message, shortcut);
  if (timeoutMs !== undefined && timeoutMs <= 0) throw timedOut();
  return request;
}

function parse(
  schema: DescMessage,
  message: RequestMessage,
  shortcut: CodecShortcut<DescMessage, DescMessage> | undefined,
): MessageShape<DescMessage> {
  try {
    return decodeMessage(schema, message, shortcut);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConnectError(`parse binary: ${reason}`, Code.Internal);
  }
}
