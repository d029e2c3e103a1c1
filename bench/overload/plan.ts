/** What the process of the load is told to do, and what it tells. */

export interface LoadPlan {
  readonly host: string;
  readonly port: number;
  /** Of the method: `/storage.StorageNodeService/Scan`. */
  readonly path: string;
  /** The framed request of each call, in base64. */
  readonly body: string;
  readonly connectionCount: number;
  /** Calls in flight on each connection at most. */
  readonly streamCount: number;
  /** Undefined: each answer makes room for the next call. */
  readonly callsPerSecond: number | undefined;
  readonly seconds: number;
}

export interface LoadReport {
  readonly callCount: number;
  /** Calls that succeeded within the time of the load. */
  readonly succeededPerSecond: number;
  /** By gRPC status. */
  readonly failures: Record<string, number>;
  /** Of calls that were refused, from when they were due to their answer. */
  readonly refused: { readonly p50Ms: number; readonly p99Ms: number; readonly maxMs: number };
  readonly succeeded: { readonly p50Ms: number; readonly p99Ms: number; readonly maxMs: number };
  /** By how much the last call to leave late did so: the load's own processor was too slow, or all streams were taken. */
  readonly latestMs: number;
}

/** From the process, when it begins no further call. */
export interface LoadEnded {
  readonly endedAtMs: number;
}
