/** What the edge needs to know; the configuration fills it in. Times are milliseconds, sizes bytes. */

import type { OverloadLimits } from "../rpc/overload/admission.ts";
import type { TlsSource } from "./tls-source.ts";

export interface ServerSettings {
  readonly nodeId: string;
  /** Address and port of the gRPC listener; port 0 lets the system choose. */
  readonly host: string;
  readonly grpcPort: number;
  /** Address and port of the HTTP listener (health, metrics, Connect, gRPC-web). */
  readonly httpHost: string;
  readonly httpPort: number;
  /** Host names beyond address literals, `localhost` and the node's own names that HTTP requests may carry. */
  readonly allowedHosts: readonly string[];
  /** Origins whose pages may call; "*" lets all. */
  readonly corsOrigins: readonly string[];
  /** Connections that the gRPC listener holds at once. */
  readonly maxConnections: number;
  /** The gRPC port's HTTP/2 server: `src/http2`, or the runtime's `node:http2`. */
  readonly http2: "native" | "node";
  /** From a request's first byte to its last. */
  readonly readTimeoutMs: number;
  /** How long a client may leave answers unread. */
  readonly writeTimeoutMs: number;
  /** Silence on a connection of the gRPC port after which it is asked whether anybody is there. */
  readonly keepAliveIntervalMs: number;
  /** How long the answer to that may take. */
  readonly keepAliveTimeoutMs: number;
  /** How long the node serves on once it is not ready any more, before its shutdown begins. */
  readonly drainDelayMs: number;
  /** How long a shutdown may take after that, all in all. */
  readonly shutdownTimeoutMs: number;
  /** The largest message that a client may send. */
  readonly maxMessageBytes: number;
  /** The largest message that a client gets. */
  readonly maxResponseBytes: number;
  /** Streams that one connection may have open at once. */
  readonly maxConcurrentStreams: number;
  /** Whether answers are compressed for clients that accept it. */
  readonly compressReplies: boolean;
  /** What both ports show of themselves; undefined: they speak cleartext. */
  readonly tls: TlsSource | undefined;
  /** From then on a call is told of as slow. */
  readonly slowCallMs: number;
  /** What the node takes on at once. */
  readonly overload: OverloadLimits;
  /** Path of the metrics, or `undefined` to serve none. */
  readonly metricsPath: string | undefined;
  /** Whether reading the metrics takes the scope `observe`. */
  readonly metricsNeedToken: boolean;
}

const mebibyte = 1 << 20;

const defaultOverloadLimits: OverloadLimits = {
  maxInFlight: { read: 4096, write: 2048, scan: 64, control: 1024 },
  maxLagMs: 500,
  shedOrder: ["scan", "write", "read"],
  tenantRate: { requestsPerSecond: 0, burst: 0 },
};

/** Defaults of a node without a configuration: on loopback, closed to other pages. */
export function serverSettings(overrides: Partial<ServerSettings> = {}): ServerSettings {
  return {
    nodeId: "localhost",
    host: "127.0.0.1",
    grpcPort: 50052,
    httpHost: overrides.host ?? "127.0.0.1",
    httpPort: 9091,
    allowedHosts: [],
    corsOrigins: [],
    maxConnections: 1000,
    http2: "native",
    readTimeoutMs: 10_000,
    writeTimeoutMs: 10_000,
    keepAliveIntervalMs: 120_000,
    keepAliveTimeoutMs: 20_000,
    drainDelayMs: 0,
    shutdownTimeoutMs: 30_000,
    maxMessageBytes: 16 * mebibyte,
    maxResponseBytes: 16 * mebibyte,
    maxConcurrentStreams: 1000,
    compressReplies: false,
    tls: undefined,
    slowCallMs: Number.POSITIVE_INFINITY,
    overload: defaultOverloadLimits,
    metricsPath: "/metrics",
    metricsNeedToken: false,
    ...overrides,
  };
}
