/**
 * The HTTP port: `Bun.serve` in front of whatever answers its requests.
 *
 * A server of this runtime keeps the certificate that it began with. So a new certificate is served by a new server on
 * the same port, beside the earlier one, which says `connection: close` with each answer and ends once its clients have
 * had time to hear that. Sharing a port has to be asked for from the start; that nobody else has the port is found out
 * before.
 */
import type { Server } from "bun";
import type { TlsMaterial } from "../http2/tls.ts";
import type { Clock } from "../platform/clock.ts";
import { type Listener, listenFailure } from "./listener.ts";
import type { TlsSource } from "./tls-source.ts";

export type HttpHandler = (request: Request) => Response | Promise<Response>;

export interface HttpListenerOptions {
  readonly handle: HttpHandler;
  readonly host: string;
  readonly port: number;
  readonly tls: TlsSource | undefined;
  readonly clock: Clock;
  /** Told when a new certificate could not be served; the earlier one still is. */
  readonly failed: (error: unknown) => void;
}

export interface HttpListener extends Listener {
  /** From now on each answer is the last one on its connection, so that no request meets the end of one. */
  announceEnd(): void;
}

/** How long a server goes on beside the one with the new certificate. */
const overlapMs = 2000;

/** Throws UNAVAILABLE when the address cannot be had. */
export function listenHttp(options: HttpListenerOptions): HttpListener {
  const { tls, clock, failed } = options;
  let current = tls === undefined ? new Generation(options) : firstOfMany(options, tls.current);
  const { port } = current;
  const generations = new Set([current]);
  /** Answers are the last ones on their connections, and new connections still come. */
  let isAnnounced = false;
  let isEnding = false;
  tls?.onChange((material) => {
    // Nobody new is to come.
    if (isEnding) return;
    const earlier = current;
    try {
      current = new Generation({ ...options, port }, material);
    } catch (error) {
      failed(error);
      return;
    }
    generations.add(current);
    if (isAnnounced) current.announceEnd();
    earlier.announceEnd();
    clock.after(overlapMs, () => {
      earlier.stopAccepting().then(() => generations.delete(earlier), failed);
    });
  });
  return {
    port,
    announceEnd: () => {
      isAnnounced = true;
      current.announceEnd();
    },
    stopAccepting: async () => {
      isEnding = true;
      await Promise.all([...generations].map((generation) => generation.stopAccepting()));
    },
    destroy: () => {
      isEnding = true;
      for (const generation of generations) generation.destroy();
    },
  };
}

/** Servers that share a port would share it with a stranger too, so whether it is free has to be tried without. */
function firstOfMany(options: HttpListenerOptions, material: TlsMaterial): Generation {
  const trial = new Generation(options);
  trial.destroy();
  return new Generation({ ...options, port: trial.port }, material);
}

class Generation {
  readonly port: number;
  readonly #server: Server<undefined>;
  #isEnding = false;

  /** With `material`, others may follow on the same port. */
  constructor({ handle, host, port }: HttpListenerOptions, material?: TlsMaterial) {
    const answer: HttpHandler = (request) => (this.#isEnding ? answerLast(handle, request) : handle(request));
    this.#server = serve(answer, host, port, material);
    this.port = this.#server.port ?? port;
  }

  announceEnd(): void {
    this.#isEnding = true;
  }

  stopAccepting(): Promise<void> {
    return this.#server.stop(false);
  }

  destroy(): void {
    this.#server.stop(true).catch(() => undefined);
  }
}

async function answerLast(handle: HttpHandler, request: Request): Promise<Response> {
  const response = await handle(request);
  response.headers.set("connection", "close");
  return response;
}

function serve(
  fetch: HttpHandler,
  hostname: string,
  port: number,
  tls: TlsMaterial | undefined,
): Server<undefined> {
  try {
    return Bun.serve({
      hostname,
      port,
      // A quiet stream is not cut; slow bodies are bounded where they are read.
      idleTimeout: 0,
      // The RPC handlers refuse what is too large by its length, before they read it, and say how much is allowed.
      maxRequestBodySize: Number.MAX_SAFE_INTEGER,
      development: false,
      // Outside of development the runtime would share the port with whoever has it already.
      reusePort: tls !== undefined,
      ...(tls === undefined ? {} : { tls: { key: tls.key, cert: tls.certificate } }),
      fetch,
    });
  } catch (error) {
    throw listenFailure(error, hostname, port, "--http-port or http.port");
  }
}
