/**
 * Calls that cost the node much, three times as many as it can answer. Goodput is what succeeds meanwhile; capacity is
 * what succeeds when each answer makes room for the next call.
 */
import { create, toBinary } from "@bufbuild/protobuf";
import {
  BatchWriteRequestSchema,
  ScanRequestSchema,
  WriteRequestSchema,
} from "../../src/gen/storage/storage_node_pb.ts";
import { envelope } from "../../test/support/raw-grpc.ts";
import type { NodeProcess } from "../../test/support/spawn-node.ts";
import { peakResidentMegabytes } from "../peak-memory.ts";
import type { LoadPlan, LoadReport } from "./plan.ts";
import { describeTimes, type Probe, Prober, timesOf } from "./probe.ts";
import { asker, startLoad, withNode } from "./subject.ts";

export interface CostlyCall {
  readonly title: string;
  readonly method: "Scan" | "Write";
  readonly message: Uint8Array;
}

const bars = { goodput: 0.8, refusedWithinMs: 50, recoveredWithinMs: 5000 };
const overloadFactor = 3;
/** Of capacity: enough in flight that nothing idles, and no more. */
const steady = { connectionCount: 8, streamCount: 4 };
const overload = { connectionCount: 32, streamCount: 500 };
const warmUpSeconds = 2;
const quietMs = 2000;
/** So long it is looked at after the load, of which recovery takes less. */
const afterMs = 6000;
const probePauseMs = 20;
/** A probe that takes so much longer than the slowest of the quiet time, or is refused, shows that the node is not well. */
const slowFactor = 2;

const tenantId = "overload";
const entryCount = 1000;
const entryBytes = 100;
const largeBytes = 64 * 1024;

export const costlyCalls: readonly CostlyCall[] = [
  {
    title: "Scan of 1,000 entries of 100 bytes",
    method: "Scan",
    message: toBinary(ScanRequestSchema, create(ScanRequestSchema, { tenantId, limit: entryCount })),
  },
  {
    title: "durable Write of 64 KiB",
    method: "Write",
    message: toBinary(
      WriteRequestSchema,
      create(WriteRequestSchema, { tenantId, key: "large", value: new Uint8Array(largeBytes) }),
    ),
  },
];

/** Writes what scans find. */
async function fill(node: NodeProcess): Promise<void> {
  const value = new Uint8Array(entryBytes);
  const keys = Array.from({ length: entryCount }, (_, index) => `entry-${String(index).padStart(4, "0")}`);
  const entries = keys.map((key) => ({ tenantId, key, value }));
  const message = toBinary(BatchWriteRequestSchema, create(BatchWriteRequestSchema, { entries }));
  const write = await asker(node.grpcPort, "/storage.StorageNodeService/BatchWrite", message);
  if (!(await write())) throw new Error("the entries were not written");
}

/** Prints what it sees; returns the bars that were missed. */
export async function overloadBy(call: CostlyCall, seconds: number): Promise<string[]> {
  return withNode(async (node) => {
    await fill(node);
    const path = `/storage.StorageNodeService/${call.method}`;
    const plan = { host: "127.0.0.1", port: node.grpcPort, path, body: envelope(call.message).toBase64() };
    const load = (rest: Pick<LoadPlan, "connectionCount" | "streamCount" | "seconds" | "callsPerSecond">) =>
      startLoad({ ...plan, ...rest });
    await load({ ...steady, seconds: warmUpSeconds, callsPerSecond: undefined }).report;
    const capacity = await load({ ...steady, seconds, callsPerSecond: undefined }).report;
    const prober = new Prober(probePauseMs, await asker(node.grpcPort, path, call.message));
    await Bun.sleep(quietMs);
    const quietCount = prober.probes.length;
    const callsPerSecond = overloadFactor * capacity.succeededPerSecond;
    const running = load({ ...overload, seconds, callsPerSecond });
    const [endedAtMs, report] = await Promise.all([running.endedAtMs, running.report]);
    await Bun.sleep(Math.max(0, endedAtMs + afterMs - Date.now()));
    await prober.stop();
    const quiet = prober.probes.slice(0, quietCount);
    const recoveredMs = recoveryMs(quiet, prober.probes, endedAtMs);
    describe(call, capacity, report, peakResidentMegabytes(node.pid));
    console.log(`  a caller before: ${describeTimes(timesOf(quiet))}; well ${recoveredMs} ms after the load`);
    return missedBars(call, capacity, report, recoveredMs);
  });
}

/** From the end of the load until nothing was refused or slow any more. */
function recoveryMs(quiet: readonly Probe[], all: readonly Probe[], endedAtMs: number): number {
  const slowMs = slowFactor * timesOf(quiet).maxMs;
  const lastBad = all.findLast(({ isGood, tookMs }) => !isGood || tookMs > slowMs);
  return lastBad === undefined ? 0 : Math.max(0, Math.round(lastBad.beganAtMs + lastBad.tookMs - endedAtMs));
}

function describe({ title }: CostlyCall, capacity: LoadReport, report: LoadReport, megabytes: number): void {
  const { succeededPerSecond, callCount, failures, refused, succeeded, latestMs } = report;
  const rate = (perSecond: number) => Math.round(perSecond).toLocaleString("en");
  const ms = (times: LoadReport["refused"]) =>
    `p50 ${times.p50Ms.toFixed(1)}, p99 ${times.p99Ms.toFixed(1)}, longest ${times.maxMs.toFixed(1)} ms`;
  console.log(`${title}: capacity ${rate(capacity.succeededPerSecond)}/s (${ms(capacity.succeeded)})`);
  console.log(
    `  at ${overloadFactor} x capacity: goodput ${rate(succeededPerSecond)}/s, ${share(capacity, report)} of capacity`,
  );
  console.log(
    `  ${callCount} calls, failed by status: ${JSON.stringify(failures)}, the last ${latestMs.toFixed(0)} ms late`,
  );
  console.log(`  refused: ${ms(refused)}; succeeded: ${ms(succeeded)}; at most ${megabytes} MB resident`);
}

function share(capacity: LoadReport, report: LoadReport): string {
  return `${Math.round((100 * report.succeededPerSecond) / capacity.succeededPerSecond)} %`;
}

function missedBars(
  { title }: CostlyCall,
  capacity: LoadReport,
  report: LoadReport,
  recoveredMs: number,
): string[] {
  const missed: string[] = [];
  if (report.succeededPerSecond < bars.goodput * capacity.succeededPerSecond) {
    missed.push(`goodput of ${share(capacity, report)}`);
  }
  if (report.refused.p99Ms > bars.refusedWithinMs) {
    missed.push(`refusals took ${report.refused.p99Ms.toFixed(0)} ms (99th percentile)`);
  }
  if (recoveredMs > bars.recoveredWithinMs) missed.push(`recovery took ${recoveredMs} ms`);
  return missed.map((text) => `${title}: ${text}`);
}
