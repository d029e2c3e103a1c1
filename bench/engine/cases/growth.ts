/** What grows with the data: the JavaScript heap, and what a long run of overwrites writes again and again. */
import { heapStats } from "bun:jsc";
import type { Engine } from "../../../src/engine/engine.ts";
import { type EngineObserver, silentObserver } from "../../../src/engine/observer.ts";
import type { Bench, Group } from "../group.ts";
import { progress, rounded, StallMeter } from "../measure.ts";
import { describeTree, fillOurs, openOurs, readOurs, settle, smallTables } from "../ours.ts";
import { dbBenchName, isDbBenchThere, runDbBench, smallTableFlags } from "../peers/db-bench.ts";
import { atMost, makeRow, type Row } from "../row.ts";
import { smallTableBytes, storeEntryCount } from "../settings.ts";
import { buildDbBench } from "../stores.ts";
import { randomNumbers, shuffled } from "../workload.ts";

const heapName = "heap bytes for one more entry";
const amplificationName = "write amplification";
const stallName = "long overwrite, longest event-loop stall";
const rateName = "long overwrite";
const treeName = "tree after 5 M writes";

export const growthGroup: Group = {
  name: "growth",
  title: "What grows with the data",
  cases: [heapName, amplificationName, treeName, stallName, rateName],
  async run(bench) {
    const rows: Row[] = [];
    if (bench.wants(heapName)) rows.push(await heap(bench));
    if (bench.wantsAny([amplificationName, treeName, stallName, rateName]))
      rows.push(...(await longOverwrite(bench)));
    return rows.filter((row) => bench.wants(row.case));
  },
};

/** From 1 M to 5 M entries by default. */
async function heap(bench: Bench): Promise<Row> {
  const { settings, workload } = bench;
  const { entryCount } = settings;
  const engine = await openOurs(bench.directory("ours"), smallTables(smallTableBytes(settings)));
  const heapAfter = async (from: number, to: number): Promise<number> => {
    const numbers = shuffled(to - from, 7).map((number) => from + number);
    await fillOurs(engine, workload, numbers, 1);
    await settle(engine);
    Bun.gc(true);
    const { heapSize, extraMemorySize } = heapStats();
    // Maps of tables count as extra memory, though they are no more than the page cache.
    return heapSize - extraMemorySize;
  };
  const before = await heapAfter(0, 2 * entryCount);
  const after = await heapAfter(2 * entryCount, 10 * entryCount);
  await engine.close();
  const growth = (after - before) / (8 * entryCount);
  const note = `${rounded(before / 1e6)} MB with ${2 * entryCount} entries, ${rounded(after / 1e6)} MB with ${10 * entryCount}`;
  return makeRow(heapName, "bytes", { ours: growth }, [atMost(40, " bytes", growth)], note);
}

/** Tables written, by flushes and by compactions. */
class WrittenBytes {
  flushed = 0;
  compacted = 0;

  readonly observer: EngineObserver = {
    ...silentObserver,
    flushFinished: (_entryCount, sizeBytes) => {
      this.flushed += sizeBytes;
    },
    compactionFinished: ({ writtenBytes }) => {
      this.compacted += writtenBytes;
    },
  };

  /** As RocksDB counts: all table bytes written, for each byte that was flushed. */
  get amplification(): number {
    return (this.flushed + this.compacted) / this.flushed;
  }
}

