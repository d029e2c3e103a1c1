/** `checkpoint NAME`: has a node copy its store, beside its data. */
import type { Command } from "commander";
import { CheckpointResponseSchema } from "../../gen/pairdb/admin/v1/admin_pb.ts";
import { noTimeoutMs } from "../client.ts";
import { describeNodeCommand, type NodeOptions, printMessage, withConnection } from "../command.ts";
import type { CommandContext } from "../context.ts";
import { bytesText } from "../units.ts";

export function checkpointCommand(context: CommandContext): Command {
  return describeNodeCommand("checkpoint", "Copy the store as it is now; prints where the copy lies.", [
    "checkpoint before-upgrade",
  ])
    .argument("<name>", "of the new directory below storage.checkpoint_dir")
    .action((name: string, options: NodeOptions) => checkpoint(context, name, options));
}

async function checkpoint(context: CommandContext, name: string, options: NodeOptions): Promise<void> {
  const answer = await withConnection(context, options, ({ admin }) =>
    admin.checkpoint({ name }, { timeoutMs: noTimeoutMs }),
  );
  if (options.json) {
    await printMessage(context, CheckpointResponseSchema, answer);
    return;
  }
  await context.print(`${answer.directory}\n`);
  context.note(`${answer.tableCount} tables, ${bytesText(answer.sizeBytes)}`);
}
