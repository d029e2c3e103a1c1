/** `streams`: the streams of a node to others, with how far they are. */
import type { Command } from "commander";
import { type StreamInfo, StreamInfoSchema } from "../../gen/pairdb/admin/v1/admin_pb.ts";
import { describeNodeCommand, type NodeOptions, printMessage, withConnection } from "../command.ts";
import type { CommandContext } from "../context.ts";
import { escapeText } from "../records/tsv.ts";
import { bytesText, durationText } from "../units.ts";

export function streamsCommand(context: CommandContext): Command {
  return describeNodeCommand(
    "streams",
    "List streams to other nodes: target, tab, state, tab, how far they are.",
    ["streams", "streams --json"],
  ).action((options: NodeOptions) => listStreams(context, options));
}

async function listStreams(context: CommandContext, options: NodeOptions): Promise<void> {
  await withConnection(context, options, async ({ admin }) => {
    const { streams } = await admin.listStreams({});
    for (const stream of streams) {
      if (options.json) await printMessage(context, StreamInfoSchema, stream);
      else
        await context.print(
          `${escapeText(stream.targetNodeId)}\t${stateText(stream)}\t${progressText(stream)}\n`,
        );
    }
  });
}

function stateText({ state, phase, failureReason, isEnded }: StreamInfo): string {
  if (state === "failed")
    return `failed while ${phase} (${escapeText(failureReason)})${isEnded ? ", given up" : ""}`;
  return isEnded ? `${state}, ended` : state;
}

function progressText(stream: StreamInfo): string {
  const { keysCopied, bytesCopied, keysStreamed, keysRepaired, lagBytes, lagSeconds } = stream;
  const parts = [
    `${keysCopied} keys copied (${bytesText(bytesCopied)})`,
    `${keysStreamed} streamed`,
    `${keysRepaired} repaired`,
    `${bytesText(lagBytes)} or ${durationText(lagSeconds)} behind`,
  ];
  return parts.join(", ");
}
