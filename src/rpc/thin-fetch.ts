/**
 * The thin road over fetch's Request and Response: unary calls by Connect and gRPC-Web with protobuf, uncompressed and
 * of a length that was announced. Everything else takes the bridge, which answers the same.
 */
import type { Registry } from "@bufbuild/protobuf";
import type { ConnectError } from "@connectrpc/connect";
import {
  codeToHttpStatus,
  errorToJsonBytes,
  parseTimeout as parseConnectTimeout,
  trailerMux,
} from "@connectrpc/connect/protocol-connect";
import { parseTimeout as parseGrpcTimeout } from "@connectrpc/connect/protocol-grpc";
import { setTrailerStatus, trailerFlag, trailerSerialize } from "@connectrpc/connect/protocol-grpc-web";
import type { ConnectionPeer } from "../auth/authenticator.ts";
import type { Clock } from "../platform/clock.ts";
import type { Call } from "./call.ts";
import { checkRequestFrame, envelope, envelopePrefixBytes } from "./envelope.ts";
import { type EncodedMessage, RequestMessage } from "./message-codec.ts";
import { bodyTooSlow } from "./read-timeout.ts";
import type { ThinMethod, ThinReply, ThinRoad } from "./thin.ts";
import { refuseCall, timedOut } from "./thin-call.ts";

export interface ThinFetchOptions {
  readonly road: ThinRoad;
  readonly clock: Clock;
  readonly maxMessageBytes: number;
  /** From a request's first byte to its last. */
  readonly readTimeoutMs: number;
  /** Then the bridge answers those who accept compression. */
  readonly compressReplies: boolean;
  /** Types that JSON can show where one stands inside an Any. */
  readonly registry: Registry;
}

/** How one of the two protocols carries a unary call. */
interface UnaryProtocol {
  readonly encodingHeader: string;
  readonly timeoutHeader: string;
  readonly parseTimeout: typeof parseGrpcTimeout;
  readonly prefixBytes: number;
  message(body: Uint8Array, maxMessageBytes: number): RequestMessage;
  success(message: EncodedMessage, call: Call): Response;
  failure(error: ConnectError, call: Call | undefined, registry: Registry): Response;
}

const connect: UnaryProtocol = {
  encodingHeader: "content-encoding",
  timeoutHeader: "connect-timeout-ms",
  parseTimeout: parseConnectTimeout,
  prefixBytes: 0,
  message: (body) => ownMessage(body, 0),
  success: (message, call) =>
    new Response(message.take(), { headers: connectHeaders("application/proto", call) }),
  failure: (error, call, registry) =>
    new Response(errorToJsonBytes(error, { registry }) as Uint8Array<ArrayBuffer>, {
      status: codeToHttpStatus(error.code),
      headers: withMetadata(connectHeaders("application/json", call), error),
    }),
};

/** What of a body follows after its first bytes; a body was read for its call alone. */
function ownMessage(body: Uint8Array, start: number): RequestMessage {
  const message = new RequestMessage(body, start, body.length - start);
  message.isOwn = true;
  return message;
}

/** Connect sends a unary call's trailers as headers of another name. */
function connectHeaders(contentType: string, call: Call | undefined): Headers | Record<string, string> {
  if (call === undefined || !call.hasResponseMetadata) return { "content-type": contentType };
  const headers = trailerMux(call.responseHeaders, call.responseTrailers);
  headers.set("content-type", contentType);
  return headers;
}

function withMetadata(headers: Headers | Record<string, string>, { metadata }: ConnectError): Headers {
  const all = new Headers(headers);
  for (const [name, value] of metadata) all.set(name, value);
  return all;
}

const grpcWebContentType = "application/grpc-web+proto";

const grpcWeb: UnaryProtocol = {
  encodingHeader: "grpc-encoding",
  timeoutHeader: "grpc-timeout",
  parseTimeout: parseGrpcTimeout,
  prefixBytes: envelopePrefixBytes,
  message: (body, maxMessageBytes) => {
    checkRequestFrame(body, 0, body.length, maxMessageBytes, "unary", trailerFlag);
    return ownMessage(body, envelopePrefixBytes);
  },
  success: (message, call) =>
    new Response(Buffer.concat([envelope(0, message.take()), grpcWebTrailers(undefined, call)]), {
      headers: grpcWebHeaders(call),
    }),
  failure: (error, call) => new Response(grpcWebTrailers(error, call), { headers: grpcWebHeaders(call) }),
};

function grpcWebHeaders(call: Call | undefined): Headers | Record<string, string> {
  if (call === undefined || !call.hasResponseMetadata) return { "content-type": grpcWebContentType };
  const headers = new Headers(call.responseHeaders);
  headers.set("content-type", grpcWebContentType);
  return headers;
}

