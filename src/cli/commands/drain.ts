/** `drain`: takes a node out of service for writes, so that it can be removed. */
import { type Command, InvalidArgumentError } from "commander";
import { StorageError } from "../../base/errors.ts";
import { DrainResponseSchema } from "../../gen/storage/storage_node_pb.ts";
import { noTimeoutMs } from "../client.ts";
import { describeNodeCommand, type NodeOptions, printMessage, withConnection } from "../command.ts";
import type { CommandContext } from "../context.ts";
import { exitCodes } from "../exit-codes.ts";

interface DrainOptions extends NodeOptions {
  readonly wait: boolean;
  readonly timeout: number;
}

export function drainCommand(context: CommandContext): Command {
  return describeNodeCommand(
    "drain",
    "Have a node refuse all writes, write what it holds to disk, and complete its streams to other nodes. " +
      "Remove it from the coordinator's ring before. It lasts until undrain, also across restarts.",
    ["drain", "drain --timeout 600", "drain --no-wait"],
  )
    .option("--timeout <seconds>", "how long to wait, up to 3600", parseSeconds, 60)
    .option("--no-wait", "refuse writes, and do not wait for the rest")
    .action((options: DrainOptions) => drain(context, options));
}

async function drain(context: CommandContext, options: DrainOptions): Promise<void> {
  const request = { graceful: options.wait, timeoutSeconds: options.timeout };
  const answer = await withConnection(context, options, ({ service }) =>
    service.drainNode(request, { timeoutMs: noTimeoutMs }),
  );
  if (options.json) await printMessage(context, DrainResponseSchema, answer);
  const { status, errorMessage } = answer;
  if (status === "failed") throw new StorageError("UNAVAILABLE", `draining failed: ${errorMessage}`);
  if (!options.json) context.note(errorMessage === "" ? status : `${status}; left: ${errorMessage}`);
  // Whoever did not wait has got what he asked for.
  if (options.wait && status !== "drained") context.exitCode = exitCodes.failure;
}

function parseSeconds(text: string): number {
  const seconds = Number(text);
  if (/^\d+$/.test(text) && seconds >= 1 && seconds <= 3600) return seconds;
  throw new InvalidArgumentError("allowed are whole seconds from 1 to 3600");
}
