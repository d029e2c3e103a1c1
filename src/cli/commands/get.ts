/** `get KEY`: the value of a key, byte for byte. */
import type { Command } from "commander";
import { StorageError } from "../../base/errors.ts";
import { ErrorCode, type ReadResponse } from "../../gen/storage/storage_node_pb.ts";
import { clockAsJson } from "../clocks.ts";
import { type ClientOptions, describeClientCommand, printJson, withConnection } from "../command.ts";
import type { CommandContext } from "../context.ts";
import { valueAsJson } from "../records/ndjson.ts";

interface GetOptions extends ClientOptions {
  readonly siblings?: true;
}

export function getCommand(context: CommandContext): Command {
  return describeClientCommand("get", "Print the value of a key.", [
    "get greeting",
    "get --tenant shop order/17 --json",
    "get photo.jpg > photo.jpg",
  ])
    .argument("<key>", "key of the record")
    .option("--siblings", "with --json: also print the concurrent versions, if there are several")
    .action((key: string, options: GetOptions) => get(context, key, options));
}

async function get(context: CommandContext, key: string, options: GetOptions): Promise<void> {
  const response = await withConnection(context, options, ({ service }) =>
    service.read({ tenantId: options.tenant, key, includeSiblings: options.siblings === true }),
  );
  if (!response.success) throw absent(key, options, response.errorCode);
  if (options.json) {
    await printJson(context, {
      key,
      ...valueAsJson(response.value),
      clock: clockAsJson(response.vectorClock),
      ...siblingsAsJson(response),
    });
    return;
  }
  await context.print(response.value);
  if (context.environment.streams.outputIsTerminal) await context.print("\n");
  if (response.siblingCount > 1) {
    context.note(`the key has ${response.siblingCount} concurrent versions; --json --siblings prints them`);
  }
}

function siblingsAsJson(response: ReadResponse) {
  if (response.siblings.length === 0) return { sibling_count: response.siblingCount };
  return {
    siblings: response.siblings.map((sibling) => ({
      ...(sibling.isTombstone ? { deleted: true } : valueAsJson(sibling.value)),
      clock: clockAsJson(sibling.vectorClock),
    })),
  };
}

/** The failure of a key that is not there, or of an answer that says something else went wrong. */
export function absent(key: string, options: ClientOptions, code: ErrorCode): StorageError {
  if (code === ErrorCode.KEY_NOT_FOUND) {
    return new StorageError("KEY_NOT_FOUND", `tenant "${options.tenant}" has no key "${key}"`);
  }
  return new StorageError("INTERNAL", `the node answered ${ErrorCode[code]}`);
}
