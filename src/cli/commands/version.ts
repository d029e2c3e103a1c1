/** `version`: what is running. */
import type { Command } from "commander";
import { version } from "../../base/version.ts";
import { describeCommand, printJson } from "../command.ts";
import type { CommandContext } from "../context.ts";

export function versionCommand(context: CommandContext): Command {
  return describeCommand("version", "Print the version.", ["version", "version --json"])
    .option("--json", "print JSON")
    .action(async (options: { json?: true }) => {
      const runtime = `Bun ${process.versions["bun"]}`;
      if (options.json) await printJson(context, { version, runtime });
      else await context.print(`pairdb-node ${version} (${runtime})\n`);
    });
}