const plainSuccess = trailersEnvelope(setTrailerStatus(new Headers(), undefined));

function grpcWebTrailers(error: ConnectError | undefined, call: Call | undefined): Uint8Array<ArrayBuffer> {
  const hasMetadata = call?.hasResponseMetadata ?? false;
  if (error === undefined && !hasMetadata) return plainSuccess;
  return trailersEnvelope(setTrailerStatus(new Headers(hasMetadata ? call!.responseTrailers : {}), error));
}

function trailersEnvelope(trailers: Headers): Uint8Array<ArrayBuffer> {
  return envelope(trailerFlag, trailerSerialize(trailers));
}

const protocols: Readonly<Record<string, UnaryProtocol | undefined>> = {
  "application/proto": connect,
  "application/grpc-web": grpcWeb,
  "application/grpc-web+proto": grpcWeb,
};

/** Answers a POST of a method's path, or `undefined` where the bridge has to. Never rejects. */
export type ThinFetch = (
  request: Request,
  path: string,
  peer?: ConnectionPeer,
) => Promise<Response> | undefined;

export function createThinFetch(options: ThinFetchOptions): ThinFetch {
  return (request, path, peer) => {
    const method = options.road.method(path);
    const { headers } = request;
    const protocol = protocols[headers.get("content-type") ?? ""];
    if (method === undefined || protocol === undefined) return undefined;
    const encoding = headers.get(protocol.encodingHeader);
    if (encoding !== null && encoding !== "identity") return undefined;
    if (options.compressReplies && headers.has("accept-encoding")) return undefined;
    const announcedBytes = headers.get("content-length");
    if (announcedBytes === null) return undefined;
    if (Number(announcedBytes) > options.maxMessageBytes + protocol.prefixBytes) return undefined;
    return answer(options, { request, peer }, method, protocol);
  };
}

async function answer(
  options: ThinFetchOptions,
  { request, peer }: { readonly request: Request; readonly peer: ConnectionPeer | undefined },
  method: ThinMethod,
  protocol: UnaryProtocol,
): Promise<Response> {
  const { headers } = request;
  const timeout = protocol.parseTimeout(headers.get(protocol.timeoutHeader), Number.MAX_SAFE_INTEGER);
  const { timeoutMs } = timeout;
  let call: Call;
  try {
    call = method.begin({ header: (name) => headers.get(name), headers: () => headers, peer, timeoutMs });
  } catch (refusal) {
    return protocol.failure(refusal as ConnectError, undefined, options.registry);
  }
  const startedMs = options.clock.monotonicMs();
  let message: RequestMessage;
  try {
    if (timeout.error !== undefined) throw timeout.error;
    const body = await readBody(options, request, timeoutMs);
    if (body === undefined) return abandoned(call);
    message = protocol.message(body, options.maxMessageBytes);
  } catch (error) {
    return new Promise((resolve) =>
      refuseCall(call, error as ConnectError, reply(options, protocol, call, resolve)),
    );
  }
  const remainingMs =
    timeoutMs === undefined ? undefined : timeoutMs - (options.clock.monotonicMs() - startedMs);
  return new Promise((resolve) => {
    method.run(call, message, remainingMs, reply(options, protocol, call, resolve));
    if (call.hasEnded) return;
    request.signal.addEventListener("abort", () => resolve(abandoned(call)), { once: true });
  });
}

function reply(
  { registry }: ThinFetchOptions,
  protocol: UnaryProtocol,
  call: Call,
  resolve: (response: Response) => void,
): ThinReply {
  return {
    succeed: (message) => resolve(protocol.success(message, call)),
    fail: (error) => resolve(protocol.failure(error, call, registry)),
  };
}

/** Nobody gets this response. */
function abandoned(call: Call): Response {
  call.end(undefined);
  return new Response(undefined, { status: 499 });
}

/** The whole body, or `undefined` where the caller left before its end. Rejects where it takes too long. */
function readBody(
  { clock, readTimeoutMs }: ThinFetchOptions,
  request: Request,
  timeoutMs: number | undefined,
): Promise<Uint8Array | undefined> {
  const isDeadlineFirst = timeoutMs !== undefined && timeoutMs < readTimeoutMs;
  return new Promise((resolve, reject) => {
    const timer = clock.after(isDeadlineFirst ? timeoutMs : readTimeoutMs, () =>
      reject(isDeadlineFirst ? timedOut() : bodyTooSlow(readTimeoutMs)),
    );
    request.arrayBuffer().then(
      (body) => {
        timer.cancel();
        resolve(new Uint8Array(body));
      },
      () => {
        timer.cancel();
        resolve(undefined);
      },
    );
  });
}
