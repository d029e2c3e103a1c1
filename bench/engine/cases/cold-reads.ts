/** Reads of data that does not fit into memory: `bench/cold-reads.ts`, which needs processes of its own. */
import { join } from "node:path";
import type { Bench, Group } from "../group.ts";
import { progress, rounded } from "../measure.ts";
import type { Row } from "../row.ts";
import { keyBytes } from "../settings.ts";

const name = "cold reads";
const valueBytes = 400;
/** Of the data, what the memory limit lets the reader hold. */
const memoryShare = 0.25;

export const coldReadsGroup: Group = {
  name: "cold-reads",
  title: "Reads of data four times as large as memory",
  cases: [name],
  run,
};

/** What the script prints; without `skipped` it is a row and more. */
type Output = Row & {
  readonly skipped?: string;
  readonly hitP50Ms: number;
  readonly hitP99Ms: number;
  readonly hitMaxMs: number;
};

async function run({ settings }: Bench): Promise<Row[]> {
  const entryCount = 5 * settings.entryCount;
  const limitBytes = Math.round(memoryShare * entryCount * (keyBytes + valueBytes));
  const child = Bun.spawn(
    [
      process.execPath,
      join(import.meta.dir, "../../cold-reads.ts"),
      `--entries=${entryCount}`,
      `--value-bytes=${valueBytes}`,
      `--limit-bytes=${limitBytes}`,
    ],
    { stdout: "pipe", stderr: "inherit" },
  );
  const output = await child.stdout.text();
  if ((await child.exited) !== 0) throw new Error("the benchmark of cold reads failed");
  const { skipped, hitP50Ms, hitP99Ms, hitMaxMs, ...row } = JSON.parse(output) as Output;
  if (skipped !== undefined) {
    progress(`  skipped: ${skipped}`);
    return [];
  }
  const hits = `${rounded(hitP50Ms)} ms (p50), ${rounded(hitP99Ms)} ms (p99), ${rounded(hitMaxMs)} ms at most`;
  const { case: caseName, unit, ours, peers, ratio, bars } = row;
  const note = `values of ${valueBytes} bytes; reads that the memtable answers take ${hits} meanwhile`;
  return [{ case: caseName, unit, ours, peers, ratio, bars, note }];
}
