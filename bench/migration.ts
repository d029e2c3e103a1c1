/**
 * Hash ranges move from one node to another while writes and reads go on: `bun bench/migration.ts [--keys N]
 * [--folder F]`, two million keys by default. What a folder that is given holds is kept, and a store that is in it
 * already is not filled again; so what is measured takes half a minute.
 *
 * Four ranges hold a third of the keys, which lie in several tables and levels. Exits with 1 when a bar is missed.
 * See docs/performance.md.
 */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { connect } from "../src/cli/client.ts";
import { LoadRun } from "../src/load/load-run.ts";
import { Requests } from "../src/load/requests.ts";
import type { HashRange } from "../src/migration/hash-ranges.ts";
import { systemClock } from "../src/platform/clock.ts";
import { seededRandom } from "../src/platform/random.ts";
import { type NodeProcess, nodeCommand, spawnNode } from "../test/support/spawn-node.ts";
import { type CallTimes, PacedCalls } from "./migration/paced-calls.ts";
import { compareNodes, StreamWatch, tablesByLevel } from "./migration/watch.ts";

const { values } = parseArgs({
  options: { keys: { type: "string", default: "2000000" }, folder: { type: "string" } },
});
const keyCount = Number(values.keys);
const folder = values.folder ?? mkdtempSync(join(tmpdir(), "pairdb-migration-"));
const isFilled = existsSync(join(folder, "source"));

const tenantId = "moved";
const valueBytes = 100;
const callsPerSecond = 2000;
const quietMs = 8000;
const warmUpMs = 2000;
/** How long the stream follows writes before they end. */
const followedMs = 3000;

const bars = { movedKeysPerSecond: 50_000, stallMs: 25, slowdown: 3 };

/** A third of the ring, in four places. */
const ranges: readonly HashRange[] = [1n, 4n, 7n, 10n].map((twelfth) => ({
  start: (twelfth << 64n) / 12n,
  end: ((twelfth + 1n) << 64n) / 12n,
}));

const requests = () => new Requests(tenantId, "bench", valueBytes, seededRandom(1));

async function fill({ grpcPort }: NodeProcess): Promise<void> {
  const work = {
    mix: { title: "load", shares: { insert: 1 }, keys: "uniform" },
    keys: "uniform",
    recordCount: 0,
  } as const;
  const run = new LoadRun(systemClock, seededRandom(2), requests(), work, {
    hostname: "127.0.0.1",
    port: grpcPort,
    tls: undefined,
    fields: [],
    connectionCount: 4,
    inFlight: 128,
    rate: undefined,
    operationCount: keyCount,
    durationMs: 3_600_000,
  });
  const { failedCount } = await run.run();
  if (failedCount > 0) throw new Error(`${failedCount} writes failed while the store was filled`);
}

interface Figures {
  readonly quiet: CallTimes;
  readonly moving: CallTimes;
  readonly failedCalls: number;
  readonly watch: StreamWatch;
  readonly quietStallMs: number;
  readonly missingThere: number;
  readonly different: number;
}

async function measure(source: NodeProcess, target: NodeProcess): Promise<Figures> {
  if (!isFilled) await fill(source);
  const { service, admin, close } = connect(source.grpcAddress, { authorization: undefined, tls: undefined });
  await admin.flush({});
  console.log(`${keyCount} keys, tables by level: ${await tablesByLevel(source)}`);

  const calls = await PacedCalls.start(source.grpcPort, requests(), keyCount, callsPerSecond);
  await Bun.sleep(warmUpMs);
  calls.takeTimes();
  const quietFromMs = Date.now();
  await Bun.sleep(quietMs);
  const quiet = calls.takeTimes();
  const quietStallMs = longestStallMs(source, quietFromMs);
  console.log(
    `before: p99 of writes ${p99Ms(quiet, "write").toFixed(2)} ms, of reads ${p99Ms(quiet, "read").toFixed(2)} ms`,
  );

  const watch = new StreamWatch(service, { sourceNodeId: "source", targetNodeId: "target" });
  // Of a run that was ended in the middle.
  await service.stopStreaming({ sourceNodeId: "source", targetNodeId: "target" });
  const begun = await service.startStreaming({
    sourceNodeId: "source",
    targetNodeId: "target",
    targetHost: "127.0.0.1",
    targetPort: target.grpcPort,
    keyRanges: ranges.map(({ start, end }) => ({ startHash: start, endHash: end })),
  });
  if (!begun.success) throw new Error(begun.message);
  await watch.untilCompleted();
  for (const line of watch.phases(source, longestStallMs)) console.log(line);
  await Bun.sleep(followedMs);
  const moving = calls.takeTimes();
  await calls.stop();
  await watch.untilCaughtUp(admin);
  const { missingThere, different } = await compareNodes(source, target, ranges);
  close();
  return { quiet, moving, failedCalls: calls.failedCount, watch, quietStallMs, missingThere, different };
}

