/**
 * RocksDB under its own benchmark, `db_bench` of Debian's package rocksdb-tools, where it is installed: each run is
 * a process of its own.
 */
import { type Contestant, progress } from "../measure.ts";
import { keyBytes, type Settings, smallTableBytes, storeEntryCount } from "../settings.ts";

export const dbBenchName = "db_bench";

export interface DbBenchResult {
  /** Operations a second by benchmark; of one that ran twice, the last. */
  readonly rates: ReadonlyMap<string, number>;
  readonly output: string;
}

export function isDbBenchThere(): boolean {
  return Bun.which("db_bench") !== null;
}

/** No compression, bloom filters of 10 bits, and a cache that holds the data; `benchmarks` as it wants them. */
export async function runDbBench(
  directory: string,
  benchmarks: string,
  settings: Settings,
  flags: readonly string[],
): Promise<DbBenchResult> {
  const command = [
    "db_bench",
    `--db=${directory}`,
    `--benchmarks=${benchmarks}`,
    `--key_size=${keyBytes}`,
    `--value_size=${settings.valueBytes}`,
    "--bloom_bits=10",
    "--cache_size=4294967296",
    ...(flags.some((flag) => flag.startsWith("--compression_type")) ? [] : ["--compression_type=none"]),
    ...flags,
  ];
  progress(`  ${command.join(" ")}`);
  const child = Bun.spawn(command, { stdout: "pipe", stderr: "pipe" });
  const [output, errors] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  if ((await child.exited) !== 0) throw new Error(`db_bench failed:\n${errors.slice(-2000)}`);
  const lines = output.matchAll(
    /^(\w+)\s*:\s+[\d.]+ micros\/op (\d+) ops\/sec.*?(?:\((\d+) of (\d+) found\))?$/gm,
  );
  const rates = new Map<string, number>();
  for (const [, name, rate, foundCount, readCount] of lines) {
    const isComplete = name === "readmissing" ? foundCount === "0" : foundCount === readCount;
    if (!isComplete) throw new Error(`db_bench ${name} found ${foundCount} of ${readCount}`);
    rates.set(name!, Number(rate));
  }
  return { rates, output };
}

/** The rate of the run's last benchmark of this name. */
export function rateIn({ rates, output }: DbBenchResult, name: string): number {
  const rate = rates.get(name);
  if (rate === undefined) throw new Error(`db_bench says nothing of ${name}:\n${output.slice(-2000)}`);
  return rate;
}

/** Memtables, tables and levels as `smallTables` gives them to the engine. */
export function smallTableFlags(settings: Settings): string[] {
  const tableBytes = smallTableBytes(settings);
  return [
    `--write_buffer_size=${tableBytes}`,
    `--target_file_size_base=${tableBytes}`,
    `--max_bytes_for_level_base=${4 * tableBytes}`,
  ];
}

/** The contestant that runs one benchmark of reads on a store that is there, after a scan that warms it. */
export function dbBenchReader(
  settings: Settings,
  directory: string | undefined,
  name: string,
  flags: readonly string[] = [],
): Record<string, Contestant> {
  if (directory === undefined || !isDbBenchThere()) return {};
  const allFlags = [
    "--use_existing_db=1",
    `--num=${storeEntryCount(settings)}`,
    ...(name === "readseq" ? [] : [`--reads=${settings.entryCount}`]),
    ...smallTableFlags(settings),
    ...flags,
  ];
  const run = async (): Promise<number> =>
    rateIn(await runDbBench(directory, `readseq,${name}`, settings, allFlags), name);
  return { [dbBenchName]: run };
}
