/** `repair DIRECTORY`: brings a stopped node's files back into a state that it starts from. */
import type { Command } from "commander";
import { silentObserver } from "../../engine/observer.ts";
import { acknowledgeDamage, repairDataDirectory } from "../../engine/repair.ts";
import { describeCommand } from "../command.ts";
import type { CommandContext } from "../context.ts";
import { addDirectoryOptions, type DirectoryOptions, directoriesOf } from "../store-directory.ts";

interface RepairOptions extends DirectoryOptions {
  readonly acknowledge?: true;
}

export function repairCommand(context: CommandContext): Command {
  const command = describeCommand("repair", "Make a damaged store start again, setting aside what is lost.", [
    "repair data",
    "repair data --acknowledge   # the loss is known: the node counts as whole again",
  ]);
  return addDirectoryOptions(command)
    .option("--acknowledge", "repair nothing, but forget the losses that were recorded")
    .action((directory: string, options: RepairOptions) => repair(context, directory, options));
}

async function repair(context: CommandContext, directory: string, options: RepairOptions): Promise<void> {
  const { files, clock, random } = context.environment;
  const environment = { files, clock, random, observer: silentObserver };
  const directories = directoriesOf(directory, options);
  if (options.acknowledge) {
    const damage = await acknowledgeDamage(environment, directories);
    for (const { message } of damage) await context.print(`acknowledged: ${message}\n`);
    if (damage.length === 0) await context.print("no loss is recorded\n");
    return;
  }
  const { actions, damage } = await repairDataDirectory(environment, directories);
  for (const action of actions) await context.print(`${action}\n`);
  for (const { message } of damage) await context.print(`lost: ${message}\n`);
  if (actions.length === 0 && damage.length === 0) await context.print("nothing had to be repaired\n");
}
