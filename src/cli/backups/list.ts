/** `backup list`: the backups of a target, the oldest first. */
import type { Command } from "commander";
import { type BackupManifest, backupSizeBytes } from "../../backup/backup-manifest.ts";
import { readCatalog } from "../../backup/catalog.ts";
import { describeCommand, printJson } from "../command.ts";
import type { CommandContext } from "../context.ts";
import { exitCodes } from "../exit-codes.ts";
import { bytesText } from "../units.ts";
import { addTargetOptions, openTarget, type TargetOptions } from "./target-options.ts";

export function listBackupsCommand(context: CommandContext): Command {
  const command = describeCommand("list", "List the backups, the oldest first.", [
    "backup list --target /mnt/backups/node-1",
  ]);
  return addTargetOptions(command).action((options: TargetOptions) => list(context, options));
}

async function list(context: CommandContext, options: TargetOptions): Promise<void> {
  const { backups, problems } = await readCatalog(openTarget(context, options));
  if (problems.length > 0) context.exitCode = exitCodes.failure;
  for (const problem of problems) context.note(problem);
  if (options.json) {
    await printJson(context, { backups: backups.map(described) });
    return;
  }
  for (const backup of backups) await context.print(`${lineOf(backup)}\n`);
}

function described(backup: BackupManifest) {
  const { id, created_at_unix_ms, store_id, sequence } = backup;
  return { id, created_at_unix_ms, store_id, sequence, size_bytes: backupSizeBytes(backup) };
}

function lineOf(backup: BackupManifest): string {
  const { id, sequence, files } = backup;
  const size = bytesText(BigInt(backupSizeBytes(backup)));
  return `${id}  ${size} in ${files.length} files, up to sequence number ${sequence}`;
}
