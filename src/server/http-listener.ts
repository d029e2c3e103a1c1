/** The HTTP port: `Bun.serve` in front of whatever answers its requests. */
import type { TlsMaterial } from "../http2/tls.ts";
import { type Listener, listenFailure } from "./listener.ts";

export type HttpHandler = (request: Request) => Response | Promise<Response>;

export interface HttpListener extends Listener {
  /** From now on each answer is the last one on its connection, so that no request meets the end of one. */
  announceEnd(): void;
}

/** Throws UNAVAILABLE when the address cannot be had. */
export function listenHttp(
  handler: HttpHandler,
  host: string,
  port: number,
  tls: TlsMaterial | undefined,
): HttpListener {
  let isEnding = false;
  const server = serve(
    (request) => (isEnding ? answerLast(handler, request) : handler(request)),
    host,
    port,
    tls,
  );
  return {
    port: server.port ?? port,
    announceEnd: () => {
      isEnding = true;
    },
    stopAccepting: () => server.stop(false),
    destroy: () => void server.stop(true).catch(() => undefined),
  };
}

async function answerLast(handler: HttpHandler, request: Request): Promise<Response> {
  const response = await handler(request);
  response.headers.set("connection", "close");
  return response;
}

function serve(handler: HttpHandler, host: string, port: number, tls: TlsMaterial | undefined) {
  try {
    return Bun.serve({
      hostname: host,
      port,
      // A quiet stream is not cut; slow bodies are bounded where they are read.
      idleTimeout: 0,
      // The RPC handlers refuse what is too large by its length, before they read it, and say how much is allowed.
      maxRequestBodySize: Number.MAX_SAFE_INTEGER,
      development: false,
      // Outside of development the runtime would share the port with whoever has it already.
      reusePort: false,
      ...(tls === undefined ? {} : { tls: { key: tls.key, cert: tls.certificate } }),
      fetch: handler,
    });
  } catch (error) {
    throw listenFailure(error, host, port, "--http-port or http.port");
  }
}
