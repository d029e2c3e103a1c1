/**
 * Whether a node grows with the calls that it has served: `bun bench/endurance.ts [--calls N]`, 30 million by default.
 *
 * Two nodes, one of them with TLS, serve rounds of reads, writes of the same keys, scans that are cancelled, frames
 * that are wrong, and connections that live for one call. Exits with 1 when at the end one of them holds more than
 * 1.1 times the memory that it held after the first million calls, or when a call failed that should not. Either is the
 * median of all samples of ten rounds.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { makeAuthority } from "../test/support/certificates.ts";
import { type NodeProcess, nodeCommand, spawnNode } from "../test/support/spawn-node.ts";
import { type Memory, MemoryWatch } from "./endurance/memory.ts";
import { generate } from "./endurance/process.ts";
import { cancelScans, connectAnew, sendBadFrames, writeLargeValues } from "./endurance/visits.ts";
import { serverPrefix } from "./rpc/processors.ts";
import { metricsOf } from "./rpc/server.ts";

const { values } = parseArgs({ options: { calls: { type: "string", default: "30000000" } } });
const callCount = Number(values.calls);

const warmUpCalls = 1_000_000;
const growthBar = 1.1;
/** Of one round on each of both nodes; in 30 million calls that makes 100,000 connections for one call. */
const round = { reads: 36_000, writes: 13_000, connections: 170, scans: 50, badFrames: 50 };
const keyCount = 100;
/** At the beginning and at the end, of which memory is compared. */
const sampledRounds = 10;
const shownRounds = 5;

/** A node, and what was asked of it. */
interface Subject {
  readonly name: string;
  readonly node: NodeProcess;
  readonly isTls: boolean;
  okCount: number;
  readonly memory: MemoryWatch;
  /** By round since the nodes are warm: how many samples there were when it began. */
  readonly roundStarts: number[];
}

async function start(folder: string, name: string, isTls: boolean): Promise<Subject> {
  const tls = isTls ? makeAuthority(folder, "localhost") : undefined;
  const spawned = spawnNode({
    dataDirectory: join(folder, name),
    environment: {
      // Flushes come often, so that memory has its steady size early.
      PAIRDB_MEM_TABLE_MAX_SIZE: String(4 << 20),
      // A machine that stands still for a while is nobody's failure.
      PAIRDB_SERVER_READ_TIMEOUT: "5m",
      PAIRDB_SERVER_WRITE_TIMEOUT: "5m",
      ...(tls === undefined
        ? {}
        : { PAIRDB_TLS_CERT_FILE: tls.certificatePath, PAIRDB_TLS_KEY_FILE: tls.keyPath }),
    },
    command: [...serverPrefix(), ...nodeCommand()],
  });
  const node = await spawned.serving;
  const okCount = await writeLargeValues(node.grpcPort, isTls);
  return { name, node, isTls, okCount, memory: new MemoryWatch(node.pid), roundStarts: [] };
}

async function playRound(subject: Subject, roundNumber: number): Promise<void> {
  const { node, isTls } = subject;
  const key = `key-${roundNumber % keyCount}`;
  const load = { address: node.grpcAddress, isTls, key };
  await generate({ ...load, method: "Write", callCount: round.writes });
  await generate({ ...load, method: "Read", callCount: round.reads });
  const newcomers = await connectAnew(node.grpcPort, isTls, key, round.connections);
  await cancelScans(node.grpcPort, isTls, round.scans);
  await sendBadFrames(node.grpcPort, isTls, round.badFrames);
  subject.okCount += round.writes + round.reads + newcomers;
}

async function okCalls({ node, isTls }: Subject): Promise<number> {
  const url = isTls ? node.httpUrl.replace("http:", "https:") : node.httpUrl;
  const counters = await metricsOf(url);
  const count = (method: string) =>
    counters.get(`pairdb_rpc_requests_total{method="${method}",status="OK"}`) ?? 0;
  return count("Read") + count("Write");
}

async function run(subjects: readonly Subject[]): Promise<void> {
  const served = () => subjects.reduce((sum, { okCount }) => sum + okCount, 0);
  for (let number = 0; served() < callCount; number++) {
    const isWarm = served() >= warmUpCalls;
    const starts = subjects.map(({ memory }) => memory.sampleCount);
    for (const subject of subjects) {
      if (isWarm) subject.roundStarts.push(subject.memory.sampleCount);
      await playRound(subject, number);
    }
    if (number % shownRounds === 0) {
      const shown = subjects.map(({ memory }, index) => describe(memory.median(starts[index]!)));
      console.log(`${served()} calls: ${shown.join(" and ")}, load ${loadavg()[0]!.toFixed(1)}`);
    }
  }
}

function describe({ resident, own }: Memory): string {
  return `${resident} MB (${own} its own)`;
}

/** Prints how the subject has fared; true when that is well. */
async function judge(subject: Subject): Promise<boolean> {
  const { name, node, memory, roundStarts, okCount } = subject;
  const [start = 0, warmEnd] = [roundStarts[0], roundStarts[sampledRounds]];
  const lastStart = roundStarts.at(-sampledRounds) ?? 0;
  const [first, last] = [memory.median(start, warmEnd), memory.median(lastStart)];
  const growth = last.resident / first.resident;
  const counted = await okCalls(subject);
  console.log(
    `${name}: ${okCount} calls well, ${counted} by the node's count; ` +
      `${describe(first)} after the first million, ${describe(last)} at the end (x ${growth.toFixed(2)}); ` +
      `at least ${describe(memory.least(start, warmEnd))} and ${describe(memory.least(lastStart))}`,
  );
  memory.stop();
  const exitCode = await node.stop();
  return growth <= growthBar && counted === okCount && exitCode === 0;
}

const folder = mkdtempSync(join(tmpdir(), "pairdb-endurance-"));
const subjects = [await start(folder, "cleartext", false), await start(folder, "TLS", true)];
await run(subjects);
const verdicts: boolean[] = [];
for (const subject of subjects) verdicts.push(await judge(subject));
rmSync(folder, { recursive: true });
process.exit(verdicts.every(Boolean) ? 0 : 1);
