/** `put KEY [VALUE]`: stores a value; acknowledged means durable, as the node is configured. */
import type { Command } from "commander";
import { StorageError } from "../../base/errors.ts";
import { readChunks } from "../../platform/streams.ts";
import { clockAsJson, parseClock } from "../clocks.ts";
import { type ClientOptions, describeClientCommand, printJson, withConnection } from "../command.ts";
import type { CommandContext } from "../context.ts";
import { encodeUtf8 } from "../records/text-encoding.ts";

interface PutOptions extends ClientOptions {
  readonly file?: string;
  readonly clock?: string;
}

export function putCommand(context: CommandContext): Command {
  return describeClientCommand("put", "Store a value under a key.", [
    "put greeting hello",
    "put photo.jpg --file photo.jpg",
    "echo -n hello | pairdb-node put greeting --file -",
    "put greeting hello --clock node-1=43   # resolves concurrent versions that have node-1=42",
  ])
    .argument("<key>", "key of the record")
    .argument("[value]", "value, as UTF-8 text")
    .option("--file <path>", "take the value from a file, or from standard input with -")
    .option("--clock <clock>", "vector clock of the write, NODE=NUMBER,…; without one the node makes it")
    .action((key: string, value: string | undefined, options: PutOptions) =>
      put(context, key, value, options),
    );
}

async function put(
  context: CommandContext,
  key: string,
  text: string | undefined,
  options: PutOptions,
): Promise<void> {
  const value = await readValue(context, text, options.file);
  const vectorClock = options.clock === undefined ? {} : parseClock(options.clock);
  const response = await withConnection(context, options, ({ service }) =>
    service.write({ tenantId: options.tenant, key, value, vectorClock }),
  );
  if (!response.success) throw new StorageError("ABORTED", `not stored: ${response.errorMessage}`);
  if (options.json) await printJson(context, { key, clock: clockAsJson(response.updatedVectorClock) });
}

async function readValue(
  context: CommandContext,
  text: string | undefined,
  file: string | undefined,
): Promise<Uint8Array> {
  if ((text === undefined) === (file === undefined)) {
    throw new StorageError("INVALID_ARGUMENT", "give a value or --file, one of them");
  }
  if (text !== undefined) return encodeUtf8(text);
  const chunks: Uint8Array[] = [];
  const input = file === "-" ? context.environment.streams.input : readChunks(file ?? "");
  for await (const chunk of input) chunks.push(chunk);
  return Buffer.concat(chunks);
}