async function longOverwrite(bench: Bench): Promise<Row[]> {
  const { settings, workload } = bench;
  const count = storeEntryCount(settings);
  const overwriteCount = 20 * settings.entryCount;
  const written = new WrittenBytes();
  const engine = await openOurs(
    bench.directory("ours"),
    smallTables(smallTableBytes(settings)),
    written.observer,
  );
  await fillOurs(engine, workload, shuffled(count, 7), 1);
  await settle(engine);
  written.flushed = written.compacted = 0;
  const meter = new StallMeter();
  const startedMs = performance.now();
  const { rates, tree } = await overwriteInParts(bench, engine, overwriteCount, meter);
  const rate = (1000 * overwriteCount) / (performance.now() - startedMs);
  const longestMs = meter.stop();
  await settle(engine);
  readOurs(engine, workload, randomNumbers(settings.entryCount, count, 3));
  await engine.close();

  const theirs = await dbBenchFigures(bench, overwriteCount);
  const figures = { ours: written.amplification, ...theirs.amplification };
  return [
    makeRow(
      amplificationName,
      "bytes",
      figures,
      [atMost(15, "", written.amplification)],
      "for each byte flushed",
    ),
    tree,
    makeRow(stallName, "ms", { ours: longestMs }, [atMost(25, " ms", longestMs)]),
    {
      ...makeRow(
        rateName,
        "puts/s",
        { ours: rate, ...theirs.rate },
        [],
        `${overwriteCount} overwrites of ${count} keys`,
      ),
      series: rates,
    },
  ];
}

/** With the rate of each part, and the tree once ten times `entryCount` were written in all, the fill included. */
async function overwriteInParts(
  bench: Bench,
  engine: Engine,
  overwriteCount: number,
  meter: StallMeter,
): Promise<{ rates: number[]; tree: Row }> {
  const { settings, workload } = bench;
  const count = storeEntryCount(settings);
  const partCount = settings.entryCount;
  const rates: number[] = [];
  let tree = makeRow(treeName, "tables", { ours: 0 });
  for (let done = 0, version = 2; done < overwriteCount; done += partCount, version++) {
    const numbers = randomNumbers(partCount, count, version);
    const startedMs = performance.now();
    await fillOurs(engine, workload, numbers, version);
    const rate = Math.round((1000 * partCount) / (performance.now() - startedMs));
    rates.push(rate);
    progress(`  ${done + partCount} overwrites, ${rate}/s, longest stall ${rounded(meter.longestMs)} ms`);
    const writtenCount = count + done + partCount;
    if (writtenCount === 10 * settings.entryCount) tree = treeRow(engine);
  }
  return { rates, tree };
}

function treeRow(engine: Engine): Row {
  const tableCount = engine.status().levels.reduce((sum, level) => sum + level.tableCount, 0);
  return makeRow(treeName, "tables", { ours: tableCount }, [], describeTree(engine));
}

interface DbBenchFigures {
  readonly amplification: Record<string, number>;
  readonly rate: Record<string, number>;
}

async function dbBenchFigures(bench: Bench, overwriteCount: number): Promise<DbBenchFigures> {
  if (!isDbBenchThere()) return { amplification: {}, rate: {} };
  const { settings } = bench;
  const directory = bench.directory("db-bench");
  await buildDbBench(bench, directory);
  const { rates, output } = await runDbBench(directory, "overwrite,waitforcompaction,stats", settings, [
    "--use_existing_db=1",
    `--num=${storeEntryCount(settings)}`,
    `--writes=${overwriteCount}`,
    ...smallTableFlags(settings),
  ]);
  return {
    amplification: { [dbBenchName]: statedAmplification(output) },
    rate: { [dbBenchName]: rates.get("overwrite")! },
  };
}

/** The column W-Amp of the row that sums up all levels. */
function statedAmplification(output: string): number {
  const lines = output.split("\n");
  const header = lines.findIndex((line) => /^Level\s+Files.*W-Amp/.test(line));
  const titles = lines[header]!.trim().split(/\s+/);
  const sum = lines.slice(header).find((line) => /^\s*Sum\s/.test(line))!;
  // The size takes two words, "30.5 MB", and the files "4/0".
  const cells = sum
    .trim()
    .replace(/(\d) ([KMGT]?B)\b/, "$1$2")
    .split(/\s+/);
  return Number(cells[titles.indexOf("W-Amp")]);
}
