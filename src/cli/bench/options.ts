/** What `bench` is told on the command line. */
import { type Command, InvalidArgumentError, Option } from "commander";
import { parseDuration } from "../../config/values.ts";
import type { KeyDistribution } from "../../load/key-choice.ts";
import { type MixName, mixes } from "../../load/mixes.ts";
import type { ClientOptions } from "../command.ts";

export interface BenchOptions extends ClientOptions {
  readonly workload: MixName;
  readonly phase: "both" | "load" | "run";
  readonly records: number;
  readonly valueSize: number;
  readonly keys?: KeyDistribution;
  readonly connections: number;
  readonly inFlight: number;
  readonly rate?: number;
  /** Milliseconds. */
  readonly duration: number;
  readonly operations?: number;
  readonly seed: number;
  readonly hgrm?: string;
  readonly existingData?: true;
}

const maxValueBytes = 10_485_760;

export function addBenchOptions(command: Command): Command {
  const workloads = Object.entries(mixes).map(([name, { title }]) => `${name} (${title})`);
  return command
    .addOption(
      new Option("--workload <letter>", `mix of YCSB: ${workloads.join(", ")}`)
        .choices(Object.keys(mixes))
        .default("a"),
    )
    .addOption(
      new Option("--phase <phase>", "load the records, run the workload on them, or both")
        .choices(["both", "load", "run"])
        .default("both"),
    )
    .option("--records <count>", "records that are loaded", wholeNumber(1, 2 ** 31), 100_000)
    .option("--value-size <bytes>", "size of each value", wholeNumber(0, maxValueBytes), 100)
    .addOption(
      new Option("--keys <distribution>", "which records are asked for; default: as the workload has it") //
        .choices(["uniform", "zipfian", "latest"]),
    )
    .option("--connections <count>", "connections", wholeNumber(1, 10_000), 4)
    .option("--in-flight <count>", "operations under way on each connection", wholeNumber(1, 10_000), 32)
    .option(
      "--rate <count>",
      "operations a second, whatever the node does (open loop); default: each answer makes room for the next",
      wholeNumber(1, 10_000_000),
    )
    .addOption(
      new Option("--duration <time>", "of the run, such as 30s or 5m")
        .argParser(durationMs)
        .default(30_000, "30s"),
    )
    .option("--operations <count>", "end the run after so many", wholeNumber(1, 2 ** 53 - 1))
    .option("--seed <number>", "repeats the same choices", wholeNumber(0, 2 ** 32 - 1), 1)
    .option(
      "--hgrm <prefix>",
      "write each kind's times to PREFIX-KIND.hgrm, as HdrHistogram's percentile text",
    )
    .option("--existing-data", "write into a tenant that holds records already");
}

function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`Allowed is a whole number from ${least} to ${most}.`);
  };
}

function durationMs(text: string): number {
  const value = parseDuration(text);
  if (value !== undefined && value > 0) return value;
  throw new InvalidArgumentError("Allowed is a duration such as 500ms, 30s or 5m.");
}
