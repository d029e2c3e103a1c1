import { type ClientHttp2Session, connect, type IncomingHttpHeaders } from "node:http2";
import type { ConnectError } from "@connectrpc/connect";
import { findTrailerError } from "@connectrpc/connect/protocol-grpc";

export interface RawAnswer {
  readonly httpStatus: number;
  /** "0" for success; undefined where the answer is not gRPC's. */
  readonly grpcStatus: string | undefined;
  /** With its details; undefined for success. */
  readonly error: ConnectError | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: Uint8Array;
}

/** An HTTP/2 connection on which any bytes can be sent as a call. */
export class RawGrpcConnection {
  readonly session: ClientHttp2Session;

  constructor(url: string) {
    this.session = connect(url);
    this.session.on("error", () => undefined);
  }

  /** Sends `body` as it is; see `envelope`. */
  call(path: string, body: Uint8Array, headers: Record<string, string> = {}): Promise<RawAnswer> {
    const stream = this.session.request({
      ":method": "POST",
      ":path": path,
      "content-type": "application/grpc",
      te: "trailers",
      ...headers,
    });
    return new Promise((resolve, reject) => {
      const chunks: Uint8Array[] = [];
      let responseHeaders: IncomingHttpHeaders = {};
      let trailers: IncomingHttpHeaders = {};
      stream.on("response", (received) => {
        responseHeaders = received;
      });
      stream.on("trailers", (received) => {
        trailers = received;
      });
      stream.on("data", (chunk: Uint8Array) => chunks.push(chunk));
      stream.on("error", reject);
      stream.on("end", () => resolve(answerOf(responseHeaders, trailers, Buffer.concat(chunks))));
      stream.end(body);
    });
  }

  close(): void {
    this.session.destroy();
  }
}

function answerOf(headers: IncomingHttpHeaders, trailers: IncomingHttpHeaders, body: Uint8Array): RawAnswer {
  const status = new Headers();
  for (const [name, value] of Object.entries({ ...headers, ...trailers })) {
    if (!name.startsWith(":")) status.set(name, String(value));
  }
  return {
    httpStatus: Number(headers[":status"]),
    grpcStatus: status.get("grpc-status") ?? undefined,
    error: findTrailerError(status),
    headers,
    body,
  };
}

/** A message with gRPC's prefix; `length` may lie. */
export function envelope(message: Uint8Array, flags = 0, length = message.length): Uint8Array {
  const bytes = new Uint8Array(5 + message.length);
  bytes[0] = flags;
  new DataView(bytes.buffer).setUint32(1, length);
  bytes.set(message, 5);
  return bytes;
}
