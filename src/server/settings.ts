/** What the edge needs to know; the configuration fills it in. Times are milliseconds, sizes bytes. */

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
  /** From a request's first byte to its last. */
  readonly readTimeoutMs: number;
  /** How long a shutdown may take, all in all. */
  readonly shutdownTimeoutMs: number;
  /** The largest message that a client may send. */
  readonly maxMessageBytes: number;
  /** The largest message that a client gets. */
  readonly maxResponseBytes: number;
  /** Streams that one connection may have open at once. */
  readonly maxConcurrentStreams: number;
  /** Whether answers are compressed for clients that accept it. */
  readonly compressReplies: boolean;
  /** Path of the metrics, or `undefined` to serve none. */
  readonly metricsPath: string | undefined;
}

const mebibyte = 1 << 20;

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
    readTimeoutMs: 10_000,
    shutdownTimeoutMs: 30_000,
    maxMessageBytes: 16 * mebibyte,
    maxResponseBytes: 16 * mebibyte,
    maxConcurrentStreams: 1000,
    compressReplies: false,
    metricsPath: "/metrics",
    ...overrides,
  };
}
