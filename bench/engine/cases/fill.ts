/** Writes into empty stores: without syncs, and durable ones. Default sizes, 64 MiB of memtable on all sides. */
import { entryKinds } from "../../../src/engine/internal-key.ts";
import type { Bench, Group } from "../group.ts";
import { type Contestant, interleaved, rateOf } from "../measure.ts";
import { fillOurs, openOurs, readOurs, whenWritable } from "../ours.ts";
import * as classicLevel from "../peers/classic-level.ts";
import { dbBenchName, isDbBenchThere, rateIn, runDbBench } from "../peers/db-bench.ts";
import * as lmdb from "../peers/lmdb.ts";
import { atLeastTimes, makeRow, type Row } from "../row.ts";
import { randomNumbers, shuffled } from "../workload.ts";

const fillName = "fill random, no sync";
const durableName = "durable fill, 256 callers";
const callerCount = 256;
const batchSize = 100;
const memtableBytes = 64 * 2 ** 20;
/** What is read back of each fill. */
const checkedCount = 10_000;

export const fillGroup: Group = {
  name: "fill",
  title: "Writes into an empty store",
  cases: [fillName, durableName],
  async run(bench) {
    const rows: Row[] = [];
    if (bench.wants(fillName)) rows.push(await fill(bench));
    if (bench.wants(durableName)) rows.push(await durableFill(bench));
    return rows;
  },
};

type FillLevel = (level: classicLevel.Level, order: Uint32Array) => Promise<void>;

function levelContestant(bench: Bench, order: Uint32Array, fillLevel: FillLevel): Contestant {
  return async () => {
    const directory = bench.directory("classic-level");
    const level = await classicLevel.openLevel(directory, memtableBytes, memtableBytes);
    const rate = await rateOf(order.length, () => fillLevel(level, order));
    classicLevel.readAll(level, bench.workload, randomNumbers(checkedCount, order.length, 5));
    await level.close();
    bench.remove(directory);
    return rate;
  };
}

function lmdbContestant(bench: Bench, order: Uint32Array, durable: boolean, callers: number): Contestant {
  return async () => {
    const directory = bench.directory("lmdb");
    const database = lmdb.openLmdb(directory, durable);
    const rate = await rateOf(order.length, () => lmdb.putAll(database, bench.workload, order, callers));
    lmdb.readAll(database, bench.workload, randomNumbers(checkedCount, order.length, 5));
    await database.close();
    bench.remove(directory);
    return rate;
  };
}

function dbBenchContestant(bench: Bench, flags: readonly string[]): Record<string, Contestant> {
  if (!isDbBenchThere()) return {};
  const run = async (): Promise<number> => {
    const directory = bench.directory("db-bench");
    const rate = rateIn(await runDbBench(directory, "fillrandom", bench.settings, flags), "fillrandom");
    bench.remove(directory);
    return rate;
  };
  return { [dbBenchName]: run };
}

async function fill(bench: Bench): Promise<Row> {
  const { entryCount, roundCount } = bench.settings;
  const { workload } = bench;
  const order = shuffled(entryCount, 7);
  const figures = await interleaved(roundCount, {
    ours: async () => {
      const directory = bench.directory("ours");
      const engine = await openOurs(directory);
      const rate = await rateOf(entryCount, () => fillOurs(engine, workload, order, 1));
      readOurs(engine, workload, order);
      await engine.close();
      bench.remove(directory);
      return rate;
    },
    ...dbBenchContestant(bench, [`--num=${entryCount}`]),
    [classicLevel.classicLevelName]: levelContestant(bench, order, (level, numbers) =>
      classicLevel.putAll(level, workload, numbers),
    ),
    [lmdb.lmdbName]: lmdbContestant(bench, order, false, 4096),
  });
  return makeRow(fillName, "puts/s", figures, [
    ...atLeastTimes(figures, 1.5, dbBenchName),
    ...atLeastTimes(figures, 3, classicLevel.classicLevelName),
  ]);
}

async function durableFill(bench: Bench): Promise<Row> {
  const { entryCount, roundCount } = bench.settings;
  const { workload } = bench;
  const order = shuffled(Math.floor(0.4 * entryCount), 7);
  const figures = await interleaved(roundCount, {
    ours: async () => {
      const directory = bench.directory("ours");
      const engine = await openOurs(directory, { commitLog: { sync: "always" } });
      const callers = Array.from({ length: callerCount }, (_, first) => first);
      const call = async (first: number): Promise<void> => {
        for (let index = first; index < order.length; index += callerCount) {
          if (engine.whenWritable(workload.entryBytes) !== undefined) {
            await whenWritable(engine, workload.entryBytes);
          }
          workload.setKey(order[index]!);
          workload.setValue(order[index]!, 1);
          const { key, value } = workload;
          await engine.put(key, key.length, entryKinds.value, value, value.length).durable;
        }
      };
      const rate = await rateOf(order.length, async () => void (await Promise.all(callers.map(call))));
      readOurs(engine, workload, order);
      await engine.close();
      bench.remove(directory);
      return rate;
    },
    [classicLevel.classicLevelName]: levelContestant(bench, order, (level, numbers) =>
      classicLevel.putInBatches(level, workload, numbers, batchSize, true),
    ),
    [lmdb.lmdbName]: lmdbContestant(bench, order, true, callerCount),
    ...dbBenchContestant(bench, [`--num=${order.length}`, "--sync=1", `--batch_size=${batchSize}`]),
  });
  const bars = atLeastTimes(figures, 1.2, classicLevel.classicLevelName);
  const note = `classic-level and db_bench write batches of ${batchSize}, each synced; lmdb has ${callerCount} callers too`;
  return makeRow(durableName, "puts/s", figures, bars, note);
}
