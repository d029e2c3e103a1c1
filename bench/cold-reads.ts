/**
 * Reads of data that does not fit into memory: `bun bench/cold-reads.ts [--entries N] [--value-bytes N]
 * [--limit-bytes N] [--seconds N] [--checks adaptive|always|never]`.
 *
 * Fills a store, throws its files out of memory, and reads it in a process of its own, in a cgroup whose memory limit
 * is a quarter of the data: 64 readers of random keys at a time, and beside them a read of a key in the memtable, due
 * every millisecond, whose delay shows how long the main thread stood still. `db_bench` then reads the same amount of
 * its own in the same kind of cgroup, with 64 threads. Prints one line of JSON; where no cgroup can be made (it takes
 * root), the line says so.
 */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { Slice } from "../src/base/bytes.ts";
import type { Engine } from "../src/engine/engine.ts";
import { entryKinds, type FoundEntry } from "../src/engine/internal-key.ts";
import type { EngineOverrides } from "../src/engine/options.ts";
import type { ResidencyChecks } from "../src/engine/residency/fault-watch.ts";
import { seededRandom } from "../src/platform/random.ts";
import { fillOurs, openOurs, settle } from "./engine/ours.ts";
import { atMost, makeRow } from "./engine/row.ts";
import { keyBytes } from "./engine/settings.ts";
import { shuffled, Workload } from "./engine/workload.ts";

const { values } = parseArgs({
  options: {
    entries: { type: "string", default: "2500000" },
    "value-bytes": { type: "string", default: "400" },
    "limit-bytes": { type: "string", default: String(256 * 2 ** 20) },
    seconds: { type: "string", default: "15" },
    checks: { type: "string", default: "adaptive" },
    store: { type: "string" },
  },
});
const entryCount = Number(values.entries);
const valueBytes = Number(values["value-bytes"]);
const limitBytes = Number(values["limit-bytes"]);
const measuredMs = 1000 * Number(values.seconds);
const readerCount = 64;
const probeIntervalMs = 1;
/** One memtable for the probe's key, small beside the limit; tables large enough to be few. */
const overrides: EngineOverrides = {
  memtable: { maxSizeBytes: 16 * 2 ** 20, flushThresholdBytes: 15 * 2 ** 20 },
  compaction: { l1TableSizeBytes: 32 * 2 ** 20, l2TableSizeBytes: 64 * 2 ** 20, compression: ["none"] },
  reads: { residencyChecks: values.checks as ResidencyChecks },
};

interface Measured {
  readonly readsPerSecond: number;
  /** Of reads that the memtable answers. */
  readonly hitP50Ms: number;
  readonly hitP99Ms: number;
  readonly hitMaxMs: number;
  readonly coldReadCount: number;
  readonly mainThreadFaultCount: number;
}

const memoryCgroups = "/sys/fs/cgroup/memory";

/** A cgroup with the limit, or undefined where none can be made. */
function makeCgroup(): string | undefined {
  const isVersion1 = existsSync(join(memoryCgroups, "memory.limit_in_bytes"));
  const path = join(isVersion1 ? memoryCgroups : "/sys/fs/cgroup", `pairdb-cold-reads-${process.pid}`);
  try {
    mkdirSync(path);
    writeFileSync(join(path, isVersion1 ? "memory.limit_in_bytes" : "memory.max"), String(limitBytes));
    return path;
  } catch {
    if (existsSync(path)) rmdirSync(path);
    return undefined;
  }
}

async function run(command: readonly string[], cgroup?: string): Promise<string> {
  const inside = ["sh", "-c", `echo $$ > ${cgroup}/cgroup.procs && exec "$@"`, "sh", ...command];
  const child = Bun.spawn(cgroup === undefined ? [...command] : inside, { stdout: "pipe", stderr: "pipe" });
  const [output, errors] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  if ((await child.exited) !== 0) throw new Error(`${command.join(" ")} failed:\n${errors.slice(-2000)}`);
  return output;
}

