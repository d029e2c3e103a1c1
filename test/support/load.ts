/**
 * Load on a node's gRPC port by `h2load` (Debian's nghttp2-client): one call, over and over.
 *
 * h2load looks at HTTP statuses alone, and gRPC's failures are HTTP successes. So a run is believed only if the node's
 * own counters rose by exactly the calls that were sent, all of them OK.
 */
import { readFileSync } from "node:fs";
import { runH2load } from "./h2load.ts";
import { increases, readCounters } from "./node-counters.ts";
import { envelope } from "./raw-grpc.ts";
import type { NodeProcess } from "./spawn-node.ts";

export interface Load {
  /** The method's name without its service. */
  readonly method: string;
  /** The encoded message of each call. */
  readonly request: Uint8Array;
  readonly callCount: number;
  readonly connectionCount: number;
  /** Calls in flight on each connection. */
  readonly streamCount: number;
  /** Entries that each call adds to the commit log. */
  readonly appendsPerCall: number;
}

export interface LoadResult {
  readonly callsPerSecond: number;
  readonly meanMs: number;
  /** Processor time that the node spent for each call, of all its threads. */
  readonly processorUsPerCall: number;
  /** Syncs of the commit log meanwhile. */
  readonly syncCount: number;
}

/** Throws when the node did not do exactly what was asked of it. */
export async function runLoad(node: NodeProcess, load: Load): Promise<LoadResult> {
  const before = await readCounters(node.httpUrl);
  const processorUsBefore = processorUs(node.pid);
  const { callCount, connectionCount, streamCount } = load;
  const { callsPerSecond, meanMs } = await runH2load({
    url: `http://${node.grpcAddress}/storage.StorageNodeService/${load.method}`,
    headers: { "content-type": "application/grpc", te: "trailers" },
    body: envelope(load.request),
    callCount,
    connectionCount,
    streamCount,
  });
  const processorUsPerCall = Math.round((processorUs(node.pid) - processorUsBefore) / load.callCount);
  const after = await readCounters(node.httpUrl);

  const rise = (metric: string) => increases(before, after, `pairdb_${metric}`);
  const appendCount = load.callCount * load.appendsPerCall;
  const counted = {
    calls: rise("rpc_requests_total"),
    rejected: rise("rpc_rejected_requests_total"),
    appends: rise("commitlog_appends_total"),
  };
  const expected = {
    calls: { [`pairdb_rpc_requests_total{method="${load.method}",status="OK"}`]: load.callCount },
    rejected: {},
    appends: appendCount === 0 ? {} : { pairdb_commitlog_appends_total: appendCount },
  };
  if (!Bun.deepEquals(counted, expected)) {
    throw new Error(`the node counted ${JSON.stringify(counted)} instead of ${JSON.stringify(expected)}`);
  }
  const [syncCount = 0] = Object.values(rise("commitlog_syncs_total"));
  return { callsPerSecond, meanMs, processorUsPerCall, syncCount };
}

/** Processor time that a process has used, in user and kernel mode, in steps of Linux's clock tick of 10 ms. */
export function processorUs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /, "")
    .split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10_000;
}

/** Processor time that a process's first thread has used, to the nanosecond. */
export function mainThreadUs(pid: number): number {
  const [nanoseconds] = readFileSync(`/proc/${pid}/task/${pid}/schedstat`, "utf8").split(" ");
  return Number(nanoseconds) / 1000;
}
