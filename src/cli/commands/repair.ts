/**
 * `repair` makes a node whole again, in two ways: `repair DIRECTORY` brings a stopped node's files back into a state that
 * it starts from; `repair --from ADDR` brings to a node that serves what another one holds and it does not.
 */
import type { Command } from "commander";
import { StorageError } from "../../base/errors.ts";
import { describeNodeCommand } from "../command.ts";
import type { CommandContext } from "../context.ts";
import { type RepairFilesOptions, repairFiles } from "../repair-files.ts";
import { addPeerOptions } from "../replicas/peer-options.ts";
import { type RepairFromOptions, repairFrom } from "../replicas/repair-from.ts";
import { addDirectoryOptions } from "../store-directory.ts";

type RepairOptions = RepairFilesOptions & Omit<RepairFromOptions, "from"> & { readonly from?: string };

export function repairCommand(context: CommandContext): Command {
  const command = describeNodeCommand(
    "repair",
    "Make a stopped node's damaged files start again, or bring a node level with another one.",
    [
      "repair data                      # sets aside what is lost",
      "repair data --acknowledge        # the loss is known: the node counts as whole again",
      "repair --from storage-node-2:50052 --addr storage-node-1:50052",
    ],
  );
  addDirectoryOptions(command, "[directory]")
    .option("--acknowledge", "of files: repair nothing, but forget the losses that were recorded")
    .option("--from <host:port>", "gRPC address of the node whose records are brought to the one at --addr");
  return addPeerOptions(command).action((directory: string | undefined, options: RepairOptions) =>
    repair(context, directory, options),
  );
}

function repair(
  context: CommandContext,
  directory: string | undefined,
  options: RepairOptions,
): Promise<void> {
  const { from } = options;
  if (directory !== undefined && from === undefined) return repairFiles(context, directory, options);
  if (directory === undefined && from !== undefined) return repairFrom(context, { ...options, from });
  throw new StorageError(
    "INVALID_ARGUMENT",
    "either a stopped node's directory is repaired, or a running node --from another one: name one of the two",
  );
}
