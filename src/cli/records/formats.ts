/** Chooses the format of a file of records. */
import { Option } from "commander";
import { ndjson } from "./ndjson.ts";
import type { RecordFormat } from "./record-format.ts";
import type { ValueEncoding } from "./text-encoding.ts";
import { tsv } from "./tsv.ts";

export interface FormatOptions {
  readonly format?: "ndjson" | "tsv";
  readonly valueEncoding: ValueEncoding;
}

export function formatOption(): Option {
  return new Option("--format <name>", "default: by the file's name, else ndjson").choices(["ndjson", "tsv"]);
}

export function valueEncodingOption(): Option {
  return new Option("--value-encoding <name>", "how values are written")
    .choices(["utf8", "base64"])
    .default("utf8");
}

export function formatOf(file: string, { format, valueEncoding }: FormatOptions): RecordFormat {
  const name = format ?? (file.endsWith(".tsv") ? "tsv" : "ndjson");
  return name === "tsv" ? tsv(valueEncoding) : ndjson(valueEncoding);
}

export const formatHelp = `
Formats, one record per line:
  ndjson  {"key": "…", "value": "…"}; a value that is not UTF-8 is written in base64 with "encoding": "base64"
  tsv     key, tab, value; with \\t, \\n, \\r, \\\\ and \\xHH for what has no place in a line`;
