/** Reads and scans of a store that compresses level 2 and what lies below, beside one that does not. */
import type { Engine } from "../../../src/engine/engine.ts";
import { diskBytes } from "../disk.ts";
import type { Bench, Group } from "../group.ts";
import { interleaved, rateOf } from "../measure.ts";
import { readOurs, scanOurs } from "../ours.ts";
import { dbBenchName, dbBenchReader, isDbBenchThere } from "../peers/db-bench.ts";
import { atLeastTimes, makeRow, type Row } from "../row.ts";
import { keyBytes, storeEntryCount } from "../settings.ts";
import { buildDbBench, buildOurs } from "../stores.ts";
import { randomNumbers } from "../workload.ts";

const warmName = "read random, zstd, cache for all blocks";
const smallName = "read random, zstd, cache for a quarter";
const scanName = "forward scan, zstd";
const spaceName = "disk bytes per user byte, zstd";
const uncompressedName = "ours, uncompressed";

const compaction = { compression: ["none", "none", "zstd"] } as const;
const zstdFlags = ["--compression_type=zstd", "--min_level_to_compress=2"];

export const zstdGroup: Group = {
  name: "zstd",
  title: "With zstd on level 2 and below",
  cases: [warmName, smallName, scanName, spaceName],
  run,
};

async function run(bench: Bench): Promise<Row[]> {
  const { settings } = bench;
  const userBytes = storeEntryCount(settings) * (keyBytes + settings.valueBytes);
  const directories = {
    plain: bench.directory("plain"),
    warm: bench.directory("warm"),
    small: bench.directory("small"),
    dbBench: bench.directory("db-bench"),
  };
  const cache = { maxDecompressedBytes: 2 * userBytes };
  const plain = await buildOurs(bench, directories.plain);
  const warm = await buildOurs(bench, directories.warm, { compaction, cache });
  const smallCache = { maxDecompressedBytes: Math.round(userBytes / 4) };
  const small = await buildOurs(bench, directories.small, { compaction, cache: smallCache });
  if (isDbBenchThere()) await buildDbBench(bench, directories.dbBench, zstdFlags);
  const rows = [
    ...(await reads(bench, plain, warm, small, directories.dbBench)),
    await scans(bench, plain, small, directories.dbBench),
    makeRow(spaceName, "bytes", {
      ours: diskBytes(directories.small) / userBytes,
      [uncompressedName]: diskBytes(directories.plain) / userBytes,
      ...(isDbBenchThere() ? { [dbBenchName]: diskBytes(directories.dbBench) / userBytes } : {}),
    }),
  ];
  for (const engine of [plain, warm, small]) await engine.close();
  return rows.filter((row) => bench.wants(row.case));
}

async function reads(
  bench: Bench,
  plain: Engine,
  warm: Engine,
  small: Engine,
  dbBenchDirectory: string,
): Promise<Row[]> {
  const { settings, workload } = bench;
  const numbers = randomNumbers(settings.entryCount, storeEntryCount(settings), 3);
  const rate = (engine: Engine) => () => rateOf(numbers.length, () => readOurs(engine, workload, numbers));
  const figures = await interleaved(settings.roundCount, {
    ours: rate(warm),
    [uncompressedName]: rate(plain),
    small: rate(small),
    ...dbBenchReader(bench.settings, dbBenchDirectory, "readrandom", zstdFlags),
  });
  const { small: smallRate, ...warmFigures } = figures;
  const smallFigures = { ours: smallRate!, [uncompressedName]: figures[uncompressedName]! };
  return [
    makeRow(warmName, "gets/s", warmFigures, atLeastTimes(warmFigures, 0.5, uncompressedName)),
    makeRow(smallName, "gets/s", smallFigures, atLeastTimes(smallFigures, 0.5, uncompressedName)),
  ];
}

async function scans(bench: Bench, plain: Engine, small: Engine, dbBenchDirectory: string): Promise<Row> {
  const { settings, workload } = bench;
  const count = storeEntryCount(settings);
  const rate = (engine: Engine) => () => rateOf(count, () => scanOurs(engine, workload, count));
  const figures = await interleaved(settings.roundCount, {
    ours: rate(small),
    [uncompressedName]: rate(plain),
    ...dbBenchReader(bench.settings, dbBenchDirectory, "readseq", zstdFlags),
  });
  return makeRow(scanName, "entries/s", figures);
}

/** A scan fills the block cache, with blocks as they were before compression. */
