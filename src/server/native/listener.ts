/**
 * The gRPC port on our own HTTP/2 server. Plain calls with one request take the thin road, other gRPC the bridge; everything else
 * (Connect, gRPC-Web, probes) goes to the HTTP application and its rules.
 */
import type { ServerRequest, ServerResponse } from "../../http2/api.ts";
import { ByteBudget } from "../../http2/byte-budget.ts";
import { encodeFields } from "../../http2/hpack/encoder.ts";
import type { Http2Observer } from "../../http2/observer.ts";
import { Http2Server } from "../../http2/server.ts";
import type { Clock } from "../../platform/clock.ts";
import { isGrpc, isPlainGrpc } from "../../rpc/content-types.ts";
import type { RpcObserver } from "../../rpc/observer.ts";
import type { Edge } from "../edge.ts";
import { type Listener, listenFailure } from "../listener.ts";
import type { ServerSettings } from "../settings.ts";
import { answerByApp } from "./app-road.ts";
import { answerByBridge } from "./bridge-road.ts";
import { answerThinly, streamReply, unaryReply } from "./thin-road.ts";
import type { ThinRoadSettings } from "./upload.ts";

export interface NativeListenerOptions {
  readonly settings: ServerSettings;
  readonly edge: Edge;
  readonly clock: Clock;
  readonly observer: RpcObserver;
  readonly http2Observer: Http2Observer;
  /** Where those are sent who speak HTTP/1.1. */
  readonly httpPort: number;
}

/** Of messages that arrive in pieces, all together. */
const mostUploadBytes = 256 << 20;

const badRequest = encodeFields([[":status", "400"]]);

/** Throws UNAVAILABLE when the address cannot be had. */
export function listenNative(options: NativeListenerOptions): Listener {
  const { settings } = options;
  const { tls } = settings;
  try {
    const server = new Http2Server({
      hostname: settings.host,
      port: settings.grpcPort,
      handle: requestHandler(options),
      clock: options.clock,
      ...(tls === undefined ? {} : { tls: () => tls.current }),
      observer: options.http2Observer,
      limits: {
        maxConnections: settings.maxConnections,
        maxConcurrentStreams: settings.maxConcurrentStreams,
        prefaceTimeoutMs: settings.readTimeoutMs,
        frameTimeoutMs: settings.readTimeoutMs,
        stallTimeoutMs: settings.writeTimeoutMs,
        keepAliveIntervalMs: settings.keepAliveIntervalMs,
        keepAliveTimeoutMs: settings.keepAliveTimeoutMs,
      },
      http1Explanation: `this port speaks gRPC over HTTP/2; HTTP/1.1 is served on port ${options.httpPort}`,
    });
    return {
      port: server.port,
      stopAccepting: () => server.stopAccepting(),
      destroy: () => server.destroy(),
    };
  } catch (error) {
    throw listenFailure(error, settings.host, settings.grpcPort, "--grpc-port or server.port");
  }
}

function refuseMalformed(observer: RpcObserver, response: ServerResponse): void {
  observer.requestRejected("malformed");
  response.sendHeaders(badRequest, true);
}

/** Few, since whoever invents authorities gets each of them parsed. */
const rememberedAuthorityCount = 64;

/** Tells authorities from texts that are none; those seen before cost a look-up. */
function authorityCheck(): (authority: string) => boolean {
  const known = new Set<string>();
  return (authority) => {
    if (known.has(authority)) return true;
    if (authority === "" || !URL.canParse(`http://${authority}`)) return false;
    if (known.size < rememberedAuthorityCount) known.add(authority);
    return true;
  };
}

function requestHandler(options: NativeListenerOptions) {
  const { settings, edge, clock, observer } = options;
  const { maxMessageBytes, readTimeoutMs, compressReplies } = settings;
  const uploads = new ByteBudget(Math.max(mostUploadBytes, maxMessageBytes));
  const thin: ThinRoadSettings = { clock, maxMessageBytes, readTimeoutMs, uploads };
  const isTakenThinly = (request: ServerRequest, contentType: string): boolean => {
    if (request.method !== "POST" || !isPlainGrpc(contentType)) return false;
    const encoding = request.fields.get("grpc-encoding");
    if (encoding !== undefined && encoding !== "identity") return false;
    return !compressReplies || request.fields.get("grpc-accept-encoding") === undefined;
  };
  const isAuthority = authorityCheck();
  return (request: ServerRequest, response: ServerResponse): void => {
    if (!isAuthority(request.authority)) {
      refuseMalformed(observer, response);
      return;
    }
    const contentType = request.fields.get("content-type") ?? "";
    if (isTakenThinly(request, contentType)) {
      const method = edge.road.method(request.path);
      if (method !== undefined) {
        answerThinly(thin, method, unaryReply, request, response);
        return;
      }
      const stream = edge.road.stream(request.path);
      if (stream !== undefined) {
        answerThinly(thin, stream, streamReply, request, response);
        return;
      }
    }
    if (!URL.canParse(request.path, `http://${request.authority}`)) {
      refuseMalformed(observer, response);
      return;
    }
    const answer = isGrpc(contentType)
      ? answerByBridge(edge.rpc, request, response)
      : answerByApp(edge.handleOnGrpcPort, request, response);
    answer.catch((error) => observer.callFailed(request.path, "", error, "INTERNAL"));
  };
}
