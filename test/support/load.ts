/**
 * Load on a node's gRPC port by `h2load` (Debian's nghttp2-client): one call, over and over.
 *
 * h2load looks at HTTP statuses alone, and gRPC's failures are HTTP successes. So a run is believed only if the node's
 * own counters rose by exactly the calls that were sent, all of them OK.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
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

export function isLoadGeneratorThere(): boolean {
  return Bun.which("h2load") !== null;
}

/** Throws when the node did not do exactly what was asked of it. */
export async function runLoad(node: NodeProcess, load: Load): Promise<LoadResult> {
  const before = await readCounters(node.httpUrl);
  const processorUsBefore = processorUs(node.pid);
  const report = await generate(node.grpcAddress, load);
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
  return { ...readReport(report, load.callCount), processorUsPerCall, syncCount };
}

/** Processor time that a process has used, in user and kernel mode, in steps of Linux's clock tick of 10 ms. */
export function processorUs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /, "")
    .split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10_000;
}

/** Runs h2load to its end and returns what it printed. */
async function generate(address: string, load: Load): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "pairdb-load-"));
  try {
    const body = join(folder, "body");
    writeFileSync(body, envelope(load.request));
    const child = Bun.spawn(
      [
        "h2load",
        `--requests=${load.callCount}`,
        `--clients=${load.connectionCount}`,
        `--max-concurrent-streams=${load.streamCount}`,
        `--data=${body}`,
        "--header=content-type: application/grpc",
        "--header=te: trailers",
        `http://${address}/storage.StorageNodeService/${load.method}`,
      ],
      { stdin: "ignore", stdout: "pipe", stderr: "pipe" },
    );
    const [printed, complaints] = await Promise.all([child.stdout.text(), child.stderr.text()]);
    if ((await child.exited) !== 0) throw new Error(`h2load failed: ${complaints}${printed}`);
    return printed;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function readReport(report: string, callCount: number): Pick<LoadResult, "callsPerSecond" | "meanMs"> {
  const callsPerSecond = Number(/finished in \S+, ([\d.]+) req\/s/.exec(report)?.[1]);
  const succeeded = Number(/ (\d+) succeeded, 0 failed, 0 errored, 0 timeout/.exec(report)?.[1]);
  const mean = /time for request: +\S+ +\S+ +([\d.]+)(us|ms|s) /.exec(report);
  const meanMs = Number(mean?.[1]) * { us: 0.001, ms: 1, s: 1000 }[mean?.[2] as "us" | "ms" | "s"];
  if (succeeded !== callCount || !(callsPerSecond > 0) || !(meanMs > 0)) {
    throw new Error(`h2load did not finish its ${callCount} calls:\n${report}`);
  }
  return { callsPerSecond, meanMs };
}
