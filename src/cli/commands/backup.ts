/** `backup`: makes backups of a node, looks after them, and brings them back. */
import { Command } from "commander";
import { createBackupCommand } from "../backups/create.ts";
import { listBackupsCommand } from "../backups/list.ts";
import { pruneBackupsCommand } from "../backups/prune.ts";
import { restoreBackupCommand } from "../backups/restore.ts";
import { verifyBackupsCommand } from "../backups/verify.ts";
import type { CommandContext } from "../context.ts";

export function backupCommand(context: CommandContext): Command {
  const command = new Command("backup").description(
    "Make backups of a node, look after them, and bring them back.",
  );
  const verbs = [
    createBackupCommand,
    listBackupsCommand,
    verifyBackupsCommand,
    pruneBackupsCommand,
    restoreBackupCommand,
  ];
  for (const verb of verbs) command.addCommand(verb(context));
  return command;
}
