/** `backup verify`: reads all that backups consist of, and checks it. */
import type { Command } from "commander";
import { findBackup, noBackup, readCatalog } from "../../backup/catalog.ts";
import { type Verification, verifyBackups } from "../../backup/verify.ts";
import { describeCommand, printJson } from "../command.ts";
import type { CommandContext } from "../context.ts";
import { exitCodes } from "../exit-codes.ts";
import { startProgress } from "../progress.ts";
import { bytesText } from "../units.ts";
import { addTargetOptions, openTarget, type TargetOptions } from "./target-options.ts";

export function verifyBackupsCommand(context: CommandContext): Command {
  const command = describeCommand("verify", "Read all that backups consist of, and check its checksums.", [
    "backup verify --target /mnt/backups/node-1",
  ]).argument("[id]", "of the backup (default: all of them)");
  return addTargetOptions(command).action((id: string | undefined, options: TargetOptions) =>
    verify(context, id, options),
  );
}

async function verify(
  context: CommandContext,
  id: string | undefined,
  options: TargetOptions,
): Promise<void> {
  const target = openTarget(context, options);
  const catalog = id === undefined ? await readCatalog(target) : undefined;
  const backups = catalog?.backups ?? [await findBackup(target, id)];
  // A place that is not mounted must not pass for a clean one.
  if (backups.length === 0 && catalog?.problems.length === 0) throw noBackup(target);
  const progress = startProgress(context, "verify", 1);
  let verification: Verification;
  try {
    verification = await verifyBackups(target, backups, (doneBytes, totalBytes) =>
      progress.update(doneBytes / totalBytes, ""),
    );
  } finally {
    progress.stop();
  }
  const problems = [...(catalog?.problems ?? []), ...verification.problems];
  if (problems.length > 0) context.exitCode = exitCodes.failure;
  const { objectCount, sizeBytes } = verification;
  if (options.json) {
    const backup_count = backups.length;
    await printJson(context, { problems, backup_count, object_count: objectCount, size_bytes: sizeBytes });
    return;
  }
  for (const problem of problems) await context.print(`${problem}\n`);
  const size = bytesText(BigInt(sizeBytes));
  await context.print(
    `${problems.length === 0 ? "clean" : `${problems.length} wrong`}: ` +
      `${backups.length} backups, ${objectCount} objects, ${size}\n`,
  );
}
