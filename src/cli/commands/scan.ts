/** `scan`: lists the records of a range in key order. */
import { type Command, InvalidArgumentError } from "commander";
import { type ClientOptions, describeClientCommand, withConnection } from "../command.ts";
import type { CommandContext } from "../context.ts";
import { ndjson } from "../records/ndjson.ts";
import { escapeText, tsv } from "../records/tsv.ts";
import { scanRecords } from "../scanning.ts";

interface ScanOptions extends ClientOptions {
  readonly start: string;
  readonly end: string;
  readonly prefix: string;
  readonly limit: number;
  readonly keysOnly?: true;
}

export function scanCommand(context: CommandContext): Command {
  return describeClientCommand("scan", "List records in key order: key, tab, value.", [
    "scan --limit 10",
    "scan --prefix order/ --keys-only",
    "scan --start a --end m --json",
  ])
    .option("--start <key>", "first key", "")
    .option("--end <key>", "first key that is left out", "")
    .option("--prefix <text>", "only keys that begin so", "")
    .option("--limit <count>", "at most so many records; 0 for all", parseCount, 0)
    .option("--keys-only", "leave the values out")
    .action((options: ScanOptions) => scan(context, options));
}

async function scan(context: CommandContext, options: ScanOptions): Promise<void> {
  const { tenant, start, end, prefix, limit, keysOnly = false } = options;
  const format = options.json ? ndjson("utf8") : tsv("utf8");
  await withConnection(context, options, async (connection) => {
    const request = { tenantId: tenant, startKey: start, endKey: end, prefix, limit, keysOnly };
    const records = scanRecords(connection, request, () => {
      context.note("the scan took long: what follows is of a later moment");
    });
    for await (const { key, value } of records) {
      const keyLine = options.json ? `${JSON.stringify({ key })}\n` : `${escapeText(key)}\n`;
      await context.print(keysOnly ? keyLine : format.encode({ key, value }));
    }
  });
}

function parseCount(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("Allowed is a whole number from 0 to 999999999.");
}
