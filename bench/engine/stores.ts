/** The same entries in a store of each kind: settled, warm, and open but for db_bench's. */
import type { Engine } from "../../src/engine/engine.ts";
import type { EngineOverrides } from "../../src/engine/options.ts";
import type { Bench } from "./group.ts";
import { progress } from "./measure.ts";
import { describeTree, fillOurs, openOurs, readOurs, settle, smallTables } from "./ours.ts";
import * as classicLevel from "./peers/classic-level.ts";
import { isDbBenchThere, runDbBench, smallTableFlags } from "./peers/db-bench.ts";
import * as lmdb from "./peers/lmdb.ts";
import { smallTableBytes, storeEntryCount } from "./settings.ts";
import { shuffled } from "./workload.ts";

const batchSize = 1000;

/** Ours, whose second level has to hold tables: else the others are ahead by their deeper trees. */
export async function buildOurs(
  bench: Bench,
  directory: string,
  overrides: EngineOverrides = {},
): Promise<Engine> {
  const { settings, workload } = bench;
  const small = smallTables(smallTableBytes(settings));
  const engine = await openOurs(directory, {
    ...small,
    ...overrides,
    compaction: { ...small.compaction, ...overrides.compaction },
  });
  const order = shuffled(storeEntryCount(settings), 7);
  await fillOurs(engine, workload, order, 1);
  await settle(engine);
  progress(`  ours: ${describeTree(engine)}`);
  if (engine.status().levels[2]!.tableCount === 0)
    throw new Error("our level 2 is empty: nothing to compare");
  readOurs(engine, workload, order);
  return engine;
}

export async function buildLevel(bench: Bench, directory: string): Promise<classicLevel.Level> {
  const { settings, workload } = bench;
  const tableBytes = smallTableBytes(settings);
  const level = await classicLevel.openLevel(directory, tableBytes, tableBytes);
  const order = shuffled(storeEntryCount(settings), 7);
  await classicLevel.putInBatches(level, workload, order, batchSize, false);
  await classicLevel.settle(level);
  progress(`  classic-level: ${classicLevel.describeTree(level)}`);
  classicLevel.readAll(level, workload, order);
  return level;
}

export async function buildLmdb(bench: Bench, directory: string): Promise<lmdb.Lmdb> {
  const { settings, workload } = bench;
  const database = lmdb.openLmdb(directory, false);
  const order = shuffled(storeEntryCount(settings), 7);
  await lmdb.putAll(database, workload, order, batchSize);
  lmdb.readAll(database, workload, order);
  return database;
}

/** False where there is no db_bench. `filluniquerandom`, so that every key is there. */
export async function buildDbBench(
  bench: Bench,
  directory: string,
  flags: readonly string[] = [],
): Promise<boolean> {
  if (!isDbBenchThere()) return false;
  const { settings } = bench;
  const { output } = await runDbBench(directory, "filluniquerandom,waitforcompaction,levelstats", settings, [
    `--num=${storeEntryCount(settings)}`,
    ...smallTableFlags(settings),
    ...flags,
  ]);
  const levels = [...output.matchAll(/^\s+(\d)\s+(\d+)\s+(\d+)$/gm)].filter(([, , files]) => files !== "0");
  progress(
    `  db_bench: ${levels.map(([, level, files, size]) => `L${level} ${files} tables ${size} MB`).join(", ")}`,
  );
  return true;
}
