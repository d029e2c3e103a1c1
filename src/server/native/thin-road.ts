/**
 * gRPC's plain unary calls: from an HTTP/2 request to the thin road and back. A request that arrived whole and is
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
import { checkUnaryFrame, envelopePrefixBytes, writeEnvelopePrefix } from "../../rpc/envelope.ts";
import { grpcTimeoutMs } from "../../rpc/grpc-timeout.ts";
import { type EncodedMessage, messageArrays, RequestMessage } from "../../rpc/message-codec.ts";
import { refuseCall, type ThinMethod, type ThinReply } from "../../rpc/thin.ts";
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

/** Answers a request of `method`, whose encoding is not compressed. Throws nothing. */
export function answerThinly(
  settings: ThinRoadSettings,
  method: ThinMethod,
  request: ServerRequest,
  response: ServerResponse,
): void {
  const timeout = request.fields.get("grpc-timeout");
  const timeoutMs = timeout === undefined ? undefined : grpcTimeoutMs(timeout);
  let call: Call;
  try {
    call = method.begin(new GrpcCallRequest(request, timeoutMs));
  } catch (refusal) {
    sendFailure(response, refusal as ConnectError, undefined);
    return;
  }
  const reply = new GrpcReply(call, response);
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

  header(name: string): string | null {
    return this.#request.fields.get(name) ?? null;
  }

  headers(): Headers {
    return headersOf(this.#request.fields);
  }
}

class GrpcReply implements ThinReply {
  readonly #call: Call;
  readonly #response: ServerResponse;

  constructor(call: Call, response: ServerResponse) {
    this.#call = call;
    this.#response = response;
  }

  succeed(message: EncodedMessage): void {
    const call = this.#call;
    const response = this.#response;
    let headers = plainHeaders;
    let trailers = plainTrailers;
    if (call.hasResponseMetadata) {
      headers = responseBlock(200, withContentType(call.responseHeaders));
      trailers = trailerBlock(setTrailerStatus(new Headers(call.responseTrailers), undefined));
    }
    const { bytes } = message;
    const start = message.start - envelopePrefixBytes;
    const length = envelopePrefixBytes + message.length;
    writeEnvelopePrefix(bytes, start, 0, message.length);
    if (!message.isOwn) {
      response.answer(headers, bytes, start, length, trailers);
      return;
    }
    response.sendHeaders(headers);
    response.giveData(bytes, start, length, false, messageArrays);
    response.sendTrailers(trailers);
  }

  fail(error: ConnectError): void {
    sendFailure(this.#response, error, this.#call);
  }
}

function sendFailure(response: ServerResponse, error: ConnectError, call: Call | undefined): void {
  const headers = new Headers(call?.hasResponseMetadata === true ? call.responseHeaders : undefined);
  if (call?.hasResponseMetadata === true) {
    for (const [name, value] of call.responseTrailers) headers.set(name, value);
  }
  plainGrpcMessage(setTrailerStatus(withContentType(headers), error));
  response.sendHeaders(responseBlock(200, headers), true);
}

function withContentType(headers: Headers): Headers {
  headers.set("content-type", contentType);
  return headers;
}

function runWhole(
  { maxMessageBytes }: ThinRoadSettings,
  method: ThinMethod,
  request: ServerRequest,
  call: Call,
  reply: ThinReply,
  timeoutMs: number | undefined,
): void {
  const { bytes, start, length } = request.body;
  try {
    checkUnaryFrame(bytes, start, start + length, maxMessageBytes);
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
