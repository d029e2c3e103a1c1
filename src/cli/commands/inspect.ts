/** `inspect KIND FILE`: a file of the store as readable lines. */
import type { Command } from "commander";
import { StorageError } from "../../base/errors.ts";
import { describeSegment } from "../../engine/commit-log/inspect.ts";
import { describeManifest } from "../../engine/manifest/describe.ts";
import { describeTable } from "../../engine/sstable/describe.ts";
import { describeCommand } from "../command.ts";
import type { CommandContext } from "../context.ts";

interface InspectOptions {
  readonly entries?: boolean;
}

export function inspectCommand(context: CommandContext): Command {
  const { files } = context.environment;
  const table = describeCommand("sstable", "Print a table: footer, properties, filter, index, blocks.", [
    "inspect sstable data/sstables/000012.sst",
    "inspect sstable data/sstables/000012.sst --entries",
  ])
    .argument("<file>", "file of the table")
    .option("--entries", "with a line for every entry")
    .action((file: string, { entries = false }: InspectOptions) =>
      printLines(context, file, () => describeTable(files, file, { entries })),
    );
  const segment = describeCommand(
    "commit-log",
    "Print a segment of the commit log: header, frames, entries.",
    ["inspect commit-log data/commitlog/000007.log"],
  )
    .argument("<file>", "file of the segment")
    .action((file: string) => printLines(context, file, () => describeSegment(files, file)));
  const manifest = describeCommand("manifest", "Print a manifest: its edits, one after the other.", [
    "inspect manifest data/MANIFEST-000005",
  ])
    .argument("<file>", "file of the manifest")
    .action((file: string) => printLines(context, file, () => describeManifest(files, file)));
  return describeCommand("inspect", "Print a file of the store in readable form.", [
    "inspect sstable data/sstables/000012.sst",
  ])
    .addCommand(table)
    .addCommand(segment)
    .addCommand(manifest);
}

async function printLines(
  context: CommandContext,
  file: string,
  describe: () => Iterable<string>,
): Promise<void> {
  const status = context.environment.files.status(file);
  if (status === undefined) throw new StorageError("INVALID_ARGUMENT", `there is no file ${file}`);
  if (status.isDirectory) throw new StorageError("INVALID_ARGUMENT", `${file} is a directory`);
  for (const line of describe()) await context.print(`${line}\n`);
}
