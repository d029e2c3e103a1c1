/** `@pairdb/client/node`: gRPC over HTTP/2, for Node and Bun. */
import type { Transport } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";

export interface GrpcTransportOptions {
  /** What `node:tls` takes: `ca`, and `cert` and `key` where the node asks for a client certificate. */
  readonly tls?: ConstructorParameters<typeof Http2SessionManager>[2];
}

export interface GrpcTransport extends Transport {
  /** Closes the connection; calls under way end with it. */
  close(): void;
}

/** Finds a connection that is dead without having said so. */
const pings = { pingIntervalMs: 30_000, pingTimeoutMs: 10_000 };

/** To the node's gRPC port: `http://127.0.0.1:50052`, or `https:` with TLS. Connects with the first call. */
export function grpcTransport(baseUrl: string, options: GrpcTransportOptions = {}): GrpcTransport {
  const sessionManager = new Http2SessionManager(baseUrl, pings, options.tls);
  const transport = createGrpcTransport({ baseUrl, sessionManager });
  return { ...transport, close: () => sessionManager.abort() };
}
