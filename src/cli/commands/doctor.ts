/** `doctor`: looks at the machine, the configuration and the data directory, and says what to do. Changes nothing. */
import type { Command } from "commander";
import { type DataDirectories, lockPath } from "../../engine/data-directory.ts";
import { isWritable } from "../../platform/mounts.ts";
import { describeCommand, printJson } from "../command.ts";
import { type ConfigurationOptions, configurationOf } from "../configuration.ts";
import type { CommandContext, CommandEnvironment } from "../context.ts";
import { checkConfiguration } from "../doctor/configuration.ts";
import { checkDataDirectory } from "../doctor/data-directory.ts";
import { checkDisk } from "../doctor/disk.ts";
import type { Check, Finding, FindingState, Subject } from "../doctor/finding.ts";
import { checkKernel } from "../doctor/kernel.ts";
import { checkLimits } from "../doctor/limits.ts";
import { checkTime } from "../doctor/time.ts";
import { exitCodes } from "../exit-codes.ts";

type DoctorOptions = Pick<ConfigurationOptions, "config" | "dataDir" | "host"> & { readonly json?: true };

const checks: readonly (readonly [area: string, check: Check])[] = [
  ["limits", checkLimits],
  ["disk", checkDisk],
  ["kernel", checkKernel],
  ["time", checkTime],
  ["configuration", checkConfiguration],
  ["data directory", checkDataDirectory],
];

const marks: Readonly<Record<FindingState, string>> = {
  ok: "ok      ",
  warning: "warning ",
  problem: "PROBLEM ",
};

export function doctorCommand(context: CommandContext): Command {
  const command = describeCommand(
    "doctor",
    "Look at this machine, the configuration and the data directory.",
    ["doctor", "doctor --config /etc/pairdb/config.yaml", "doctor --json"],
  );
  return command
    .option("--config <file>", "the node's YAML file; CONFIG_PATH names one too")
    .option("--data-dir <directory>", "where the data lies (default ./data)")
    .option("--host <address>", "address of both ports (default 127.0.0.1)")
    .option("--json", "print JSON")
    .action((options: DoctorOptions) => doctor(context, options));
}

async function doctor(context: CommandContext, options: DoctorOptions): Promise<void> {
  const { json, ...configurationOptions } = options;
  const subject = subjectOf(context, configurationOptions);
  const findings = checks.flatMap(([area, check]) => check(subject).map((finding) => ({ area, ...finding })));
  const count = (state: FindingState) => findings.filter((finding) => finding.state === state).length;
  const [problems, warnings] = [count("problem"), count("warning")];
  if (problems > 0) context.exitCode = exitCodes.failure;
  if (json) {
    await printJson(context, { problem_count: problems, warning_count: warnings, findings });
    return;
  }
  for (const finding of findings) await context.print(linesOf(finding.area, finding));
  await context.print(`${problems} problems, ${warnings} warnings\n`);
}

function subjectOf(context: CommandContext, options: ConfigurationOptions): Subject {
  const { configuration, warnings } = configurationOf(context, options);
  const { data_dir, commit_log_dir, sstable_dir } = configuration.storage;
  const directories = {
    dataDirectory: data_dir,
    commitLogDirectory: commit_log_dir,
    tableDirectory: sstable_dir,
  };
  return {
    environment: context.environment,
    configuration,
    directories,
    configurationWarnings: warnings,
    nodeProcessId: runningNode(context.environment, directories),
  };
}

/** The file of the lock may name a process that is gone, or one whose number another has by now. */
function runningNode({ files, readSystemFile }: CommandEnvironment, directories: DataDirectories) {
  const path = lockPath(directories);
  const holder = isWritable(path) ? files.lockHolder(path) : undefined;
  const words = readSystemFile(`/proc/${holder}/cmdline`)?.split("\0") ?? [];
  return words.includes("serve") ? holder : undefined;
}

function linesOf(area: string, { state, message, advice }: Finding): string {
  const line = `${marks[state]}${area}: ${message}\n`;
  return advice === undefined ? line : `${line}        -> ${advice}\n`;
}
