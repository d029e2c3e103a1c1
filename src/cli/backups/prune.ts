/** `backup prune`: removes old backups, and what no other one needs. */
import type { Command } from "commander";
import { pruneBackups } from "../../backup/prune.ts";
import { StorageError } from "../../base/errors.ts";
import { parseDuration } from "../../config/values.ts";
import { describeCommand, printJson } from "../command.ts";
import type { CommandContext } from "../context.ts";
import { bytesText } from "../units.ts";
import { addTargetOptions, openTarget, type TargetOptions } from "./target-options.ts";

interface PruneOptions extends TargetOptions {
  readonly keepLast?: string;
  readonly keepWithin?: string;
}

export function pruneBackupsCommand(context: CommandContext): Command {
  const command = describeCommand(
    "prune",
    "Remove backups that no rule keeps; the newest one always stays.",
    [
      "backup prune --target /mnt/backups/node-1 --keep-last 7",
      "backup prune --target /mnt/backups/node-1 --keep-last 7 --keep-within 720h",
    ],
  )
    .option("--keep-last <count>", "keeps so many of the newest")
    .option("--keep-within <duration>", "keeps those that are younger, such as 168h");
  return addTargetOptions(command).action((options: PruneOptions) => prune(context, options));
}

async function prune(context: CommandContext, options: PruneOptions): Promise<void> {
  const { keepLast, keepWithin } = options;
  if (keepLast === undefined && keepWithin === undefined) {
    throw refusal("say what is to stay: --keep-last, --keep-within or both");
  }
  // A variable of a script that is empty must not count as 0.
  if (keepLast !== undefined && !/^\d+$/.test(keepLast)) throw refusal("--keep-last is a whole number");
  const count = Number(keepLast ?? 0);
  const ageMs = keepWithin === undefined ? 0 : parseDuration(keepWithin);
  if (ageMs === undefined) throw refusal("--keep-within is a duration such as 12h or 720h");
  const { clock } = context.environment;
  const pruning = await pruneBackups(openTarget(context, options), clock, { count, ageMs });
  const { removedBackups, keptCount, removedObjectCount, removedBytes } = pruning;
  if (options.json) {
    await printJson(context, {
      removed: removedBackups.map(({ id }) => id),
      kept_count: keptCount,
      removed_object_count: removedObjectCount,
      removed_bytes: removedBytes,
    });
    return;
  }
  for (const { id } of removedBackups) await context.print(`${id}\n`);
  const bytes = bytesText(BigInt(removedBytes));
  context.note(`${removedBackups.length} backups removed, ${keptCount} kept; ${bytes} are free again`);
}

function refusal(message: string): StorageError {
  return new StorageError("INVALID_ARGUMENT", message);
}