/** As `migration/stall-meter.ts` tells them. */
function longestStallMs(node: NodeProcess, fromMs: number, untilMs = Number.POSITIVE_INFINITY): number {
  const stalls = [...node.output().matchAll(/\{"stall_ms":([\d.e-]+),"until_ms":(\d+)\}/g)];
  return Math.max(
    0,
    ...stalls
      .filter(([, , atMs]) => Number(atMs) > fromMs && Number(atMs) <= untilMs)
      .map(([, stallMs]) => Number(stallMs)),
  );
}

function p99Ms(times: CallTimes, kind: keyof CallTimes): number {
  return times[kind].valueAt(0.99) / 1000;
}

function report(source: NodeProcess, figures: Figures): string[] {
  const { quiet, moving, watch, quietStallMs, missingThere, different, failedCalls } = figures;
  const missed: string[] = [];
  const check = (isMet: boolean, text: string): void => {
    console.log(`${isMet ? "met   " : "MISSED"} ${text}`);
    if (!isMet) missed.push(text);
  };
  check(missingThere === 0 && different === 0, `${missingThere} keys missing there, ${different} different`);
  check(failedCalls === 0, `${failedCalls} calls failed`);
  const rate = Math.round(watch.copiedPerSecond);
  check(rate >= bars.movedKeysPerSecond, `${rate} keys/s copied (${bars.movedKeysPerSecond})`);
  const stallMs = longestStallMs(source, watch.startedAtMs);
  check(
    stallMs <= bars.stallMs,
    `longest stall of the source ${stallMs.toFixed(1)} ms (${bars.stallMs}); before ${quietStallMs.toFixed(1)} ms`,
  );
  for (const kind of ["write", "read"] as const) {
    const [before, during] = [p99Ms(quiet, kind), p99Ms(moving, kind)];
    const text = `p99 of ${kind}s ${during.toFixed(2)} ms, ${(during / before).toFixed(1)} times ${before.toFixed(2)} ms before (${bars.slowdown})`;
    check(during <= bars.slowdown * before, text);
  }
  return missed;
}

// Small memtables and levels, so that there are several of each.
const environment = {
  PAIRDB_MEM_TABLE_MAX_SIZE: String(16 << 20),
  PAIRDB_SSTABLE_L1_SIZE: String(8 << 20),
  PAIRDB_SSTABLE_L2_SIZE: String(32 << 20),
};
const meter = ["--preload", join(import.meta.dir, "migration/stall-meter.ts")];
const [bun = "", main = ""] = nodeCommand();
const start = (nodeId: string) =>
  spawnNode({
    dataDirectory: join(folder, nodeId),
    args: ["--node-id", nodeId, "--insecure"],
    environment,
    command: [bun, ...meter, main],
  });
const nodes = [start("source"), start("target")] as const;
try {
  console.log(`load ${loadavg()[0]!.toFixed(1)}`);
  const [source, target] = await Promise.all([nodes[0].serving, nodes[1].serving]);
  const missed = report(source, await measure(source, target));
  process.exitCode = missed.length === 0 ? 0 : 1;
} finally {
  await Promise.all(nodes.map((node) => node.kill()));
  // The target begins with nothing each time.
  rmSync(values.folder === undefined ? folder : join(folder, "target"), { recursive: true, force: true });
}
