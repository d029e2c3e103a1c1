/**
 * `export FILE`: writes every record of a tenant, in key order, in a form that `import` reads back byte for byte.
 * The file appears under its name only when it is whole.
 */
import type { Command } from "commander";
import { createOutput } from "../../platform/streams.ts";
import { type ClientOptions, describeClientCommand, printJson, withConnection } from "../command.ts";
import type { CommandContext } from "../context.ts";
import { startProgress } from "../progress.ts";
import {
  type FormatOptions,
  formatHelp,
  formatOf,
  formatOption,
  valueEncodingOption,
} from "../records/formats.ts";
import { scanRecords } from "../scanning.ts";

interface ExportOptions extends ClientOptions, FormatOptions {
  readonly prefix: string;
}

const progressIntervalRecords = 500;

export function exportCommand(context: CommandContext): Command {
  return describeClientCommand("export", "Write the records of a tenant to a file.", [
    "export records.ndjson",
    "export --tenant shop --prefix order/ orders.tsv",
    "export - | gzip > backup.ndjson.gz",
  ])
    .argument("<file>", "file to write; - for standard output")
    .addOption(formatOption())
    .addOption(valueEncodingOption())
    .option("--prefix <text>", "only keys that begin so", "")
    .addHelpText("after", formatHelp)
    .action((file: string, options: ExportOptions) => exportFile(context, file, options));
}

async function exportFile(context: CommandContext, file: string, options: ExportOptions): Promise<void> {
  const { streams } = context.environment;
  const toOutput = file === "-";
  const format = formatOf(file, options);
  const progress = startProgress(context, "export");
  const output = toOutput ? streams.output : createOutput(file);
  let count = 0;
  try {
    await withConnection(context, options, async (connection) => {
      const request = { tenantId: options.tenant, prefix: options.prefix };
      const records = scanRecords(connection, request, () => {
        context.note(`the export took long: from record ${count + 1} on it is of a later moment`);
      });
      for await (const { key, value } of records) {
        await output.write(format.encode({ key, value }));
        if (++count % progressIntervalRecords === 0) progress.update(count, `${count} records`);
      }
    });
    await output.close();
  } catch (error) {
    await output.abort();
    throw error;
  } finally {
    progress.stop();
  }
  if (options.json && !toOutput) await printJson(context, { exported: count });
  else context.note(`exported ${count} records`);
}
