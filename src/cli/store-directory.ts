/** Options of the commands that work on a stopped node's directory. */
import type { Command } from "commander";
import { type DataDirectories, defaultDirectories } from "../engine/data-directory.ts";

export interface DirectoryOptions {
  readonly commitLogDir?: string;
  readonly sstableDir?: string;
}

export function addDirectoryOptions(command: Command, argument = "<directory>"): Command {
  return command
    .argument(argument, "data directory of a stopped node")
    .option("--commit-log-dir <directory>", "where the commit log lies, if elsewhere")
    .option("--sstable-dir <directory>", "where the tables lie, if elsewhere");
}

export function directoriesOf(directory: string, options: DirectoryOptions): DataDirectories {
  const defaults = defaultDirectories(directory);
  return {
    dataDirectory: directory,
    commitLogDirectory: options.commitLogDir ?? defaults.commitLogDirectory,
    tableDirectory: options.sstableDir ?? defaults.tableDirectory,
  };
}
