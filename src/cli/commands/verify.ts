/** `verify DIRECTORY`: checks every checksum of a stopped node's files, and lists what is wrong. */
import type { Command } from "commander";
import { type Finding, type VerifyReport, verifyDataDirectory } from "../../engine/verify.ts";
import { describeCommand, printJson } from "../command.ts";
import type { CommandContext } from "../context.ts";
import { exitCodes } from "../exit-codes.ts";
import { startProgress } from "../progress.ts";
import { addDirectoryOptions, type DirectoryOptions, directoriesOf } from "../store-directory.ts";

interface VerifyOptions extends DirectoryOptions {
  readonly json?: true;
}

export function verifyCommand(context: CommandContext): Command {
  const command = describeCommand("verify", "Check every checksum of a stopped node's files.", [
    "verify data",
    "verify /var/lib/pairdb --json",
  ]);
  return addDirectoryOptions(command)
    .option("--json", "print JSON")
    .action((directory: string, options: VerifyOptions) => verify(context, directory, options));
}

async function verify(context: CommandContext, directory: string, options: VerifyOptions): Promise<void> {
  const progress = startProgress(context, "verify", 1);
  let report: VerifyReport;
  try {
    report = verifyDataDirectory(
      context.environment.files,
      directoriesOf(directory, options),
      (doneBytes, totalBytes, file) => progress.update(totalBytes === 0 ? 1 : doneBytes / totalBytes, file),
    );
  } finally {
    progress.stop();
  }
  if (report.findings.length > 0) context.exitCode = exitCodes.failure;
  if (options.json) {
    const { findings, notes, fileCount, sizeBytes } = report;
    await printJson(context, { findings, notes, file_count: fileCount, size_bytes: sizeBytes });
    return;
  }
  for (const note of report.notes) await context.print(`note: ${line(note)}\n`);
  for (const finding of report.findings) await context.print(`${line(finding)}\n`);
  await context.print(`${summary(report)}\n`);
}

function line({ file, offset, message }: Finding): string {
  return `${file} at byte ${offset}: ${message}`;
}

function summary({ findings, fileCount, sizeBytes }: VerifyReport): string {
  const checked = `${fileCount} files, ${sizeBytes} bytes of tables and commit log`;
  if (findings.length === 0) return `clean: ${checked}`;
  const things = findings.length === 1 ? "1 thing is" : `${findings.length} things are`;
  return `${things} wrong in ${checked}`;
}
