/**
 * The one HTTP application: probes, metrics, and RPC by Connect and gRPC-Web. Both ports hand it their requests,
 * so behind a proxy either can serve everything.
 *
 *   GET  /health            status, reasons, figures; 503 when unhealthy
 *   GET  /health/live       200 as long as the process answers
 *   GET  /ready             200 when traffic may come, else 503; phase and percent of the recovery
 *   GET  /health/ready      the same
 *   GET  /metrics           Prometheus text (the path is configurable)
 *   GET  /console           a page for engineers, which calls the services like everybody else
 *   POST /PACKAGE.SERVICE/METHOD
 */
import {
  universalServerRequestFromFetch,
  universalServerResponseToFetch,
} from "@connectrpc/connect/protocol";
import { type Context, Hono } from "hono";
import type { ConnectionPeer, Credentials } from "../auth/authenticator.ts";
import { StorageError } from "../base/errors.ts";
import { contextOfPeer, type RpcHandler } from "../rpc/bridge.ts";
import { storageCodeOf } from "../rpc/errors.ts";
import type { RpcObserver } from "../rpc/observer.ts";
import type { ThinFetch } from "../rpc/thin-fetch.ts";
import type { HealthSource, MetricsText } from "../telemetry/health/health-types.ts";
import { addConsole } from "./console/routes.ts";
import { allowedHosts } from "./host-policy.ts";
import { guardHost, guardOrigin, guardRpc } from "./http-guard.ts";
import type { ServerSettings } from "./settings.ts";

export interface HttpAppOptions {
  readonly settings: ServerSettings;
  readonly rpc: RpcHandler;
  /** Answers plain unary calls; `rpc` answers the rest. */
  readonly thinRpc: ThinFetch;
  readonly health: HealthSource;
  readonly metricsText: () => Promise<MetricsText>;
  readonly observer: RpcObserver;
  /** Who may read the metrics; undefined: everybody. */
  readonly metricsAccess: MetricsAccess | undefined;
  /** Where gRPC is, for callers who knock at the wrong door; undefined before it is open. */
  readonly grpcPort: () => number | undefined;
}

/** Throws the refusal. */
export type MetricsAccess = (credentials: Credentials) => void;

/** A service's name has a dot in it, so a page's path is never taken for a method. */
const rpcRoute = "/:service{[A-Za-z_]\\w*(?:\\.[A-Za-z_]\\w*)+}/:method{[A-Za-z_]\\w*}";

/** What comes with a request from a listener that knows the caller's connection. */
export interface AppEnvironment {
  readonly Bindings: { readonly peer?: ConnectionPeer };
}

/** Browsers take an answer for nothing but what it says it is, and show none inside a page of a stranger. */
const safetyHeaders = [
  ["x-content-type-options", "nosniff"],
  ["content-security-policy", "frame-ancestors 'none'"],
] as const;

export function createHttpApp(options: HttpAppOptions): Hono<AppEnvironment> {
  const app = new Hono<AppEnvironment>();
  app.use(async (context, next) => {
    await next();
    for (const [name, value] of safetyHeaders) {
      // The console has a stricter policy of its own.
      if (!context.res.headers.has(name)) context.header(name, value);
    }
  });
  // Probes and metrics come first: they are for machines that call by whatever name they like.
  addProbes(app, options);
  addMetrics(app, options);
  addGuards(app, options);
  addConsole(app);
  app.all(rpcRoute, guardRpc(options.grpcPort, options.observer), async (context) => {
    const request = context.req.raw;
    const peer = peerOf(context);
    const answer = options.thinRpc(request, context.req.path, peer);
    if (answer !== undefined) return answer;
    const contextValues = contextOfPeer(peer);
    const universal = { ...universalServerRequestFromFetch(request, {}), contextValues };
    return universalServerResponseToFetch(await options.rpc(universal));
  });
  app.onError((error, context) => {
    options.observer.callFailed(context.req.path, "", error, storageCodeOf(error));
    return context.text("internal error; the node's log has the cause\n", 500);
  });
  app.notFound((context) => context.text("nothing is here; try /health\n", 404));
  return app;
}

/** Undefined where the listener has nothing to tell. */
function peerOf(context: Context<AppEnvironment>): ConnectionPeer | undefined {
  return (context.env as AppEnvironment["Bindings"] | undefined)?.peer;
}

function refuseMetrics(context: Context<AppEnvironment>, error: unknown): Response {
  if (!(error instanceof StorageError)) throw error;
  const isUnknown = error.code === "UNAUTHENTICATED";
  if (isUnknown) context.header("www-authenticate", "Bearer");
  return context.text(`${error.message}\n`, isUnknown ? 401 : 403);
}

function addProbes(app: Hono<AppEnvironment>, { health, settings }: HttpAppOptions): void {
  const node_id = settings.nodeId;
  app.get("/health", (context) => {
    const report = health.health();
    return context.json({ node_id, ...report }, report.status === "unhealthy" ? 503 : 200);
  });
  app.get("/health/live", (context) => context.json({ node_id, status: "alive" }));
  const ready = (context: Context) => {
    const report = health.readiness();
    return context.json({ node_id, ...report }, report.ready ? 200 : 503);
  };
  app.get("/ready", ready);
  app.get("/health/ready", ready);
}

function addMetrics(app: Hono<AppEnvironment>, options: HttpAppOptions): void {
  const { settings, metricsText, metricsAccess } = options;
  if (settings.metricsPath === undefined) return;
  app.get(settings.metricsPath, async (context) => {
    try {
      metricsAccess?.({ header: (name) => context.req.header(name) ?? null, peer: peerOf(context) });
    } catch (error) {
      return refuseMetrics(context, error);
    }
    const { contentType, body } = await metricsText();
    return context.body(body, 200, { "content-type": contentType });
  });
}

function addGuards(app: Hono<AppEnvironment>, { settings, observer }: HttpAppOptions): void {
  app.use(guardHost(allowedHosts(settings), observer));
  app.use(guardOrigin(settings.corsOrigins, observer));
}
