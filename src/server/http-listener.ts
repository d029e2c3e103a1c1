/** The HTTP port: `Bun.serve` in front of the HTTP application. */
import type { Hono } from "hono";
import { type Listener, listenFailure } from "./listener.ts";

/** Throws UNAVAILABLE when the address cannot be had. */
export function listenHttp(app: Hono, host: string, port: number): Listener {
  const server = serve(app, host, port);
  return {
    port: server.port ?? port,
    stopAccepting: () => server.stop(false),
    destroy: () => void server.stop(true).catch(() => undefined),
  };
}

function serve(app: Hono, host: string, port: number) {
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
      fetch: (request) => app.fetch(request),
    });
  } catch (error) {
    throw listenFailure(error, host, port, "--http-port or http.port");
  }
}
