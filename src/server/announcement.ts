/**
 * What a node tells the ring of itself: JSON, with the names that other storage nodes know, and two of our own, which
 * they pass over.
 *
 * There is little room, so figures are rounded, and left out one by one, the last first, until the rest fits: what is
 * cut in the middle would be no JSON.
 */
export interface Announcement {
  readonly nodeId: string;
  readonly status: string;
  /** Milliseconds since the Unix epoch; told in whole seconds. */
  readonly timestampMs: number;
  readonly grpcPort: number;
  readonly version: string;
  readonly figures: NodeFigures;
}

/** Shares are from 0 to 1 here, and told in percent. */
export interface NodeFigures {
  readonly cpuShare: number;
  readonly memoryShare: number;
  readonly diskShare: number;
  readonly requestsPerSecond: number;
  readonly errorShare: number;
  readonly cacheHitShare: number;
}

const encoder = new TextEncoder();

export function encodeAnnouncement(announcement: Announcement, maxBytes: number): Uint8Array {
  const { nodeId, status, timestampMs, grpcPort, version, figures } = announcement;
  const metrics = Object.entries({
    CPUUsage: percent(figures.cpuShare),
    MemoryUsage: percent(figures.memoryShare),
    DiskUsage: percent(figures.diskShare),
    RequestRate: rounded(figures.requestsPerSecond),
    ErrorRate: percent(figures.errorShare),
    CacheHitRate: percent(figures.cacheHitShare),
  });
  for (;;) {
    const bytes = encoder.encode(
      JSON.stringify({
        NodeID: nodeId,
        Status: status,
        Timestamp: Math.floor(timestampMs / 1000),
        Metrics: Object.fromEntries(metrics),
        GRPCPort: grpcPort,
        Version: version,
      }),
    );
    if (bytes.length <= maxBytes || metrics.length === 0) return bytes;
    metrics.pop();
  }
}

function percent(share: number): number {
  return rounded(100 * share);
}

/** To tenths. */
function rounded(value: number): number {
  return Math.round(10 * value) / 10;
}

/** The port of gRPC that a member tells; existing storage nodes tell none, and a stranger may tell anything. */
export function announcedPort(meta: Uint8Array): number | undefined {
  let announced: unknown;
  try {
    announced = JSON.parse(new TextDecoder().decode(meta));
  } catch {
    return undefined;
  }
  const port: unknown = Object(announced)["GRPCPort"];
  return typeof port === "number" && Number.isInteger(port) && port > 0 && port < 65_536 ? port : undefined;
}
