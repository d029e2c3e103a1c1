/**
 * gRPC's plain calls with one request: from an HTTP/2 request to the thin road and back. A request that arrived whole and is
 * answered at once costs no promise; its answer leaves with all others of the same read.
 *
 * Failures are answered by trailers alone, as gRPC allows before anything else was sent.
 */
import type { ConnectError } from "@connectrpc/connect";
import { parseTimeout, setTrailerStatus } from "@connectrpc/connect/protocol-grpc";
import type { ConnectionPeer } from "../../auth/authenticator.ts";
import type { RequestListener, ServerRequest, ServerResponse } from "../../http2/api.ts";
import { encodeFields } from "../../http2/hpack/encoder.ts";
import type { Call, CallRequest } from "../../rpc/call.ts";
import { checkRequestFrame, envelopePrefixBytes, writeEnvelopePrefix } from "../../rpc/envelope.ts";
import { grpcTimeoutMs } from "../../rpc/grpc-timeout.ts";
import { type EncodedMessage, RequestMessage } from "../../rpc/message-codec.ts";
import type { ThinReply } from "../../rpc/thin.ts";
import { type FailureReply, refuseCall, type ThinTarget } from "../../rpc/thin-call.ts";
import type { ThinStreamReply } from "../../rpc/thin-stream.ts";
import { plainGrpcMessage } from "../grpc-message.ts";
import { headersOf, responseBlock, trailerBlock } from "./fields.ts";
import { type ThinRoadSettings, Upload } from "./upload.ts";

const contentType = "application/grpc+proto";
const plainHeaders = encodeFields([
  [":status", "200"],
  ["content-type", contentType],
]);
const plainTrailers = encodeFields([["grpc-status", "0"]]);

/** The message of the request at hand, which is used within the turn. */
const message = new RequestMessage();

/** Answers a request of `method`, whose encoding is not compressed, by what `replyTo` makes. Throws nothing. */
export function answerThinly<R extends FailureReply>(
  settings: ThinRoadSettings,
  method: ThinTarget<R>,
  replyTo: (call: Call, response: ServerResponse) => R,
  request: ServerRequest,
  response: ServerResponse,
): void {
  const timeout = request.fields.get("grpc-timeout");
  const timeoutMs = timeout === undefined ? undefined : grpcTimeoutMs(timeout);
  let call: Call;
  try {
    call = method.begin(new GrpcCallRequest(request, timeoutMs));
  } catch (refusal) {
    sendRefusal(response, refusal as ConnectError);
    return;
  }
  const reply = replyTo(call, response);
  if (timeout !== undefined && timeoutMs === undefined) {
    refuseCall(call, parseTimeout(timeout, Number.MAX_SAFE_INTEGER).error!, reply);
    return;
  }
  if (request.isWhole) runWhole(settings, method, request, call, reply, timeoutMs);
  else request.listen(new Upload(settings, method, request, call, reply));
}

class GrpcCallRequest implements CallRequest {
  readonly timeoutMs: number | undefined;
  readonly peer: ConnectionPeer;
  readonly #request: ServerRequest;

  constructor(request: ServerRequest, timeoutMs: number | undefined) {
    this.#request = request;
    this.timeoutMs = timeoutMs;
    this.peer = request.peer;
  }

  /** Of a repeated field, all values: no other road would go by the first one alone. */
  header(name: string): string | null {
    const { fields } = this.#request;
    let joined: string | null = null;
    for (let index = 0; index < fields.count; index++) {
      if (fields.name(index) !== name) continue;
      joined = joined === null ? fields.value(index) : `${joined}, ${fields.value(index)}`;
    }
    return joined;
  }

  headers(): Headers {
    return headersOf(this.#request.fields);
  }
}

/** For a method with one answer. */
export function unaryReply(call: Call, response: ServerResponse): ThinReply {
  return new UnaryReply(call, response);
}

/** For a method with many answers. */
export function streamReply(call: Call, response: ServerResponse): ThinStreamReply {
  return new StreamReply(call, response);
}

class UnaryReply implements ThinReply {
  readonly #call: Call;
  readonly #response: ServerResponse;

  constructor(call: Call, response: ServerResponse) {
    this.#call = call;
    this.#response = response;
  }

  succeed(message: EncodedMessage): void {
    const call = this.#call;
    const response = this.#response;
    const headers = headersFor(call);
    const trailers = trailersFor(call, undefined);
    if (message.lent.length === 0) {
      const start = beginEnvelope(message);
      response.answer(headers, message.bytes, start, envelopePrefixBytes + message.length, trailers);
    } else {
      response.sendHeaders(headers);
      sendMessage(response, message);
      response.sendTrailers(trailers);
    }
    message.release();
  }

