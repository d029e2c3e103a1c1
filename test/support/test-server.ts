import { afterAll } from "bun:test";
import type { Authenticator } from "../../src/auth/authenticator.ts";
import type { StorageErrorCode } from "../../src/base/errors.ts";
import { type RefusalReason, silentHttp2Observer } from "../../src/http2/observer.ts";
import type { Peers } from "../../src/migration/peer.ts";
import { type Clock, systemClock } from "../../src/platform/clock.ts";
import { seededRandom } from "../../src/platform/random.ts";
import type {
  AdminCall,
  FinishedCall,
  RefusedAccess,
  RefusedLoad,
  RejectReason,
  SlowCall,
} from "../../src/rpc/observer.ts";
import { NodeServer, type OpenStore } from "../../src/server/node-server.ts";
import { type ServerSettings, serverSettings } from "../../src/server/settings.ts";
import type { HealthStatus } from "../../src/telemetry/health/health-types.ts";
import { everyone } from "./everyone.ts";
import { noBackups } from "./no-backups.ts";
import { noPeers } from "./no-peers.ts";
import { noStreams } from "./no-streams.ts";
import { testAdminSources } from "./test-admin-sources.ts";
import { type TestNode, testNode } from "./test-node.ts";

export interface TestServer extends TestNode {
  readonly server: NodeServer;
  readonly grpcUrl: string;
  readonly httpUrl: string;
  readonly calls: FinishedCall[];
  readonly slowCalls: SlowCall[];
  readonly rejections: RejectReason[];
  readonly refusedAccess: RefusedAccess[];
  readonly refusedLoad: RefusedLoad[];
  readonly adminCalls: AdminCall[];
  readonly refusedConnections: RefusalReason[];
  readonly failures: { method: string; requestId: string; error: unknown; code: StorageErrorCode }[];
  /** "serving", "stopping", "store closed", in the order in which they happened. */
  readonly milestones: string[];
  status: HealthStatus;
  /** False: the node says that it is not ready, whatever it does. */
  isReady: boolean;
  /** Makes the server believe that the main thread was so late; it is never told otherwise. */
  tellLag(lagMs: number): void;
}

export interface TestServerOptions {
  readonly settings?: Partial<ServerSettings>;
  readonly node?: TestNode;
  /** Default: everyone may do everything. */
  readonly authenticator?: Authenticator;
  /** Default: none is known. */
  readonly peers?: Peers;
  readonly clock?: Clock;
  /** What stands in for the recovery. */
  readonly openStore?: (node: TestNode) => Promise<OpenStore>;
}

/** The HTTP/2 server that the tests of the edge run on; those in `edge-on-node.test.ts` run again on the other. */
function testedHttp2(): "native" | "node" {
  return process.env["PAIRDB_TEST_HTTP2"] === "node" ? "node" : "native";
}

/** A server on ports of the system's choice over a node in memory; not started yet. */
export function createTestServer(options: TestServerOptions = {}): TestServer {
  const node = options.node ?? testNode();
  const calls: FinishedCall[] = [];
  const rejections: RejectReason[] = [];
  const adminCalls: AdminCall[] = [];
  const slowCalls: SlowCall[] = [];
  const refusedAccess: RefusedAccess[] = [];
  const refusedLoad: RefusedLoad[] = [];
  const failures: TestServer["failures"] = [];
  const refusedConnections: RefusalReason[] = [];
  const milestones: string[] = [];
  let phase = "commit log";
  let tellLag: (lagMs: number) => void = () => {};
  const openStore = async (): Promise<OpenStore> => ({
    node: node.node,
    administration: node.administration,
    streams: noStreams,
    backups: noBackups,
    close: async () => void milestones.push("store closed"),
  });
  const server = new NodeServer({
    settings: serverSettings({
      nodeId: "node-1",
      grpcPort: 0,
      httpPort: 0,
      http2: testedHttp2(),
      ...options.settings,
    }),
    clock: options.clock ?? systemClock,
    random: seededRandom(1),
    peers: options.peers ?? noPeers,
    authenticator: options.authenticator ?? everyone,
    observer: {
      callFinished: (call) => calls.push(call),
      callWasSlow: (call) => slowCalls.push(call),
      requestRejected: (reason) => rejections.push(reason),
      adminCall: (call) => adminCalls.push(call),
      accessRefused: (refusal) => refusedAccess.push(refusal),
      loadRefused: (refusal) => refusedLoad.push(refusal),
      callFailed: (method, requestId, error, code) => failures.push({ method, requestId, error, code }),
    },
    http2Observer: {
      ...silentHttp2Observer,
      connectionRefused: (reason) => refusedConnections.push(reason),
    },
    onLag: (listener) => {
      tellLag = listener;
    },
    health: {
      health: () => ({ status: result.status, reasons: [], checks: [], metrics: { phase } }),
      readiness: () => ({ ready: phase === "serving" && result.isReady, reasons: [], phase, percent: 40 }),
    },
    adminSources: testAdminSources(),
    metricsText: async () => ({ contentType: "text/plain; version=0.0.4", body: "pairdb_up 1\n" }),
    openStore: () => (options.openStore ?? openStore)(node),
    onServing: () => {
      phase = "serving";
      milestones.push(phase);
    },
    onStopping: () => {
      phase = "stopping";
      milestones.push(phase);
    },
  });
  const result: TestServer = {
    ...node,
    server,
    calls,
    slowCalls,
    rejections,
    refusedAccess,
    refusedLoad,
    adminCalls,
    refusedConnections,
    failures,
    milestones,
    status: "healthy",
    isReady: true,
    tellLag: (lagMs) => tellLag(lagMs),
    get grpcUrl() {
      return `http://127.0.0.1:${server.grpcPort}`;
    },
    get httpUrl() {
      return `http://127.0.0.1:${server.httpPort}`;
    },
  };
  return result;
}

/** The same, serving, until the calling test file ends. */
export async function startTestServer(options: TestServerOptions = {}): Promise<TestServer> {
  const testServer = createTestServer(options);
  afterAll(() => testServer.server.shutdown());
  await testServer.server.start();
  return testServer;
}
