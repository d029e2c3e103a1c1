/**
 * The same edge on either HTTP/2 server, over a node in memory whose time and chance repeat.
 *
 * HealthCheck is an echo here: it tells which metadata came, and answers, fails and adds metadata as `x-` headers ask.
 */
import { type Code, ConnectError } from "@connectrpc/connect";
import { StorageError } from "../../../src/base/errors.ts";
import { StorageNodeService } from "../../../src/gen/storage/storage_node_pb.ts";
import { silentHttp2Observer } from "../../../src/http2/observer.ts";
import { Replicator } from "../../../src/migration/replicate.ts";
import { systemClock } from "../../../src/platform/clock.ts";
import type { Call } from "../../../src/rpc/call.ts";
import { type Endpoint, unary } from "../../../src/rpc/endpoint.ts";
import { errorRegistry } from "../../../src/rpc/errors.ts";
import { Gate } from "../../../src/rpc/gate.ts";
import type { RpcObserver } from "../../../src/rpc/observer.ts";
import { storageEndpoints } from "../../../src/rpc/storage-service.ts";
import { createEdge } from "../../../src/server/edge.ts";
import { listenGrpc } from "../../../src/server/grpc-listener.ts";
import type { Listener } from "../../../src/server/listener.ts";
import { type ServerSettings, serverSettings } from "../../../src/server/settings.ts";
import { unlimitedAccess, unlimitedAdmission } from "../everyone.ts";
import { noPeers } from "../no-peers.ts";
import { type TestNode, testNode } from "../test-node.ts";

export const maxMessageBytes = 100_000;
/** Holds more than either server takes for a caller that does not read. */
export const largeTenant = "large";

export interface ComparedServer extends TestNode {
  readonly listener: Listener;
  readonly gate: Gate;
  /** What the observer heard, a line each. */
  readonly reports: string[];
}

/** Gives every call the same id, since the servers need not ask equally often. */
const sameRandom = { uint32: () => 7 };

const health = () => ({ status: "healthy", reasons: [], checks: [], metrics: {} }) as const;

export async function startCompared(
  http2: ServerSettings["http2"],
  compressReplies: boolean,
): Promise<ComparedServer> {
  const node = testNode();
  const value = new Uint8Array(90_000);
  for (let i = 0; i < 20; i++) await node.node.write(largeTenant, `k${i}`, value, []);
  const reports: string[] = [];
  const observer: RpcObserver = {
    callFinished: ({ method, status, valueBytes }) => reports.push(`${method} ${status} ${valueBytes}`),
    requestRejected: (reason) => reports.push(`rejected: ${reason}`),
    adminCall: ({ method, status }) => reports.push(`admin: ${method} ${status}`),
    accessRefused: ({ method, reason }) => reports.push(`refused: ${method} ${reason}`),
    loadRefused: ({ workClass, reason }) => reports.push(`refused: ${workClass} ${reason}`),
    callWasSlow: ({ method }) => reports.push(`slow: ${method}`),
    callFailed: (method, requestId, error, code) =>
      reports.push(
        `failed: ${method} ${requestId} ${code} ${error instanceof Error ? error.message : error}`,
      ),
  };
  const settings = serverSettings({ grpcPort: 0, http2, compressReplies, maxMessageBytes });
  const gate = new Gate({
    clock: systemClock,
    random: sameRandom,
    observer,
    access: unlimitedAccess,
    admission: unlimitedAdmission(),
  });
  gate.open();
  const replicator = new Replicator({
    node: () => node.node,
    peers: noPeers,
    clock: systemClock,
    random: sameRandom,
  });
  const endpoints = storageEndpoints({
    node: () => node.node,
    health,
    maxResponseBytes: 1 << 20,
    replicator,
  });
  const { healthCheck } = StorageNodeService.method;
  const echo = unary(healthCheck, (_, call) => echoMetadata(call));
  const common = { settings, clock: systemClock, observer };
  const edge = createEdge([...endpoints.filter(isNoHealthCheck), echo], {
    ...common,
    gate,
    registry: errorRegistry,
    health: { health, readiness: () => ({ ready: true, reasons: [], phase: "serving", percent: 100 }) },
    metricsAccess: undefined,
    metricsText: async () => ({ contentType: "text/plain", body: "" }),
    grpcPort: () => 1,
  });
  const listener = await listenGrpc({ ...common, edge, httpPort: 1, http2Observer: silentHttp2Observer });
  return { ...node, listener, gate, reports };
}

function isNoHealthCheck({ method }: Endpoint): boolean {
  return method.name !== StorageNodeService.method.healthCheck.name;
}

/**
 * `x-echo-*` come back as headers, `x-trail-*` as trailers; `x-answer-bytes` makes the answer long; `x-fail` is a code
 * and the percent-encoded text of a failure, `x-throw` of one that the caller may not see.
 */
function echoMetadata(call: Call) {
  const { request } = call;
  const { timeoutMs } = request;
  // Some milliseconds of it may have passed.
  const timeout = timeoutMs === undefined ? "none" : `${Math.ceil(timeoutMs / 1000)} s`;
  const seen: Record<string, string> = { timeout };
  for (const [name, value] of request.headers()) {
    if (name.startsWith("x-echo-")) call.responseHeaders.append(name, value);
    if (name.startsWith("x-trail-")) call.responseTrailers.append(name, value);
    if (name !== "grpc-timeout") seen[name] = Buffer.from(value, "latin1").toString("base64");
  }
  const failure = request.header("x-fail");
  if (failure !== null) {
    const [code = "", text = ""] = failure.split(":");
    throw new ConnectError(decodeURIComponent(text), Number(code) as Code);
  }
  const thrown = request.header("x-throw");
  if (thrown !== null) throw new StorageError("CORRUPTED_DATA", thrown, { details: { extra: "1" } });
  return { healthy: true, status: "s".repeat(Number(request.header("x-answer-bytes") ?? 0)), metrics: seen };
}
