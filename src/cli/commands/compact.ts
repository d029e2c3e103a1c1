/** `compact`: has a node compact its tables, and tells how far it is. */
import type { Command } from "commander";
import { type CompactResponse, CompactResponseSchema } from "../../gen/pairdb/admin/v1/admin_pb.ts";
import { noTimeoutMs } from "../client.ts";
import { describeNodeCommand, type NodeOptions, printMessage, withConnection } from "../command.ts";
import type { CommandContext } from "../context.ts";
import { startProgress } from "../progress.ts";
import { bytesText, durationText } from "../units.ts";

interface CompactOptions extends NodeOptions {
  readonly tenant: string;
  readonly start: string;
  readonly end: string;
}

export function compactCommand(context: CommandContext): Command {
  return describeNodeCommand("compact", "Compact tables, and wait for the end; --json prints the progress.", [
    "compact",
    "compact --tenant shop --start order/ --end order0",
  ])
    .option("--tenant <id>", "only this tenant's records", "")
    .option("--start <key>", "first key", "")
    .option("--end <key>", "first key that is left out", "")
    .action((options: CompactOptions) => compact(context, options));
}

async function compact(context: CommandContext, options: CompactOptions): Promise<void> {
  const { tenant: tenantId, start: startKey, end: endKey } = options;
  const progress = startProgress(context, "compacting");
  try {
    await withConnection(context, options, async ({ admin }) => {
      for await (const step of admin.compact({ tenantId, startKey, endKey }, { timeoutMs: noTimeoutMs })) {
        if (options.json) await printMessage(context, CompactResponseSchema, step);
        else if (step.isDone) context.note(`compacted: ${described(step)}`);
        else progress.update(0, step.isPaused ? "waits: compaction is paused" : described(step));
      }
    });
  } finally {
    progress.stop();
  }
}

function described({ compactedBytes, approximateRangeBytes, elapsedSeconds }: CompactResponse): string {
  const [written, size] = [compactedBytes, approximateRangeBytes].map(bytesText);
  return `${written} written, about ${size} in tables, ${durationText(elapsedSeconds)}`;
}
