/**
 * The gRPC port: HTTP/2 without TLS by `node:http2`. gRPC goes straight to the RPC handlers; everything else
 * (Connect, gRPC-Web, probes) goes to the HTTP application and its rules.
 */
import {
  constants,
  createServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type ServerHttp2Session,
} from "node:http2";
import type { AddressInfo } from "node:net";
import { universalRequestFromNodeRequest, universalResponseToNodeResponse } from "@connectrpc/connect-node";
import { getRequestListener } from "@hono/node-server";
import type { Hono } from "hono";
import type { RpcHandler } from "../rpc/bridge.ts";
import type { RpcObserver } from "../rpc/observer.ts";
import { type Listener, listenFailure } from "./listener.ts";
import type { ServerSettings } from "./settings.ts";

export interface GrpcListenerOptions {
  readonly settings: ServerSettings;
  readonly rpc: RpcHandler;
  readonly app: Hono;
  readonly observer: RpcObserver;
}

const grpcContentType = /^application\/grpc(?!-web)/i;

/** Rejects with UNAVAILABLE when the address cannot be had. */
export async function listenGrpc(options: GrpcListenerOptions): Promise<Listener> {
  const { settings, rpc, app, observer } = options;
  // Its own Request and Response would replace the global ones, which `Bun.serve` needs.
  const handleHttp = getRequestListener(app.fetch, { overrideGlobalObjects: false });
  const settingsFrame = { maxConcurrentStreams: settings.maxConcurrentStreams };
  const server = createServer({ settings: settingsFrame }, (request, response) => {
    // A stream that its peer resets is an end, not a failure; who handles it learns by its close.
    request.stream.on("error", () => undefined);
    // What an answer did not wait for is not worth its memory: a body too large, or one that nobody asked for.
    response.on("finish", () => request.stream.readableEnded || request.stream.close(constants.NGHTTP2_NO_ERROR));
    if (grpcContentType.test(request.headers["content-type"] ?? "")) void answer(rpc, request, response);
    else void handleHttp(request, response);
  });
  const sessions = new Set<ServerHttp2Session>();
  server.on("session", (session) => {
    session.on("error", () => session.destroy());
    if (sessions.size >= settings.maxConnections) {
      observer.requestRejected("connection_limit");
      session.destroy(undefined, constants.NGHTTP2_ENHANCE_YOUR_CALM);
      return;
    }
    sessions.add(session);
    session.on("close", () => sessions.delete(session));
  });

  await listening(server, settings);
  return {
    port: (server.address() as AddressInfo).port,
    stopAccepting: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
      }),
    destroy: () => {
      server.close();
      for (const session of sessions) session.destroy();
    },
  };
}

function listening(
  server: ReturnType<typeof createServer>,
  { host, grpcPort }: ServerSettings,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: unknown) =>
      reject(listenFailure(error, host, grpcPort, "--grpc-port or server.port"));
    server.once("error", fail);
    server.listen(grpcPort, host, () => {
      server.off("error", fail);
      server.on("error", () => undefined);
      resolve();
    });
  });
}

async function answer(
  rpc: RpcHandler,
  request: Http2ServerRequest,
  response: Http2ServerResponse,
): Promise<void> {
  try {
    const universal = universalRequestFromNodeRequest(request, response, undefined, undefined);
    await universalResponseToNodeResponse(await rpc(universal), response);
  } catch {
    // The caller is gone, or the request is none: there is nobody to tell, and nothing is left to do but this.
    response.stream?.close(constants.NGHTTP2_INTERNAL_ERROR);
  }
}
