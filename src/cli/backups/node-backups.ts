/** What a node that serves needs to back itself up. */

import type { BackedUpStore } from "../../backup/back-up-store.ts";
import { type BackupObserver, BackupRunner } from "../../backup/backup-runner.ts";
import { DirectoryTarget } from "../../backup/directory-target.ts";
import type { Configuration } from "../../config/resolve.ts";
import type { CommandContext } from "../context.ts";

export function createBackups(
  context: CommandContext,
  { backup, server, storage }: Configuration,
  store: BackedUpStore,
  observer: BackupObserver,
): BackupRunner {
  const { files, clock, random } = context.environment;
  const target =
    backup.target === undefined
      ? undefined
      : new DirectoryTarget(files, random, `${backup.target}/${server.node_id}`);
  // No checkpoint that an operator asks for can have this name.
  const stagingDirectory = `${storage.checkpoint_dir}/.backup`;
  return new BackupRunner({ files, clock, random }, store, { target, stagingDirectory, observer });
}
