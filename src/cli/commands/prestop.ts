/**
 * `prestop`: tells the node on this machine that it will be stopped, and waits for as long as others need to notice.
 * Kubernetes runs it before it sends SIGTERM; the shutdown then does not wait again.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Command } from "commander";
import { errnoOf, StorageError } from "../../base/errors.ts";
import { formatDuration } from "../../config/values.ts";
import { defaultDirectories, lockPath } from "../../engine/data-directory.ts";
import { announceSignal } from "../../server/signals.ts";
import { describeCommand } from "../command.ts";
import { type ConfigurationOptions, configurationOf } from "../configuration.ts";
import type { CommandContext } from "../context.ts";

type PrestopOptions = Pick<ConfigurationOptions, "config" | "dataDir">;

export function prestopCommand(context: CommandContext): Command {
  return describeCommand(
    "prestop",
    "Make the node of this machine not ready, and wait for server.drain_delay.",
    ["prestop --config /etc/pairdb/config.yaml", "prestop --data-dir /var/lib/pairdb"],
  )
    .option("--config <file>", "the node's YAML file; CONFIG_PATH names one too")
    .option("--data-dir <directory>", "where the node's data lies (default ./data)")
    .action((options: PrestopOptions) => prestop(context, options));
}

async function prestop(context: CommandContext, options: PrestopOptions): Promise<void> {
  const { configuration } = configurationOf(context, options);
  const { storage, server } = configuration;
  announce(context, storage.data_dir);
  await context.print(`not ready; waits for ${formatDuration(server.drain_delay)}\n`);
  await sleep(server.drain_delay);
}

/** Throws UNAVAILABLE where no node runs. */
function announce(context: CommandContext, dataDirectory: string): void {
  const holder = context.environment.files.lockHolder(lockPath(defaultDirectories(dataDirectory)));
  try {
    if (holder !== undefined) {
      process.kill(holder, announceSignal);
      return;
    }
  } catch (error) {
    if (errnoOf(error) !== "ESRCH") throw error;
  }
  throw new StorageError("UNAVAILABLE", `no node runs on ${dataDirectory}: name its --data-dir or --config`);
}
