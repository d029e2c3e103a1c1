/** `@pairdb/client/web`: gRPC-web by `fetch`, for browsers, and wherever else there is a `fetch`. */
import type { Transport } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";

/**
 * To the node's HTTP port: `http://127.0.0.1:9091`. It has to know the page's origin (`server.cors_origins`). There is
 * nothing to close: the browser keeps its connections by itself.
 */
export function webTransport(baseUrl: string): Transport {
  return createGrpcWebTransport({ baseUrl });
}
