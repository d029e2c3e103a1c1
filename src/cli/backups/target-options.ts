/** Where the backups are that a command is about. */
import type { Command } from "commander";
import { DirectoryTarget } from "../../backup/directory-target.ts";
import type { BackupTarget } from "../../backup/target.ts";
import type { CommandContext } from "../context.ts";

export interface TargetOptions {
  readonly target: string;
  readonly json?: true;
}

export function addTargetOptions(command: Command): Command {
  return command
    .requiredOption("--target <place>", "directory that holds the backups of one node")
    .option("--json", "print JSON");
}

export function openTarget(context: CommandContext, { target }: { readonly target: string }): BackupTarget {
  const { files, random } = context.environment;
  return new DirectoryTarget(files, random, target);
}
