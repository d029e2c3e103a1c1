/**
 * A real node over gRPC, under h2load: `bun bench/rpc.ts [--json] [--rounds N] [--calls N] [--case TEXT]`.
 *
 * Each case has a node of its own on a temporary data directory, one round that warms it up, and then N rounds. A
 * round counts only if the node's own counters rose by exactly the calls that were sent; else the benchmark fails.
 * PAIRDB_BIN measures the single executable.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { create, toBinary } from "@bufbuild/protobuf";
import { ReadRequestSchema, WriteRequestSchema } from "../src/gen/storage/storage_node_pb.ts";
import { isLoadGeneratorThere, type Load, type LoadResult, runLoad } from "../test/support/load.ts";
import { type NodeProcess, spawnNode } from "../test/support/spawn-node.ts";

interface Case {
  readonly name: string;
  readonly operation: "read" | "write";
  readonly valueBytes: number;
  readonly connectionCount: number;
  readonly streamCount: number;
  /** Further arguments of `serve`. */
  readonly args?: readonly string[];
}

/** Writes carry no clock: a clock would make every write but the first a retry, since all have the same bytes. */
const cases: readonly Case[] = [
  { name: "Read, 100 B", operation: "read", valueBytes: 100, connectionCount: 8, streamCount: 32 },
  { name: "durable Write, 100 B", operation: "write", valueBytes: 100, connectionCount: 8, streamCount: 32 },
];

const { values: options } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    rounds: { type: "string", default: "5" },
    calls: { type: "string", default: "20000" },
    case: { type: "string", default: "" },
  },
});
const roundCount = Number(options.rounds);
const callCount = Number(options.calls);

const record = { tenantId: "default", key: "user/0000000001" };

function writeLoad({ valueBytes, connectionCount, streamCount }: Case): Load {
  const message = create(WriteRequestSchema, { ...record, value: new Uint8Array(valueBytes).fill(118) });
  const request = toBinary(WriteRequestSchema, message);
  return { method: "Write", request, callCount, connectionCount, streamCount, appendsPerCall: 1 };
}

function readLoad({ connectionCount, streamCount }: Case): Load {
  const request = toBinary(ReadRequestSchema, create(ReadRequestSchema, record));
  return { method: "Read", request, callCount, connectionCount, streamCount, appendsPerCall: 0 };
}

async function measure(benchCase: Case, node: NodeProcess): Promise<LoadResult[]> {
  const load = benchCase.operation === "write" ? writeLoad(benchCase) : readLoad(benchCase);
  if (benchCase.operation === "read") {
    await runLoad(node, { ...writeLoad(benchCase), callCount: 1, connectionCount: 1 });
  }
  await runLoad(node, load);
  const results: LoadResult[] = [];
  for (let round = 0; round < roundCount; round++) results.push(await runLoad(node, load));
  return results;
}

/** Over a node of its own, which has to end well. */
async function run(benchCase: Case): Promise<LoadResult[]> {
  const dataDirectory = mkdtempSync(join(tmpdir(), "pairdb-bench-"));
  const { serving, kill } = spawnNode({ dataDirectory, args: benchCase.args ?? [] });
  try {
    const node = await serving;
    const results = await measure(benchCase, node);
    const exitCode = await node.stop();
    if (exitCode !== 0) throw new Error(`the node ended with ${exitCode}:\n${node.output()}`);
    return results;
  } finally {
    await kill();
    rmSync(dataDirectory, { recursive: true, force: true });
  }
}

/** What is printed of a case; rates are calls per second, the one that stands for the case is their median. */
function summary({ name, connectionCount, streamCount, valueBytes }: Case, results: readonly LoadResult[]) {
  const rates = results.map(({ callsPerSecond }) => Math.round(callsPerSecond)).sort((a, b) => a - b);
  const total = (pick: (result: LoadResult) => number) =>
    results.reduce((sum, result) => sum + pick(result), 0);
  const syncCount = total(({ syncCount }) => syncCount);
  return {
    name,
    inFlight: connectionCount * streamCount,
    valueBytes,
    callsPerSecond: rates[Math.floor(rates.length / 2)] ?? 0,
    rounds: rates,
    meanMs: Number((total(({ meanMs }) => meanMs) / results.length).toFixed(2)),
    processorUsPerCall: Math.round(total(({ processorUsPerCall }) => processorUsPerCall) / results.length),
    callsPerSync: syncCount === 0 ? undefined : Math.round((callCount * results.length) / syncCount),
  };
}

if (!(roundCount >= 1 && callCount >= 256)) {
  console.error("bench: --rounds has to be at least 1, --calls at least 256");
  process.exit(2);
}
if (!isLoadGeneratorThere()) {
  console.error("bench: h2load is missing; it comes with Debian's package nghttp2-client");
  process.exit(1);
}

const summaries = [];
for (const benchCase of cases.filter(({ name }) => name.includes(options.case))) {
  summaries.push(summary(benchCase, await run(benchCase)));
}

if (options.json) {
  console.log(JSON.stringify({ callsPerRound: callCount, cases: summaries }));
} else {
  const columns = ["in flight", "calls/s", "least", "most", "mean ms", "cpu us/call", "calls/sync"];
  const row = (name: string, cells: readonly (string | number)[]) =>
    name.padEnd(24) + cells.map((cell) => String(cell).padStart(12)).join("");
  console.log(row(`${roundCount} rounds of ${callCount}`, columns));
  for (const {
    name,
    inFlight,
    callsPerSecond,
    rounds,
    meanMs,
    processorUsPerCall,
    callsPerSync,
  } of summaries) {
    console.log(
      row(name, [
        inFlight,
        callsPerSecond,
        rounds[0] ?? 0,
        rounds.at(-1) ?? 0,
        meanMs,
        processorUsPerCall,
        callsPerSync ?? "-",
      ]),
    );
  }
}
