/** `backup restore`: brings a backup back into a new directory. */
import type { Command } from "commander";
import { findBackup } from "../../backup/catalog.ts";
import { restoreBackup } from "../../backup/restore.ts";
import { StorageError } from "../../base/errors.ts";
import { parseDuration } from "../../config/values.ts";
import type { DataDirectories } from "../../engine/data-directory.ts";
import { verifyDataDirectory } from "../../engine/verify.ts";
import { tenantRange } from "../../node/administration/tenants.ts";
import { checkTenantId } from "../../node/validation.ts";
import { describeCommand, printJson } from "../command.ts";
import type { CommandContext } from "../context.ts";
import { exitCodes } from "../exit-codes.ts";
import { startProgress } from "../progress.ts";
import { addDirectoryOptions, type DirectoryOptions, directoriesOf } from "../store-directory.ts";
import { bytesText, durationText } from "../units.ts";
import { addTargetOptions, openTarget, type TargetOptions } from "./target-options.ts";

interface RestoreOptions extends TargetOptions, DirectoryOptions {
  readonly backup?: string;
  readonly tenant?: string;
  readonly verify?: true;
  readonly gcGrace: string;
}

export function restoreBackupCommand(context: CommandContext): Command {
  const command = describeCommand("restore", "Bring a backup back into an empty or a new directory.", [
    "backup restore data --target /mnt/backups/node-1 --verify",
    "backup restore data --target /mnt/backups/node-1 --backup 20261124T201500Z-0a1b2c3d --tenant shop",
  ]);
  addDirectoryOptions(command)
    .option("--backup <id>", "which one (default: the newest)")
    .option("--tenant <id>", "brings back the records of this tenant alone")
    .option("--verify", "checks every checksum of the restored store in the end")
    .option("--gc-grace <duration>", "compaction.gc_grace of the ring: an older backup is warned of", "240h");
  return addTargetOptions(command).action((directory: string, options: RestoreOptions) =>
    restore(context, directory, options),
  );
}

async function restore(context: CommandContext, directory: string, options: RestoreOptions): Promise<void> {
  const { files, random, clock } = context.environment;
  const target = openTarget(context, options);
  if (options.tenant !== undefined) checkTenantId(options.tenant);
  const gcGraceMs = parseDuration(options.gcGrace);
  if (gcGraceMs === undefined) {
    throw new StorageError("INVALID_ARGUMENT", "--gc-grace is a duration such as 240h");
  }
  const backup = await findBackup(target, options.backup);
  warnOfAge(context, clock.nowMs() - backup.created_at_unix_ms, gcGraceMs);
  const directories = directoriesOf(directory, options);
  const range = options.tenant === undefined ? undefined : tenantRange(options.tenant);
  const progress = startProgress(context, "restore", 1);
  try {
    const restored = await restoreBackup(
      { files, random },
      target,
      { backup, directories, range },
      ({ doneBytes, totalBytes }) => progress.update(doneBytes / totalBytes, bytesText(BigInt(doneBytes))),
    );
    progress.stop();
    const { tableCount, sizeBytes, foundBytes } = restored;
    if (options.json) {
      await printJson(context, {
        id: backup.id,
        sequence: backup.sequence,
        table_count: tableCount,
        size_bytes: sizeBytes,
        found_bytes: foundBytes,
      });
    } else {
      await context.print(
        `${backup.id}: ${tableCount} tables, ${bytesText(BigInt(sizeBytes))}, ` +
          `up to sequence number ${backup.sequence}\n`,
      );
    }
  } finally {
    progress.stop();
  }
  if (options.verify) verifyRestored(context, directories);
}

/** Deletions that others have forgotten by now would come undone. */
function warnOfAge(context: CommandContext, ageMs: number, gcGraceMs: number): void {
  if (ageMs <= gcGraceMs) return;
  context.note(
    `warning: the backup is ${durationText(ageMs / 1000)} old, and other nodes forget deletions after ` +
      `${durationText(gcGraceMs / 1000)}: in a ring with them it brings records back that were deleted since`,
  );
}

function verifyRestored(context: CommandContext, directories: DataDirectories): void {
  const { findings, fileCount } = verifyDataDirectory(
    context.environment.files,
    directories,
    () => undefined,
  );
  for (const { file, offset, message } of findings) context.note(`${file} at byte ${offset}: ${message}`);
  if (findings.length > 0) context.exitCode = exitCodes.failure;
  else context.note(`verified: ${fileCount} files are clean`);
}
