/** Writes into a store with tables in all levels, and reads beside them while compactions run. */
import { setImmediate as nextTurn } from "node:timers/promises";
import { Slice } from "../../../src/base/bytes.ts";
import type { Engine } from "../../../src/engine/engine.ts";
import { entryKinds, type FoundEntry } from "../../../src/engine/internal-key.ts";
import type { Bench, Group } from "../group.ts";
import {
  type Contestant,
  interleaved,
  median,
  percentile,
  progress,
  rateOf,
  rounded,
  StallMeter,
} from "../measure.ts";
import { fillOurs, readOurs, settle } from "../ours.ts";
import * as classicLevel from "../peers/classic-level.ts";
import { dbBenchName, rateIn, runDbBench, smallTableFlags } from "../peers/db-bench.ts";
import { atMost, makeRow, type Row } from "../row.ts";
import { storeEntryCount } from "../settings.ts";
import { buildDbBench, buildLevel, buildOurs } from "../stores.ts";
import { randomNumbers } from "../workload.ts";

const overwriteName = "overwrite";
const overwriteStallName = "overwrite, longest event-loop stall";
const quietNames = ["p50", "p99", "p99.9"].map((part) => `read beside compactions, ${part}`);
const stallName = "read beside compactions, longest event-loop stall";

export const compactionGroup: Group = {
  name: "compaction",
  title: "Work while compactions run",
  cases: [overwriteName, overwriteStallName, ...quietNames, stallName],
  async run(bench) {
    const engine = await buildOurs(bench, bench.directory("ours"));
    const rows = bench.wantsAny([overwriteName, overwriteStallName]) ? await overwrites(bench, engine) : [];
    if (bench.wantsAny([...quietNames, stallName])) rows.push(...(await mixedLoad(bench, engine)));
    await engine.close();
    return rows.filter((row) => bench.wants(row.case));
  },
};

async function overwrites(bench: Bench, engine: Engine): Promise<Row[]> {
  const { settings, workload } = bench;
  const count = storeEntryCount(settings);
  const level = await buildLevel(bench, bench.directory("classic-level"));
  let version = 1;
  let longestMs = 0;
  const ours = async (): Promise<number> => {
    const numbers = randomNumbers(settings.entryCount, count, ++version);
    const meter = new StallMeter();
    const rate = await rateOf(numbers.length, () => fillOurs(engine, workload, numbers, version));
    longestMs = Math.max(longestMs, meter.stop());
    await settle(engine);
    readOurs(engine, workload, numbers);
    return rate;
  };
  const figures = await interleaved(settings.roundCount, {
    ours,
    ...(await dbBenchContestant(bench)),
    [classicLevel.classicLevelName]: async () => {
      const numbers = randomNumbers(settings.entryCount, count, version);
      const rate = await rateOf(numbers.length, () => classicLevel.putAll(level, workload, numbers));
      await classicLevel.settle(level);
      return rate;
    },
  });
  await level.close();
  return [
    makeRow(overwriteName, "puts/s", figures),
    makeRow(overwriteStallName, "ms", { ours: longestMs }, [atMost(25, " ms", longestMs)]),
  ];
}

async function dbBenchContestant(bench: Bench): Promise<Record<string, Contestant>> {
  const { settings } = bench;
  const directory = bench.directory("db-bench");
  if (!(await buildDbBench(bench, directory))) return {};
  const flags = [
    "--use_existing_db=1",
    `--num=${storeEntryCount(settings)}`,
    `--writes=${settings.entryCount}`,
    ...smallTableFlags(settings),
  ];
  const run = async (): Promise<number> =>
    rateIn(await runDbBench(directory, "overwrite,waitforcompaction", settings, flags), "overwrite");
  return { [dbBenchName]: run };
}

/** In each turn of the event loop so many reads, and as many writes as the engine takes then, but no more. */
const readsInTurn = 8;
const writesInTurn = 8;

interface LoadResult {
  readonly latenciesUs: Float64Array;
  readonly longestStallMs: number;
  readonly writeCount: number;
}

async function load(bench: Bench, engine: Engine, seed: number, writes: boolean): Promise<LoadResult> {
  const { settings, workload } = bench;
  const found: FoundEntry = { value: new Slice(), sequence: 0, kind: entryKinds.value };
  const count = storeEntryCount(settings);
  const reads = randomNumbers(2 * settings.entryCount, count, seed);
  const overwritten = randomNumbers(reads.length, count, seed + 1);
  const latenciesUs = new Float64Array(reads.length);
  const { key, value, entryBytes } = workload;
  const meter = new StallMeter();
  let writeCount = 0;
  for (let index = 0; index < reads.length; index++) {
    workload.setKey(reads[index]!);
    const startedMs = performance.now();
    const isThere = engine.get(key, key.length, found);
    latenciesUs[index] = 1000 * (performance.now() - startedMs);
    if (!isThere) throw new Error(`entry ${reads[index]} is missing`);
    workload.check(found.value.bytes, found.value.start, found.value.length, reads[index]!);
    if (index % readsInTurn > 0) continue;
    await nextTurn();
    for (let write = 0; writes && write < writesInTurn; write++) {
      if (engine.whenWritable(entryBytes) !== undefined) break;
      workload.setKey(overwritten[writeCount]!);
      workload.setValue(overwritten[writeCount]!, seed);
      engine.put(key, key.length, entryKinds.value, value, value.length);
      writeCount++;
    }
  }
  return { latenciesUs, longestStallMs: meter.stop(), writeCount };
}

async function mixedLoad(bench: Bench, engine: Engine): Promise<Row[]> {
  const parts = [0.5, 0.99, 0.999];
  const quiet: LoadResult[] = [];
  const busy: LoadResult[] = [];
  let writesPerSecond = 0;
  for (let round = 0; round < bench.settings.roundCount; round++) {
    await settle(engine);
    quiet.push(await load(bench, engine, 100 + 2 * round, false));
    const startedMs = performance.now();
    const result = await load(bench, engine, 101 + 2 * round, true);
    writesPerSecond = Math.round((1000 * result.writeCount) / (performance.now() - startedMs));
    busy.push(result);
    progress(`  round ${round + 1}: ${writesPerSecond} writes/s, stall ${rounded(result.longestStallMs)} ms`);
  }
  const at = (results: LoadResult[], part: number): number =>
    median(results.map(({ latenciesUs }) => percentile(latenciesUs, part)));
  const rows = parts.map((part, index) => {
    const figures = { ours: at(busy, part), "ours, quiet": at(quiet, part) };
    const bars = part === 0.99 ? [atMost(5, " × quiet", figures.ours / figures["ours, quiet"])] : [];
    const note = `${readsInTurn} reads and ${writesInTurn} overwrites in each turn, ${writesPerSecond} writes a second`;
    return makeRow(quietNames[index]!, "µs", figures, bars, note);
  });
  const stallMs = (results: LoadResult[]): number =>
    median(results.map(({ longestStallMs }) => longestStallMs));
  const stalls = { ours: stallMs(busy), "ours, quiet": stallMs(quiet) };
  return [...rows, makeRow(stallName, "ms", stalls, [atMost(25, " ms", stalls.ours)])];
}