/** Throws the files of a folder out of the page cache, so that the reader pays for what it brings in. */
async function evict(directory: string): Promise<void> {
  for (const entry of readdirSync(directory, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    await run(["dd", `of=${path}`, "oflag=nocache", "conv=notrunc,fdatasync", "count=0", "status=none"]);
  }
}

async function fill(directory: string): Promise<void> {
  const engine = await openOurs(directory, overrides);
  await fillOurs(engine, new Workload(valueBytes), shuffled(entryCount, 7), 1);
  await settle(engine);
  await engine.close();
}

/** One of the readers: as the node reads, and lets others go on now and then. */
async function readOn(engine: Engine, workload: Workload, seed: number, untilMs: number): Promise<number> {
  const random = seededRandom(seed);
  const found: FoundEntry = { value: new Slice(), sequence: 0, kind: entryKinds.value };
  const { key } = workload;
  let readCount = 0;
  while (performance.now() < untilMs) {
    const number = random.uint32() % entryCount;
    workload.setKey(number);
    const resident = engine.whenResident(key, key.length);
    // In the node a read that need not wait is answered at once, and the next call has a turn of its own.
    await (resident ?? nextTurn());
    workload.setKey(number);
    if (!engine.get(key, key.length, found)) throw new Error(`entry ${number} is missing`);
    workload.check(found.value.bytes, found.value.start, found.value.length, number);
    readCount++;
  }
  return readCount;
}

/** Reads a key of the memtable whenever it is due, and gives each one's delay. */
async function probe(engine: Engine, untilMs: number): Promise<number[]> {
  const key = Buffer.from("t:probe");
  const found: FoundEntry = { value: new Slice(), sequence: 0, kind: entryKinds.value };
  await engine.put(key, key.length, entryKinds.value, key, key.length).durable;
  const delaysMs: number[] = [];
  for (let dueMs = performance.now(); dueMs < untilMs; ) {
    await nextTurn();
    for (; dueMs <= performance.now(); dueMs += probeIntervalMs) {
      const resident = engine.whenResident(key, key.length);
      if (resident !== undefined) await resident;
      if (!engine.get(key, key.length, found)) throw new Error("the probe's key is missing");
      delaysMs.push(performance.now() - dueMs);
    }
  }
  return delaysMs.sort((a, b) => a - b);
}

async function measure(directory: string): Promise<Measured> {
  const engine = await openOurs(directory, overrides);
  const workload = new Workload(valueBytes);
  const atOnce = (seed: number, untilMs: number) =>
    Promise.all(Array.from({ length: readerCount }, (_, i) => readOn(engine, workload, seed + i, untilMs)));
  await atOnce(1000, performance.now() + measuredMs / 3);
  const untilMs = performance.now() + measuredMs;
  const [counts, delays] = await Promise.all([atOnce(2000, untilMs), probe(engine, untilMs)]);
  const { coldReadCount, mainThreadFaultCount } = engine.status().residency;
  await engine.close();
  return {
    readsPerSecond: (1000 * counts.reduce((sum, count) => sum + count, 0)) / measuredMs,
    hitP50Ms: delays[delays.length >> 1]!,
    hitP99Ms: delays[Math.floor(0.99 * delays.length)]!,
    hitMaxMs: delays.at(-1)!,
    coldReadCount,
    mainThreadFaultCount,
  };
}

const dbBenchFlags = [
  `--num=${entryCount}`,
  `--key_size=${keyBytes}`,
  `--value_size=${valueBytes}`,
  "--bloom_bits=10",
  "--compression_type=none",
  "--mmap_read=0",
  `--cache_size=${32 * 2 ** 20}`,
];

/** Reads a second of db_bench in a cgroup; undefined where it is not installed. */
async function measureDbBench(directory: string, cgroup: string): Promise<number | undefined> {
  if (Bun.which("db_bench") === null) return undefined;
  const command = ["db_bench", `--db=${directory}`, ...dbBenchFlags];
  await run([...command, "--benchmarks=filluniquerandom,waitforcompaction"]);
  await evict(directory);
  const readFlags = [`--threads=${readerCount}`, `--duration=${measuredMs / 1000}`, "--use_existing_db"];
  const output = await run([...command, "--benchmarks=readrandom", ...readFlags], cgroup);
  return Number(/readrandom\s*:.*? (\d+) ops\/sec/.exec(output)?.[1]);
}

async function main(): Promise<void> {
  const cgroup = makeCgroup();
  if (cgroup === undefined) {
    console.log(
      JSON.stringify({ case: "cold reads", skipped: "no memory cgroup can be made here: run as root" }),
    );
    return;
  }
  const folder = mkdtempSync(join(tmpdir(), "pairdb-cold-"));
  try {
    const store = join(folder, "ours");
    await fill(store);
    await evict(store);
    const output = await run([process.execPath, ...process.argv.slice(1), `--store=${store}`], cgroup);
    const measured = JSON.parse(output) as Measured;
    rmSync(store, { recursive: true });
    const dbBench = await measureDbBench(join(folder, "rocksdb"), cgroup);
    const figures = { ours: measured.readsPerSecond, ...(dbBench !== undefined && { db_bench: dbBench }) };
    const row = makeRow("cold reads", "reads/s", figures, [atMost(5, " ms", measured.hitP99Ms)]);
    console.log(JSON.stringify({ ...row, ...measured }));
  } finally {
    rmSync(folder, { recursive: true, force: true });
    // The last process may leave the group a moment after its end.
    await sleep(100);
    rmdirSync(cgroup);
  }
}

if (values.store === undefined) await main();
else console.log(JSON.stringify(await measure(values.store)));
