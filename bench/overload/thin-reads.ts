/** Reads of small values from more connections than are good, each answer making room for the next call. */
import { create, toBinary } from "@bufbuild/protobuf";
import { HealthCheckRequestSchema } from "../../src/gen/grpc/health/v1/health_pb.ts";
import { GetStatusRequestSchema } from "../../src/gen/pairdb/admin/v1/admin_pb.ts";
import { runH2load } from "../../test/support/h2load.ts";
import { envelope } from "../../test/support/raw-grpc.ts";
import type { NodeProcess } from "../../test/support/spawn-node.ts";
import { peakResidentMegabytes } from "../peak-memory.ts";
import { loadPrefix } from "../rpc/processors.ts";
import { readMessage, writeMessage } from "../rpc/work.ts";
import { describeTimes, Prober, timesOf } from "./probe.ts";
import { asker, withNode } from "./subject.ts";

const bars = { throughput: 0.9, answeredWithinMs: 100, residentMegabytes: 600 };
const valueBytes = 100;
const few = { connectionCount: 8, streamCount: 32 };
const many = { connectionCount: 1024, streamCount: 100 };
const warmUpCalls = 50_000;
const probePauseMs = 50;

/** Prints what it sees; returns the bars that were missed. */
export async function overloadByThinReads(seconds: number): Promise<string[]> {
  return withNode(async (node) => {
    const write = await asker(node.grpcPort, "/storage.StorageNodeService/Write", writeMessage(valueBytes));
    if (!(await write())) throw new Error("the value was not written");
    const warm = await read(node, few, warmUpCalls);
    const fewRate = await read(node, few, Math.round((warm * seconds) / 2));
    const probers = await startProbers(node);
    const manyRate = await read(
      node,
      many,
      Math.max(2 * many.connectionCount * many.streamCount, Math.round(fewRate * seconds)),
    );
    const missed: string[] = [];
    for (const [name, prober] of Object.entries(probers)) {
      await prober.stop();
      const times = timesOf(prober.probes);
      console.log(`  ${name}: ${describeTimes(times)}`);
      if (times.badCount > 0) missed.push(`${name} was not answered well`);
      if (times.p99Ms > bars.answeredWithinMs)
        missed.push(`${name} took ${times.p99Ms.toFixed(0)} ms (99th percentile)`);
    }
    const megabytes = peakResidentMegabytes(node.pid);
    const share = manyRate / fewRate;
    const rate = (perSecond: number) => Math.round(perSecond).toLocaleString("en");
    console.log(
      `  Reads: 8 x 32 ${rate(fewRate)}/s, 1,024 x 100 ${rate(manyRate)}/s (${Math.round(100 * share)} %); at most ${megabytes} MB resident`,
    );
    if (share < bars.throughput) missed.push(`throughput of ${Math.round(100 * share)} %`);
    if (megabytes > bars.residentMegabytes) missed.push(`${megabytes} MB resident`);
    return missed.map((text) => `thin Reads: ${text}`);
  });
}

async function read(node: NodeProcess, load: typeof few, callCount: number): Promise<number> {
  const { callsPerSecond } = await runH2load({
    url: `http://${node.grpcAddress}/storage.StorageNodeService/Read`,
    headers: { "content-type": "application/grpc", te: "trailers" },
    body: envelope(readMessage()),
    callCount,
    ...load,
    prefix: loadPrefix(),
  });
  return callsPerSecond;
}

/** Those who look after a node, and have to be heard when everybody else asks. */
async function startProbers(node: NodeProcess): Promise<Record<string, Prober>> {
  const health = toBinary(HealthCheckRequestSchema, create(HealthCheckRequestSchema));
  const status = toBinary(GetStatusRequestSchema, create(GetStatusRequestSchema));
  const check = await asker(node.grpcPort, "/grpc.health.v1.Health/Check", health);
  const getStatus = await asker(node.grpcPort, "/pairdb.admin.v1.AdminService/GetStatus", status);
  const overHttp = async (): Promise<boolean> => {
    const response = await fetch(`${node.httpUrl}/health`);
    await response.arrayBuffer();
    return response.ok;
  };
  return {
    "gRPC health": new Prober(probePauseMs, check),
    "HTTP health": new Prober(probePauseMs, overHttp),
    GetStatus: new Prober(probePauseMs, getStatus),
  };
}
