/** `flush`: has a node write its memtable to a table. */
import type { Command } from "commander";
import { FlushResponseSchema } from "../../gen/pairdb/admin/v1/admin_pb.ts";
import { describeNodeCommand, type NodeOptions, printMessage, withConnection } from "../command.ts";
import type { CommandContext } from "../context.ts";
import { durationText } from "../units.ts";

export function flushCommand(context: CommandContext): Command {
  return describeNodeCommand("flush", "Write what is in memory only to a table.", ["flush"]).action(
    (options: NodeOptions) => flush(context, options),
  );
}

async function flush(context: CommandContext, options: NodeOptions): Promise<void> {
  const answer = await withConnection(context, options, ({ admin }) => admin.flush({}));
  if (options.json) await printMessage(context, FlushResponseSchema, answer);
  else context.note(`flushed in ${durationText(answer.durationSeconds)}`);
}
