/**
 * What a request to the HTTP surface has to be before anything looks at it, as Hono middleware:
 *
 *   Host           one of ours, else 421 (host-policy.ts)
 *   Origin         none, the node's own, or one of `server.cors_origins`, else 403
 *   RPC method     POST, else 405: a GET can be sent by an image or a link
 *   RPC content    exactly a type of Connect or gRPC-Web, else 415: a browser sends some others across origins unasked
 */
import { cors as connectCors } from "@connectrpc/connect";
import type { MiddlewareHandler } from "hono";
import { cors } from "hono/cors";
import { isConnectOrGrpcWeb, isGrpc } from "../rpc/content-types.ts";
import type { RejectReason, RpcObserver } from "../rpc/observer.ts";

/** Seconds that a browser may remember the answer to a preflight. */
const preflightMaxAgeSeconds = 7200;

export function guardHost(isAllowed: (host: string) => boolean, observer: RpcObserver): MiddlewareHandler {
  return async (context, next) => {
    // HTTP/2 has no Host; its :authority is in the URL.
    const host = context.req.header("host") ?? new URL(context.req.url).host;
    if (isAllowed(host)) return next();
    return reject(observer, "host", () =>
      context.text(
        `this node does not answer to the host ${JSON.stringify(host)}; add it to server.allowed_hosts\n`,
        421,
      ),
    );
  };
}

export function guardOrigin(origins: readonly string[], observer: RpcObserver): MiddlewareHandler {
  const isAllowed = (origin: string) => origins.includes("*") || origins.includes(origin);
  const answerCors = cors({
    origin: (origin) => (isAllowed(origin) ? origin : null),
    allowMethods: ["POST"],
    allowHeaders: [...connectCors.allowedHeaders, "Authorization"],
    exposeHeaders: [...connectCors.exposedHeaders],
    maxAge: preflightMaxAgeSeconds,
  });
  return async (context, next) => {
    const origin = context.req.header("origin");
    const host = context.req.header("host") ?? new URL(context.req.url).host;
    if (origin === undefined || isSameOrigin(origin, host)) return next();
    if (isAllowed(origin)) return answerCors(context, next);
    return reject(observer, "origin", () =>
      context.text(`pages of ${origin} may not call this node; add it to server.cors_origins\n`, 403),
    );
  };
}

/** The scheme is left out: what ends TLS in front of the node is not known here. */
function isSameOrigin(origin: string, host: string): boolean {
  return URL.canParse(origin) && new URL(origin).host === host.toLowerCase();
}

/** For routes of RPC methods. */
export function guardRpc(grpcPort: () => number | undefined, observer: RpcObserver): MiddlewareHandler {
  return async (context, next) => {
    if (context.req.method !== "POST") {
      return reject(observer, "http_method", () =>
        context.text("RPC methods are called by POST\n", 405, { allow: "POST" }),
      );
    }
    const contentType = context.req.header("content-type") ?? "";
    if (isConnectOrGrpcWeb(contentType)) return next();
    const explanation = isGrpc(contentType)
      ? `gRPC is served on port ${grpcPort() ?? "of gRPC, once the node has started"}; this one speaks Connect and gRPC-Web`
      : "call RPC methods as application/json, application/proto, or by Connect streaming or gRPC-Web";
    return reject(observer, "content_type", () => context.text(`${explanation}\n`, 415));
  };
}

function reject(observer: RpcObserver, reason: RejectReason, answer: () => Response): Response {
  observer.requestRejected(reason);
  return answer();
}
