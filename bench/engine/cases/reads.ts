/** Reads of a store with tables in all levels, warm: every file is in the page cache, every cache holds all. */
import type { Engine } from "../../../src/engine/engine.ts";
import { diskBytes } from "../disk.ts";
import type { Bench, Group } from "../group.ts";
import { type Contestant, interleaved, rateOf } from "../measure.ts";
import { describeTree, readMissing, readOurs, scanOurs } from "../ours.ts";
import * as classicLevel from "../peers/classic-level.ts";
import { dbBenchName, dbBenchReader } from "../peers/db-bench.ts";
import * as lmdb from "../peers/lmdb.ts";
import { atLeastTimes, makeRow, type Row } from "../row.ts";
import { keyBytes, storeEntryCount } from "../settings.ts";
import { buildDbBench, buildLevel, buildLmdb, buildOurs } from "../stores.ts";
import { randomNumbers } from "../workload.ts";

const randomName = "read random from tables";
const missingName = "read missing keys";
const scanName = "forward scan";
const spaceName = "disk bytes per user byte";
const cases = [randomName, missingName, scanName, spaceName];

export const readsGroup: Group = { name: "reads", title: "Reads from tables", cases, run };

interface Stores {
  readonly ours: Engine;
  readonly oursDirectory: string;
  readonly level: classicLevel.Level;
  readonly levelDirectory: string;
  readonly lmdb: lmdb.Lmdb;
  readonly lmdbDirectory: string;
  /** Undefined without db_bench. */
  readonly dbBenchDirectory: string | undefined;
}

async function run(bench: Bench): Promise<Row[]> {
  const stores = await build(bench);
  const rows: Row[] = [];
  if (bench.wantsAny([randomName, missingName])) rows.push(...(await randomReads(bench, stores)));
  if (bench.wants(scanName)) rows.push(await scans(bench, stores));
  if (bench.wants(spaceName)) rows.push(space(bench, stores));
  await stores.ours.close();
  await stores.level.close();
  await stores.lmdb.close();
  return rows.filter((row) => bench.wants(row.case));
}

async function build(bench: Bench): Promise<Stores> {
  const oursDirectory = bench.directory("ours");
  const levelDirectory = bench.directory("classic-level");
  const lmdbDirectory = bench.directory("lmdb");
  const dbBenchDirectory = bench.directory("db-bench");
  return {
    ours: await buildOurs(bench, oursDirectory),
    oursDirectory,
    level: await buildLevel(bench, levelDirectory),
    levelDirectory,
    lmdb: await buildLmdb(bench, lmdbDirectory),
    lmdbDirectory,
    dbBenchDirectory: (await buildDbBench(bench, dbBenchDirectory)) ? dbBenchDirectory : undefined,
  };
}

/** A scan fills the block cache first. */

async function randomReads(bench: Bench, stores: Stores): Promise<Row[]> {
  const { settings, workload } = bench;
  const numbers = randomNumbers(settings.entryCount, storeEntryCount(settings), 3);
  const rate = (act: () => void): Contestant => {
    return () => rateOf(numbers.length, act);
  };
  const present = await interleaved(settings.roundCount, {
    ours: rate(() => readOurs(stores.ours, workload, numbers)),
    ...dbBenchReader(settings, stores.dbBenchDirectory, "readrandom"),
    [classicLevel.classicLevelName]: rate(() => classicLevel.readAll(stores.level, workload, numbers)),
    [lmdb.lmdbName]: rate(() => lmdb.readAll(stores.lmdb, workload, numbers)),
    "missing keys": rate(() => readMissing(stores.ours, workload, numbers)),
  });
  const { "missing keys": oursMissing, ...figures } = present;
  const missing = await interleaved(settings.roundCount, {
    ...dbBenchReader(settings, stores.dbBenchDirectory, "readmissing"),
    [classicLevel.classicLevelName]: rate(() => classicLevel.readMissing(stores.level, workload, numbers)),
    [lmdb.lmdbName]: rate(() => lmdb.readMissing(stores.lmdb, workload, numbers)),
  });
  const missingFigures = { ours: oursMissing!, "ours, present keys": figures["ours"]!, ...missing };
  return [
    makeRow(
      randomName,
      "gets/s",
      figures,
      [
        ...atLeastTimes(figures, 0.8, dbBenchName),
        ...atLeastTimes(figures, 2, classicLevel.classicLevelName),
      ],
      `without the entry cache; ${describeTree(stores.ours)}`,
    ),
    makeRow(missingName, "gets/s", missingFigures, atLeastTimes(missingFigures, 2, "ours, present keys")),
  ];
}

async function scans(bench: Bench, stores: Stores): Promise<Row> {
  const { settings, workload } = bench;
  const count = storeEntryCount(settings);
  const figures = await interleaved(settings.roundCount, {
    ours: () => rateOf(count, () => scanOurs(stores.ours, workload, count)),
    ...dbBenchReader(settings, stores.dbBenchDirectory, "readseq"),
    [classicLevel.classicLevelName]: () =>
      rateOf(count, () => classicLevel.scanAll(stores.level, workload, count)),
    [lmdb.lmdbName]: () => rateOf(count, () => lmdb.scanAll(stores.lmdb, workload, count)),
  });
  return makeRow(
    scanName,
    "entries/s",
    figures,
    atLeastTimes(figures, 3, classicLevel.classicLevelName),
    "keys and values",
  );
}

function space({ settings }: Bench, stores: Stores): Row {
  const userBytes = storeEntryCount(settings) * (keyBytes + settings.valueBytes);
  const share = (directory: string): number => diskBytes(directory) / userBytes;
  const { dbBenchDirectory } = stores;
  return makeRow(spaceName, "bytes", {
    ours: share(stores.oursDirectory),
    ...(dbBenchDirectory === undefined ? {} : { [dbBenchName]: share(dbBenchDirectory) }),
    [classicLevel.classicLevelName]: share(stores.levelDirectory),
    [lmdb.lmdbName]: share(stores.lmdbDirectory),
  });
}
