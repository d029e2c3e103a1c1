/**
 * `import FILE`: stores every record of a file, many at a time.
 *
 * A line that is no record, or that the node refuses, is reported with its number. With `--on-error stop` (the
 * default) reading ends there, what is under way is finished, and the command fails; with `skip` it goes on, and
 * fails at the end. A node that cannot be reached or cannot write ends the import either way.
 */
import { type Command, Option } from "commander";
import { messageOf, StorageError } from "../../base/errors.ts";
import { type Line, splitLines } from "../../platform/line-splitter.ts";
import { readChunks } from "../../platform/streams.ts";
import { BoundedWrites } from "../bounded-writes.ts";
import { explainCallFailure, type NodeConnection } from "../client.ts";
import { type ClientOptions, describeClientCommand, printJson, withConnection } from "../command.ts";
import type { CommandContext } from "../context.ts";
import { exitCodeOf, exitCodes } from "../exit-codes.ts";
import { type Progress, startProgress } from "../progress.ts";
import {
  type FormatOptions,
  formatHelp,
  formatOf,
  formatOption,
  valueEncodingOption,
} from "../records/formats.ts";
import type { RecordFormat, TextRecord } from "../records/record-format.ts";

interface ImportOptions extends ClientOptions, FormatOptions {
  readonly onError: "stop" | "skip";
}

/** Room for the largest value with every byte escaped. */
const maxLineBytes = 64 * 1024 * 1024;
const bounds = { maxInFlight: 128, maxInFlightBytes: 32 * 1024 * 1024 };
const progressIntervalLines = 500;

export function importCommand(context: CommandContext): Command {
  return describeClientCommand("import", "Store the records of a file.", [
    "import records.ndjson",
    "import --tenant shop --on-error skip orders.tsv",
    "zcat backup.ndjson.gz | pairdb-node import -",
  ])
    .argument("<file>", "file of records; - for standard input")
    .addOption(formatOption())
    .addOption(valueEncodingOption())
    .addOption(
      new Option("--on-error <what>", "at a bad line: stop, or skip it and go on")
        .choices(["stop", "skip"])
        .default("stop"),
    )
    .addHelpText("after", formatHelp)
    .action((file: string, options: ImportOptions) => importFile(context, file, options));
}

async function importFile(context: CommandContext, file: string, options: ImportOptions): Promise<void> {
  const { streams, files, clock } = context.environment;
  const fromInput = file === "-";
  if (!fromInput && files.status(file) === undefined) {
    throw new StorageError("INVALID_ARGUMENT", `there is no file ${file}`);
  }
  const startedAtMs = clock.monotonicMs();
  const totalBytes = fromInput ? undefined : files.status(file)?.sizeBytes;
  const progress = startProgress(context, "import", totalBytes);
  try {
    const run = await withConnection(context, options, async (connection) => {
      const run = new ImportRun(context, connection, options, formatOf(file, options), progress);
      await run.readAll(splitLines(fromInput ? streams.input : readChunks(file), maxLineBytes));
      return run;
    });
    progress.stop();
    await report(context, run, options, clock.monotonicMs() - startedAtMs);
  } finally {
    progress.stop();
  }
}

async function report(
  context: CommandContext,
  run: ImportRun,
  options: ImportOptions,
  durationMs: number,
): Promise<void> {
  const { importedCount, badLineCount } = run;
  if (badLineCount > 0) context.exitCode = exitCodes.failure;
  if (options.json) {
    const stopped = run.isStopped;
    await printJson(context, { imported: importedCount, bad_lines: badLineCount, stopped });
    return;
  }
  const seconds = (durationMs / 1000).toFixed(1);
  const badLines = badLineCount === 0 ? "" : `, ${badLineCount} bad ${badLineCount === 1 ? "line" : "lines"}`;
  const end = run.isStopped ? "; stopped at the first bad line, --on-error skip goes on" : "";
  context.note(`imported ${importedCount} records in ${seconds} s${badLines}${end}`);
}

class ImportRun {
  importedCount = 0;
  badLineCount = 0;
  readonly #context: CommandContext;
  readonly #connection: NodeConnection;
  readonly #options: ImportOptions;
  readonly #format: RecordFormat;
  readonly #progress: Progress;
  readonly #writes = new BoundedWrites(bounds);
  /** The node is gone or cannot write: nothing further would succeed. */
  #fatal: unknown;

  constructor(
    context: CommandContext,
    connection: NodeConnection,
    options: ImportOptions,
    format: RecordFormat,
    progress: Progress,
  ) {
    this.#context = context;
    this.#connection = connection;
    this.#options = options;
    this.#format = format;
    this.#progress = progress;
  }

  get isStopped(): boolean {
    return this.badLineCount > 0 && this.#options.onError === "stop";
  }

  async readAll(lines: AsyncIterable<Line>): Promise<void> {
    for await (const line of lines) {
      await this.#take(line);
      if (this.isStopped || this.#fatal !== undefined) break;
      if (line.number % progressIntervalLines === 0) {
        this.#progress.update(line.endOffset, `${this.importedCount} records`);
      }
    }
    await this.#writes.whenIdle();
    if (this.#fatal !== undefined) throw this.#fatal;
  }

  async #take(line: Line): Promise<void> {
    if (line.bytes.length === 0) return;
    let record: TextRecord;
    try {
      if (line.isTooLong) throw new StorageError("INVALID_ARGUMENT", `longer than ${maxLineBytes} bytes`);
      record = this.#format.decode(line.bytes);
    } catch (error) {
      this.#reportBadLine(line.number, error);
      return;
    }
    await this.#writes.start(record.key, record.value.length, () => this.#write(line.number, record));
  }

  async #write(lineNumber: number, { key, value }: TextRecord): Promise<void> {
    try {
      const { service } = this.#connection;
      const response = await service.write({ tenantId: this.#options.tenant, key, value });
      if (!response.success) throw new StorageError("ABORTED", `not stored: ${response.errorMessage}`);
      this.importedCount++;
    } catch (cause) {
      const error = explainCallFailure(cause, this.#connection.address);
      // What the input did wrong concerns its line; anything else concerns all that follow.
      if (error instanceof StorageError && exitCodeOf(error.code) === exitCodes.usage) {
        this.#reportBadLine(lineNumber, error);
      } else {
        this.#fatal ??= error;
      }
    }
  }

  #reportBadLine(lineNumber: number, error: unknown): void {
    this.badLineCount++;
    this.#context.note(`line ${lineNumber}: ${messageOf(error)}`);
  }
}
