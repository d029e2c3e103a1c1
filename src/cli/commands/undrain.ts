/** `undrain`: has a node that was drained take writes again. */
import type { Command } from "commander";
import { UndrainResponseSchema } from "../../gen/pairdb/admin/v1/admin_pb.ts";
import { describeNodeCommand, type NodeOptions, printMessage, withConnection } from "../command.ts";
import type { CommandContext } from "../context.ts";

export function undrainCommand(context: CommandContext): Command {
  return describeNodeCommand("undrain", "Have a node that was drained take writes again.", [
    "undrain",
    "undrain --addr storage-node-2:50052",
  ]).action((options: NodeOptions) => undrain(context, options));
}

async function undrain(context: CommandContext, options: NodeOptions): Promise<void> {
  const answer = await withConnection(context, options, ({ admin }) => admin.undrain({}));
  if (options.json) await printMessage(context, UndrainResponseSchema, answer);
  else context.note(answer.wasDraining ? "it takes writes again" : "it was not draining");
}
