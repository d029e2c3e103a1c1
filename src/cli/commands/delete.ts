/** `delete KEY`: deletes a key; deleting one that is not there succeeds too. */
import type { Command } from "commander";
import { StorageError } from "../../base/errors.ts";
import { clockAsJson, parseClock } from "../clocks.ts";
import { type ClientOptions, describeClientCommand, printJson, withConnection } from "../command.ts";
import type { CommandContext } from "../context.ts";

interface DeleteOptions extends ClientOptions {
  readonly clock?: string;
}

export function deleteCommand(context: CommandContext): Command {
  return describeClientCommand("delete", "Delete a key.", [
    "delete greeting",
    "delete --tenant shop order/17",
  ])
    .argument("<key>", "key of the record; one that is not there is no failure")
    .option("--clock <clock>", "vector clock of the deletion, NODE=NUMBER,…; without one the node makes it")
    .action((key: string, options: DeleteOptions) => deleteKey(context, key, options));
}

async function deleteKey(context: CommandContext, key: string, options: DeleteOptions): Promise<void> {
  const vectorClock = options.clock === undefined ? {} : parseClock(options.clock);
  const response = await withConnection(context, options, ({ service }) =>
    service.delete({ tenantId: options.tenant, key, vectorClock }),
  );
  if (!response.success) throw new StorageError("ABORTED", `not deleted: ${response.errorMessage}`);
  if (options.json) await printJson(context, { key, clock: clockAsJson(response.updatedVectorClock) });
}
