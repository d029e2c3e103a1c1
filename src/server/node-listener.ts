/**
 * The gRPC port on the runtime's own `node:http2`: slower by far than `native/`, and by other hands, so
 * that tests hold one against the other. gRPC goes straight to the RPC handlers; everything else
 * (Connect, gRPC-Web, probes) goes to the HTTP application and its rules.
 */
import {
  constants,
  createSecureServer,
  createServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import type { AddressInfo, Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import type { UniversalServerRequest, UniversalServerResponse } from "@connectrpc/connect/protocol";
import { universalRequestFromNodeRequest, universalResponseToNodeResponse } from "@connectrpc/connect-node";
import { getRequestListener } from "@hono/node-server";
import type { ConnectionPeer } from "../auth/authenticator.ts";
import type { PeerNames } from "../auth/certificates.ts";
import { StorageError } from "../base/errors.ts";
import type { Http2Observer } from "../http2/observer.ts";
import type { TlsMaterial } from "../http2/tls.ts";
import { contextOfPeer } from "../rpc/bridge.ts";
import { isGrpc } from "../rpc/content-types.ts";
import type { RpcObserver } from "../rpc/observer.ts";
import type { Edge } from "./edge.ts";
import { plainGrpcMessage } from "./grpc-message.ts";
import { type Listener, listenFailure } from "./listener.ts";
import type { ServerSettings } from "./settings.ts";

export interface NodeListenerOptions {
  readonly settings: ServerSettings;
  readonly edge: Edge;
  readonly observer: RpcObserver;
  readonly http2Observer: Http2Observer;
}

/** Rejects with UNAVAILABLE when the address cannot be had. */
export async function listenNode(options: NodeListenerOptions): Promise<Listener> {
  const { settings, edge, observer, http2Observer } = options;
  // Its own Request and Response would replace the global ones, which `Bun.serve` needs.
  const handleHttp = getRequestListener(
    (request, { incoming }) =>
      edge.handleOnGrpcPort(request, peerOf((incoming as Http2ServerRequest).stream)),
    { overrideGlobalObjects: false },
  );
  const server = create(settings, (request, response) => {
    // A stream that its peer resets is an end, not a failure; who handles it learns by its close.
    request.stream.on("error", () => undefined);
    stopUploadAfterAnswer(request.stream);
    if (isGrpc(request.headers["content-type"] ?? "")) void answer(options, request, response);
    else void handleHttp(request, response);
  });
  const sessions = new Set<ServerHttp2Session>();
  server.on("session", (session) => {
    session.on("error", () => session.destroy());
    if (sessions.size >= settings.maxConnections) {
      http2Observer.connectionRefused("connection_limit");
      session.destroy(undefined, constants.NGHTTP2_ENHANCE_YOUR_CALM);
      return;
    }
    if (isStranger(session.socket)) {
      http2Observer.connectionRefused("tls_client_certificate");
      session.destroy();
      return;
    }
    sessions.add(session);
    session.on("close", () => sessions.delete(session));
  });

  await listening(server, settings);
  server.on("error", (error) => observer.callFailed("accept", "", error, "INTERNAL"));
  return {
    port: (server.address() as AddressInfo).port,
    stopAccepting: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
      }),
    destroy: () => {
      server.close();
      // With an error, since callers who wait on a connection that ends without one may go on waiting.
      const reason = new StorageError("UNAVAILABLE", "the node is stopping");
      for (const session of sessions) session.destroy(reason);
    },
  };
}

function create(
  { maxConcurrentStreams, tls }: ServerSettings,
  handle: (request: Http2ServerRequest, response: Http2ServerResponse) => void,
) {
  const settings = { maxConcurrentStreams };
  if (tls === undefined) return createServer({ settings }, handle);
  const server = createSecureServer({ settings, ...secureOptions(tls.current) }, handle);
  tls.onChange((material) => server.setSecureContext(secureOptions(material)));
  return server;
}

function secureOptions({ key, certificate: cert, clients }: TlsMaterial) {
  if (clients === undefined) return { key, cert };
  const { authority: ca, areRequired: rejectUnauthorized } = clients;
  return { key, cert, ca, requestCert: true, rejectUnauthorized };
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
      resolve();
    });
  });
}

/**
 * A refused call is answered before its body was read. Its caller is told to stop sending, and what came is let go
 * of: unread bytes would hold the stream open and use up the connection.
 */
function stopUploadAfterAnswer(stream: ServerHttp2Stream): void {
  stream.on("finish", () => {
    if (!stream.readableEnded) stream.close(constants.NGHTTP2_NO_ERROR);
  });
}

async function answer(
  { edge, observer }: NodeListenerOptions,
  request: Http2ServerRequest,
  response: Http2ServerResponse,
): Promise<void> {
  const { stream } = request;
  const universal = universalRequest(request, response);
  if (universal === undefined) {
    observer.requestRejected("malformed");
    response.writeHead(400).end();
    return;
  }
  try {
    await universalResponseToNodeResponse(withPlainMessage(await edge.rpc(universal)), response);
  } catch (error) {
    // Whoever left does not wait for an answer.
    if (stream.closed || stream.destroyed) return;
    observer.callFailed(request.url, "", error, "INTERNAL");
    // Unlike `close`, this resets a stream that is still being sent.
    stream.destroy(new StorageError("INTERNAL", "the answer failed", { cause: error }));
  }
}

const peers = new WeakMap<object, ConnectionPeer>();

/** One and the same for all requests of a session. */
function peerOf({ session }: ServerHttp2Stream): ConnectionPeer {
  const known = session === undefined ? undefined : peers.get(session);
  if (known !== undefined) return known;
  const socket = session?.socket;
  const peer = { address: socket?.remoteAddress ?? "", certificate: certificateOf(socket) };
  if (session !== undefined) peers.set(session, peer);
  return peer;
}

/** Shows a certificate that nobody vouches for. The socket is a proxy that does not tell what it has. */
function isStranger(socket: Socket | TLSSocket): boolean {
  const secured = socket as Partial<TLSSocket>;
  if (secured.getPeerCertificate === undefined || secured.authorized === true) return false;
  return Object.keys(secured.getPeerCertificate() ?? {}).length > 0;
}

/** Strangers get no session. */
function certificateOf(socket: Socket | TLSSocket | undefined): PeerNames | undefined {
  const secured = socket as Partial<TLSSocket> | undefined;
  if (secured?.authorized !== true || secured.getPeerCertificate === undefined) return undefined;
  const { subject, subjectaltname } = secured.getPeerCertificate();
  const commonName = Array.isArray(subject?.CN) ? subject.CN[0] : subject?.CN;
  return { commonName, subjectAltName: subjectaltname };
}

/** `undefined` for a request without an authority, or whose path is no path. */
function universalRequest(
  request: Http2ServerRequest,
  response: Http2ServerResponse,
): UniversalServerRequest | undefined {
  if (!request.authority || !URL.canParse(request.url, `http://${request.authority}`)) return undefined;
  return universalRequestFromNodeRequest(request, response, undefined, contextOfPeer(peerOf(request.stream)));
}

/** The response with a `grpc-message` in the form that every client turns back. */
function withPlainMessage(response: UniversalServerResponse): UniversalServerResponse {
  const { trailer } = response;
  if (trailer === undefined) return response;
  return {
    ...response,
    // Asked for when the answer has ended; only then is it complete.
    get trailer() {
      return plainGrpcMessage(trailer);
    },
  };
}
