/**
 * Opening a store after a crash with full memtables: until it answers, and until tables hold all that was in the log, as
 * LevelDB has them when it opens.
 */
import { cpSync } from "node:fs";
import { copyDurably } from "../disk.ts";
import type { Bench, Group } from "../group.ts";
import { interleaved, median } from "../measure.ts";
import { fillOurs, openOurs, readOurs } from "../ours.ts";
import * as classicLevel from "../peers/classic-level.ts";
import { atLeast, makeRow, type Row } from "../row.ts";
import { shuffled } from "../workload.ts";

/** By the memtables that were full. */
const memtableCounts: Readonly<Record<string, number>> = {
  "open after a crash, full memtable": 1,
  "open after a crash, three full memtables": 3,
};
const memtableBytes = 64 * 2 ** 20;
/** Of `entryCount`, nearly what a memtable holds. */
const memtableShare = 0.65;

export const recoveryGroup: Group = {
  name: "recovery",
  title: "Recovery",
  cases: Object.keys(memtableCounts),
  async run(bench) {
    const rows: Row[] = [];
    for (const [name, memtableCount] of Object.entries(memtableCounts)) {
      if (bench.wants(name)) rows.push(await recover(bench, name, memtableCount));
    }
    return rows;
  },
};

async function recover(bench: Bench, name: string, memtableCount: number): Promise<Row> {
  const { settings, workload } = bench;
  const order = shuffled(Math.round(memtableShare * memtableCount * settings.entryCount), 7);
  const userMegabytes = (order.length * workload.entryBytes) / 1e6;
  const crashed = await crashedOurs(bench, order, memtableCount * memtableBytes);
  const crashedLevel = await crashedClassicLevel(bench, order, memtableCount * memtableBytes);
  const opened = async (image: string, open: (directory: string) => Promise<void>): Promise<number> => {
    const directory = bench.directory("recovered");
    copyDurably(image, directory);
    const startedMs = performance.now();
    await open(directory);
    return (1000 * userMegabytes) / (performance.now() - startedMs);
  };
  const flushedRates: number[] = [];
  const ours = async () => {
    const startedMs = performance.now();
    let copiedMs = 0;
    const rate = await opened(crashed, async (directory) => {
      copiedMs = performance.now() - startedMs;
      engines.push(await openOurs(directory));
    });
    await engines.at(-1)!.flush();
    flushedRates.push((1000 * userMegabytes) / (performance.now() - startedMs - copiedMs));
    return rate;
  };
  const engines: Awaited<ReturnType<typeof openOurs>>[] = [];
  const levels: classicLevel.Level[] = [];
  const figures = await interleaved(settings.roundCount, {
    ours,
    [classicLevel.classicLevelName]: () =>
      opened(crashedLevel, async (directory) => {
        levels.push(await classicLevel.openLevel(directory, memtableBytes, memtableBytes));
      }),
  });
  for (const engine of engines) {
    readOurs(engine, workload, order);
    await engine.close();
  }
  for (const level of levels) {
    classicLevel.readAll(level, workload, order);
    await level.close();
  }
  const note =
    `${Math.round(userMegabytes)} MB of keys and values in the log, all of them durable and readable at the end; ` +
    `until tables hold all of them, ${Math.round(median(flushedRates))} MB/s`;
  return makeRow(name, "MB/s", figures, [atLeast(150, " MB/s", figures["ours"]!)], note);
}

/** What a crash would leave: a copy of the files while the store is open. */
async function crashedOurs(bench: Bench, order: Uint32Array, maxSizeBytes: number): Promise<string> {
  const directory = bench.directory("ours");
  const engine = await openOurs(directory, {
    memtable: { maxSizeBytes, flushThresholdBytes: maxSizeBytes },
  });
  await fillOurs(engine, bench.workload, order, 1);
  const image = bench.directory("crashed");
  cpSync(directory, image, { recursive: true });
  if (engine.status().levels[0]!.tableCount > 0)
    throw new Error("the memtable was flushed: nothing to replay");
  await engine.close();
  return image;
}

async function crashedClassicLevel(
  bench: Bench,
  order: Uint32Array,
  writeBufferBytes: number,
): Promise<string> {
  const directory = bench.directory("classic-level");
  const level = await classicLevel.openLevel(directory, writeBufferBytes, memtableBytes);
  await classicLevel.putInBatches(level, bench.workload, order, 1000, false);
  const image = bench.directory("crashed-classic-level");
  cpSync(directory, image, { recursive: true });
  await level.close();
  return image;
}