  fail(error: ConnectError): void {
    sendFailure(this.#response, error, this.#call);
  }
}

class StreamReply implements ThinStreamReply {
  readonly #call: Call;
  readonly #response: ServerResponse;
  #hasBegun = false;

  constructor(call: Call, response: ServerResponse) {
    this.#call = call;
    this.#response = response;
  }

  send(message: EncodedMessage): Promise<boolean> | undefined {
    const response = this.#response;
    this.#begin();
    const isRoomLeft = sendMessage(response, message);
    return isRoomLeft || !response.isOpen ? undefined : response.whenWritable();
  }

  finish(): void {
    this.#begin();
    this.#response.sendTrailers(trailersFor(this.#call, undefined));
  }

  fail(error: ConnectError): void {
    if (this.#hasBegun) this.#response.sendTrailers(trailersFor(this.#call, error));
    else sendFailure(this.#response, error, this.#call);
  }

  #begin(): void {
    if (this.#hasBegun) return;
    this.#hasBegun = true;
    this.#response.sendHeaders(headersFor(this.#call));
  }
}

/** Whether more is welcome at once. */
function sendMessage(response: ServerResponse, message: EncodedMessage): boolean {
  const { bytes, lent, lentAt } = message;
  const start = beginEnvelope(message);
  const end = message.start + message.length - lent.length;
  if (lent.length === 0) return response.sendData(bytes, start, end - start);
  response.sendData(bytes, start, lentAt - start);
  response.sendData(lent.bytes, lent.start, lent.length);
  return response.sendData(bytes, lentAt, end - lentAt);
}

/** Writes the prefix, and returns where it begins. */
function beginEnvelope({ bytes, start, length }: EncodedMessage): number {
  writeEnvelopePrefix(bytes, start - envelopePrefixBytes, 0, length);
  return start - envelopePrefixBytes;
}

function headersFor(call: Call): Uint8Array {
  if (!call.hasResponseMetadata) return plainHeaders;
  return responseBlock(200, withContentType(call.responseHeaders));
}

function trailersFor(call: Call, error: ConnectError | undefined): Uint8Array {
  const { hasResponseMetadata } = call;
  if (error === undefined && !hasResponseMetadata) return plainTrailers;
  const trailers = new Headers(hasResponseMetadata ? call.responseTrailers : undefined);
  return trailerBlock(plainGrpcMessage(setTrailerStatus(trailers, error)));
}

/** Of calls that did not pass the gate: what refuses them for load is the same each time, and has to cost little. */
const refusalBlocks = new WeakMap<ConnectError, Uint8Array>();

function sendRefusal(response: ServerResponse, refusal: ConnectError): void {
  let block = refusalBlocks.get(refusal);
  if (block === undefined) refusalBlocks.set(refusal, (block = failureBlock(new Headers(), refusal)));
  response.sendHeaders(block, true);
}

function sendFailure(response: ServerResponse, error: ConnectError, call: Call): void {
  const headers = new Headers(call.hasResponseMetadata ? call.responseHeaders : undefined);
  if (call.hasResponseMetadata) {
    for (const [name, value] of call.responseTrailers) headers.set(name, value);
  }
  response.sendHeaders(failureBlock(headers, error), true);
}

/** Trailers alone, with these headers among them. */
function failureBlock(headers: Headers, error: ConnectError): Uint8Array {
  plainGrpcMessage(setTrailerStatus(withContentType(headers), error));
  return responseBlock(200, headers);
}

function withContentType(headers: Headers): Headers {
  headers.set("content-type", contentType);
  return headers;
}

function runWhole<R extends FailureReply>(
  { maxMessageBytes }: ThinRoadSettings,
  method: ThinTarget<R>,
  request: ServerRequest,
  call: Call,
  reply: R,
  timeoutMs: number | undefined,
): void {
  const { bytes, start, length } = request.body;
  try {
    checkRequestFrame(bytes, start, start + length, maxMessageBytes, method.kind);
  } catch (refusal) {
    refuseCall(call, refusal as ConnectError, reply);
    return;
  }
  message.set(bytes, start + envelopePrefixBytes, length - envelopePrefixBytes);
  method.run(call, message, timeoutMs, reply);
  if (!call.hasEnded) request.listen(new CallDeparture(call));
}

/** Ends a call whose caller takes it back. */
class CallDeparture implements RequestListener {
  readonly #call: Call;

  constructor(call: Call) {
    this.#call = call;
  }

  data(): void {
    // The body came whole.
  }

  end(): void {
    // The body came whole.
  }

  aborted(): void {
    this.#call.end(undefined);
  }
}
