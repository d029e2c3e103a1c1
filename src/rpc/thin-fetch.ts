/**
 * The thin road over fetch's Request and Response: unary calls by Connect and gRPC-Web with protobuf, uncompressed and
 * of a length that was announced. Everything else takes the bridge, which answers the same.
 */
import type { ConnectError } from "@connectrpc/connect";
import {
  codeToHttpStatus,
  errorToJsonBytes,
  parseTimeout as parseConnectTimeout,
} from "@connectrpc/connect/protocol-connect";
import { parseTimeout as parseGrpcTimeout } from "@connectrpc/connect/protocol-grpc";
import { setTrailerStatus, trailerFlag, trailerSerialize } from "@connectrpc/connect/protocol-grpc-web";
import type { Clock } from "../platform/clock.ts";
import type { Call } from "./call.ts";
import { envelope, envelopePrefixBytes, unaryMessage } from "./envelope.ts";
import { bodyTooSlow } from "./read-timeout.ts";
import { failCall, type ThinMethod, type ThinRoad, timedOut } from "./thin.ts";

export interface ThinFetchOptions {
  readonly road: ThinRoad;
  readonly clock: Clock;
  readonly maxMessageBytes: number;
  /** From a request's first byte to its last. */
  readonly readTimeoutMs: number;
  /** Then the bridge answers those who accept compression. */
  readonly compressReplies: boolean;
}

/** How one of the two protocols carries a unary call. */
interface UnaryProtocol {
  readonly encodingHeader: string;
  readonly timeoutHeader: string;
  readonly parseTimeout: typeof parseGrpcTimeout;
  readonly prefixBytes: number;
  message(body: Uint8Array, maxMessageBytes: number): Uint8Array;
  success(message: Uint8Array): Response;
  failure(error: ConnectError): Response;
}

const connectHeaders = { "content-type": "application/proto" };
const connectErrorHeaders = { "content-type": "application/json" };
const grpcWebHeaders = { "content-type": "application/grpc-web+proto" };

const connect: UnaryProtocol = {
  encodingHeader: "content-encoding",
  timeoutHeader: "connect-timeout-ms",
  parseTimeout: parseConnectTimeout,
  prefixBytes: 0,
  message: (body) => body,
  success: (message) => new Response(message as Uint8Array<ArrayBuffer>, { headers: connectHeaders }),
  failure: (error) =>
    new Response(errorToJsonBytes(error, undefined) as Uint8Array<ArrayBuffer>, {
      status: codeToHttpStatus(error.code),
      headers: connectErrorHeaders,
    }),
};

const grpcWebSuccess = envelope(trailerFlag, trailerSerialize(setTrailerStatus(new Headers(), undefined)));

const grpcWeb: UnaryProtocol = {
  encodingHeader: "grpc-encoding",
  timeoutHeader: "grpc-timeout",
  parseTimeout: parseGrpcTimeout,
  prefixBytes: envelopePrefixBytes,
  message: (body, maxMessageBytes) => unaryMessage(body, 0, body.length, maxMessageBytes),
  success: (message) =>
    new Response(Buffer.concat([envelope(0, message), grpcWebSuccess]), { headers: grpcWebHeaders }),
  failure: (error) =>
    new Response(envelope(trailerFlag, trailerSerialize(setTrailerStatus(new Headers(), error))), {
      headers: grpcWebHeaders,
    }),
};

const protocols: Readonly<Record<string, UnaryProtocol | undefined>> = {
  "application/proto": connect,
  "application/grpc-web": grpcWeb,
  "application/grpc-web+proto": grpcWeb,
};

/** Answers a POST of a method's path, or `undefined` where the bridge has to. Never rejects. */
export type ThinFetch = (request: Request, path: string) => Promise<Response> | undefined;

export function createThinFetch(options: ThinFetchOptions): ThinFetch {
  return (request, path) => {
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
    return answer(options, request, method, protocol);
  };
}

async function answer(
  options: ThinFetchOptions,
  request: Request,
  method: ThinMethod,
  protocol: UnaryProtocol,
): Promise<Response> {
  let call: Call;
  try {
    call = method.begin();
  } catch (refusal) {
    return protocol.failure(refusal as ConnectError);
  }
  const startedMs = options.clock.monotonicMs();
  const timeout = protocol.parseTimeout(request.headers.get(protocol.timeoutHeader), Number.MAX_SAFE_INTEGER);
  let message: Uint8Array;
  try {
    if (timeout.error !== undefined) throw timeout.error;
    const body = await readBody(options, request, timeout.timeoutMs);
    if (body === undefined) return abandoned(call);
    message = protocol.message(body, options.maxMessageBytes);
  } catch (error) {
    return new Promise((resolve) => failCall(call, error, reply(protocol, resolve)));
  }
  const { timeoutMs } = timeout;
  const remainingMs =
    timeoutMs === undefined ? undefined : timeoutMs - (options.clock.monotonicMs() - startedMs);
  return new Promise((resolve) => {
    method.run(call, message, remainingMs, reply(protocol, resolve));
    if (call.hasEnded) return;
    request.signal.addEventListener("abort", () => resolve(abandoned(call)), { once: true });
  });
}

function reply(protocol: UnaryProtocol, resolve: (response: Response) => void) {
  return {
    succeed: (message: Uint8Array) => resolve(protocol.success(message)),
    fail: (error: ConnectError) => resolve(protocol.failure(error)),
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
