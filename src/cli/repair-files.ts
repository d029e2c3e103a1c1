/** Brings a stopped node's files back into a state that it starts from. */
import { silentObserver } from "../engine/observer.ts";
import { acknowledgeDamage, repairDataDirectory } from "../engine/repair.ts";
import type { CommandContext } from "./context.ts";
import { type DirectoryOptions, directoriesOf } from "./store-directory.ts";

export interface RepairFilesOptions extends DirectoryOptions {
  readonly acknowledge?: true;
}

export async function repairFiles(
  context: CommandContext,
  directory: string,
  options: RepairFilesOptions,
): Promise<void> {
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
