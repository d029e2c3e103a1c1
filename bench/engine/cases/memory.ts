/** Reads that memory answers: from a memtable, and through the entry cache. */

import { seededRandom } from "../../../src/platform/random.ts";
import { ZipfRanks } from "../../../test/support/cache-traces.ts";
import type { Bench, Group } from "../group.ts";
import { interleaved, rateOf } from "../measure.ts";
import { fillOurs, openOurs, readOurs, smallTables } from "../ours.ts";
import { dbBenchName, isDbBenchThere, rateIn, runDbBench } from "../peers/db-bench.ts";
import { makeRow, type Row } from "../row.ts";
import { smallTableBytes, storeEntryCount } from "../settings.ts";
import { buildOurs } from "../stores.ts";
import { randomNumbers, shuffled } from "../workload.ts";

const memtableName = "read random from memtable";
const cacheName = "read Zipf 0.99 with cache";
/** Of the keys, what the cache has room for. */
const cachedShare = 0.05;
/** Of an entry in the cache, beside key and value. */
const cacheOverheadBytes = 44;

export const memoryGroup: Group = {
  name: "memory",
  title: "Reads from memory",
  cases: [memtableName, cacheName],
  async run(bench) {
    const rows: Row[] = [];
    if (bench.wants(memtableName)) rows.push(await memtable(bench));
    if (bench.wants(cacheName)) rows.push(await cache(bench));
    return rows;
  },
};

async function memtable(bench: Bench): Promise<Row> {
  const { settings, workload } = bench;
  const { entryCount, roundCount } = settings;
  const memtableBytes = 8 * entryCount * workload.entryBytes;
  const engine = await openOurs(bench.directory("ours"), {
    memtable: { maxSizeBytes: memtableBytes, flushThresholdBytes: memtableBytes },
  });
  await fillOurs(engine, workload, shuffled(entryCount, 7), 1);
  const numbers = randomNumbers(entryCount, entryCount, 3);
  const dbBench = async (): Promise<number> => {
    const directory = bench.directory("db-bench");
    const flags = [`--num=${entryCount}`, `--write_buffer_size=${memtableBytes}`];
    const result = await runDbBench(directory, "filluniquerandom,readrandom", settings, flags);
    bench.remove(directory);
    return rateIn(result, "readrandom");
  };
  const figures = await interleaved(roundCount, {
    ours: () => rateOf(numbers.length, () => readOurs(engine, workload, numbers)),
    ...(isDbBenchThere() ? { [dbBenchName]: dbBench } : {}),
  });
  if (engine.status().levels[0]!.tableCount > 0) throw new Error("the memtable was flushed");
  await engine.close();
  return makeRow(memtableName, "gets/s", figures);
}

/** The same store with and without a cache. */
async function cache(bench: Bench): Promise<Row> {
  const { settings, workload } = bench;
  const count = storeEntryCount(settings);
  const directory = bench.directory("ours");
  await (await buildOurs(bench, directory)).close();
  const numbers = zipfNumbers(2 * settings.entryCount, count);
  const maxSizeBytes = Math.round(cachedShare * count * (workload.entryBytes + cacheOverheadBytes));
  let hitShare = 0;
  const round = async (cacheBytes: number): Promise<number> => {
    const engine = await openOurs(directory, {
      ...smallTables(smallTableBytes(settings)),
      cache: { maxSizeBytes: cacheBytes },
    });
    readOurs(engine, workload, numbers);
    const before = engine.status().cache;
    const rate = await rateOf(numbers.length, () => readOurs(engine, workload, numbers));
    const after = engine.status().cache;
    if (cacheBytes > 0) hitShare = (after.hits - before.hits) / numbers.length;
    await engine.close();
    return rate;
  };
  const figures = await interleaved(settings.roundCount, {
    ours: () => round(maxSizeBytes),
    "ours, no cache": () => round(0),
  });
  const note = `the cache holds ${100 * cachedShare} % of the keys and answers ${Math.round(100 * hitShare)} % of the reads`;
  return makeRow(cacheName, "gets/s", figures, [], note);
}

/** The frequent ones lie apart, as in life. */
function zipfNumbers(count: number, keyCount: number): Uint32Array {
  const ranks = new ZipfRanks(keyCount, seededRandom(9));
  const numberOfRank = shuffled(keyCount, 13);
  return Uint32Array.from({ length: count }, () => numberOfRank[ranks.draw()]!);
}
