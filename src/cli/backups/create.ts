/** `backup create`: backs up a stopped node's directory. */
import type { Command } from "commander";
import { backUpStore } from "../../backup/back-up-store.ts";
import { backupSizeBytes } from "../../backup/backup-manifest.ts";
import type { CreatedBackup } from "../../backup/create.ts";
import { Engine } from "../../engine/engine.ts";
import { silentObserver } from "../../engine/observer.ts";
import { engineOptions } from "../../engine/options.ts";
import { requireStore } from "../../engine/verify.ts";
import { describeCommand, printJson } from "../command.ts";
import type { CommandContext } from "../context.ts";
import { startProgress } from "../progress.ts";
import { addDirectoryOptions, type DirectoryOptions, directoriesOf } from "../store-directory.ts";
import { bytesText } from "../units.ts";
import { addTargetOptions, openTarget, type TargetOptions } from "./target-options.ts";

type CreateOptions = TargetOptions & DirectoryOptions;

export function createBackupCommand(context: CommandContext): Command {
  const command = describeCommand(
    "create",
    "Back up a store: what the last backup holds is not sent again.",
    ["backup create data --target /mnt/backups/node-1"],
  );
  return addDirectoryOptions(addTargetOptions(command)).action((directory: string, options: CreateOptions) =>
    createFromDirectory(context, directory, options),
  );
}

/** Opens the store as a start does: what its commit log holds comes into tables. */
async function createFromDirectory(
  context: CommandContext,
  directory: string,
  options: CreateOptions,
): Promise<void> {
  const { files, clock, random, createJobRunner } = context.environment;
  const target = openTarget(context, options);
  const directories = directoriesOf(directory, options);
  requireStore(files, directories);
  const engine = await Engine.open(
    { files, clock, random, observer: silentObserver },
    { ...engineOptions(directory), ...directories },
    createJobRunner?.(files),
  );
  const progress = startProgress(context, "backup", 1);
  try {
    engine.pauseCompaction();
    const created = await backUpStore(
      { files, clock, random },
      engine,
      target,
      `${directory}/checkpoints/backup`,
      ({ doneBytes, totalBytes, sentBytes }) =>
        progress.update(doneBytes / totalBytes, `${bytesText(BigInt(sentBytes))} sent`),
    );
    progress.stop();
    await printCreated(context, created, options.json === true);
  } finally {
    progress.stop();
    await engine.close();
  }
}

async function printCreated(
  context: CommandContext,
  { manifest, sentBytes }: CreatedBackup,
  asJson: boolean,
): Promise<void> {
  const sizeBytes = backupSizeBytes(manifest);
  if (asJson) {
    const { id, sequence } = manifest;
    await printJson(context, { id, sequence, size_bytes: sizeBytes, sent_bytes: sentBytes });
    return;
  }
  await context.print(`${manifest.id}\n`);
  context.note(`${bytesText(BigInt(sizeBytes))}, ${bytesText(BigInt(sentBytes))} of it sent`);
}
