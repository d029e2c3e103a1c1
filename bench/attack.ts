/**
 * A node under attack, and a client that shall not notice: `bun bench/attack.ts [--seconds N] [--kib N]`.
 *
 * One process at the lowest priority holds 200 connections that reset what they open and come again at once, 100 with
 * ten answers of `--kib` each that nobody reads, and 500 that do nothing. Meanwhile a client reads a thousand times a second,
 * whether answered or not, and counts from the moment at which each read was due. Exits with 1 when a bar is missed.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type NodeProcess, nodeCommand, spawnNode } from "../test/support/spawn-node.ts";
import type { AttackReport } from "./attack/report.ts";
import { connect, prepare, readSteadily, type VictimReport } from "./attack/victim.ts";
import { peakResidentMegabytes } from "./peak-memory.ts";
import { describePinning, loadPrefix, serverPrefix } from "./rpc/processors.ts";

const { values } = parseArgs({
  options: { seconds: { type: "string", default: "20" }, kib: { type: "string", default: "1024" } },
});
const attackMs = Number(values.seconds) * 1000;
const quietMs = 3000;

const bars = { p99Ms: 20, residentMegabytes: 600 };

interface Attackers {
  /** Ends them. */
  stop(): Promise<AttackReport>;
}

/** Resolves once all of them are connected. */
async function startAttackers(port: number): Promise<Attackers> {
  const ready = Promise.withResolvers<void>();
  const report = Promise.withResolvers<AttackReport>();
  const script = join(import.meta.dir, "attack/attackers.ts");
  const child = Bun.spawn([...loadPrefix(), "nice", "-n", "19", process.execPath, script, String(port)], {
    stdio: ["ignore", "inherit", "inherit"],
    ipc: (message: "ready" | AttackReport) => {
      if (message === "ready") ready.resolve();
      else report.resolve(message);
    },
  });
  void child.exited.then((code) => {
    const failure = new Error(`the attackers ended with ${code}`);
    ready.reject(failure);
    report.reject(failure);
  });
  await ready.promise;
  return {
    stop: () => {
      child.send("stop");
      return report.promise;
    },
  };
}

function describeVictim(name: string, { readCount, errorCount, p50Ms, p99Ms, maxMs }: VictimReport): string {
  const times = `p50 ${p50Ms.toFixed(1)} ms, p99 ${p99Ms.toFixed(1)} ms, longest ${maxMs.toFixed(1)} ms`;
  return `${name}: ${readCount} reads, ${errorCount} errors, ${times}`;
}

async function run(node: NodeProcess): Promise<string[]> {
  await prepare(node.grpcPort, Number(values.kib) * 1024);
  const clients = await connect(node.grpcPort);
  const quiet = await readSteadily(clients, quietMs);
  const attackers = await startAttackers(node.grpcPort);
  const victim = await readSteadily(clients, attackMs);
  const { endings, resetCount, readSlowly, idle } = await attackers.stop();
  for (const client of clients) client.close();
  const residentMegabytes = peakResidentMegabytes(node.pid);

  console.log(`${describePinning()}; load ${loadavg()[0]!.toFixed(1)}`);
  console.log(describeVictim("quiet", quiet));
  console.log(describeVictim("under attack", victim));
  console.log(`node: at most ${residentMegabytes} MB resident`);
  console.log(`resetting: ${resetCount} resets; connections ended with ${JSON.stringify(endings)}`);
  console.log(`reading slowly: ${JSON.stringify(readSlowly)}; idle: ${JSON.stringify(idle)}`);

  const { ENHANCE_YOUR_CALM: calmed = 0, ...others } = endings;
  const missed: string[] = [];
  if (victim.p99Ms > bars.p99Ms) missed.push(`p99 is over ${bars.p99Ms} ms`);
  if (victim.errorCount > 0) missed.push("reads of the client failed");
  if (residentMegabytes > bars.residentMegabytes) missed.push(`over ${bars.residentMegabytes} MB resident`);
  if (calmed === 0 || Object.keys(others).length > 0) {
    missed.push("connections that reset ended without ENHANCE_YOUR_CALM");
  }
  if (idle.lost > 0) missed.push("idle connections were ended");
  return missed;
}

const folder = mkdtempSync(join(tmpdir(), "pairdb-attack-"));
const spawned = spawnNode({
  dataDirectory: join(folder, "data"),
  environment: { PAIRDB_SERVER_MAX_CONNECTIONS: "2000" },
  command: [...serverPrefix(), ...nodeCommand()],
});
const node = await spawned.serving;
const missed = await run(node);
const exitCode = await node.stop();
if (exitCode !== 0) missed.push(`the node ended with ${exitCode}`);
rmSync(folder, { recursive: true });
for (const bar of missed) console.error(`MISSED: ${bar}`);
process.exit(missed.length === 0 ? 0 : 1);
