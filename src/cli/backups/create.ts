/** `backup create`: has a node back itself up, or backs up a stopped node's directory. */
import type { Command } from "commander";
import { backUpStore } from "../../backup/back-up-store.ts";
import { backupSizeBytes } from "../../backup/backup-manifest.ts";
import { StorageError } from "../../base/errors.ts";
import { Engine } from "../../engine/engine.ts";
import { silentObserver } from "../../engine/observer.ts";
import { engineOptions } from "../../engine/options.ts";
import { requireStore } from "../../engine/verify.ts";
import type { CreateBackupResponse } from "../../gen/pairdb/admin/v1/admin_pb.ts";
import { noTimeoutMs } from "../client.ts";
import { describeNodeCommand, type NodeOptions, printJson, withConnection } from "../command.ts";
import type { CommandContext } from "../context.ts";
import { startProgress } from "../progress.ts";
import { addDirectoryOptions, type DirectoryOptions, directoriesOf } from "../store-directory.ts";
import { bytesText } from "../units.ts";
import { openTarget } from "./target-options.ts";

interface CreateOptions extends NodeOptions, DirectoryOptions {
  readonly target?: string;
}

export function createBackupCommand(context: CommandContext): Command {
  const command = describeNodeCommand(
    "create",
    "Have a node back itself up, or back up a stopped node's directory. What is there already is not sent again.",
    [
      "backup create --addr storage-node-1:50052      # to the node's backup.target",
      "backup create data --target /mnt/backups/node-1",
    ],
  ).option("--target <place>", "of a directory: where the backups of this node are kept");
  return addDirectoryOptions(command, "[directory]").action(
    (directory: string | undefined, options: CreateOptions) => create(context, directory, options),
  );
}

function create(
  context: CommandContext,
  directory: string | undefined,
  { target, ...options }: CreateOptions,
): Promise<void> {
  if (directory === undefined && target === undefined) return createOnNode(context, options);
  if (directory !== undefined && target !== undefined) {
    return createFromDirectory(context, directory, { ...options, target });
  }
  throw new StorageError(
    "INVALID_ARGUMENT",
    "a stopped node's directory is backed up to a --target; a running node to its own: name both, or neither",
  );
}

async function createOnNode(context: CommandContext, options: NodeOptions): Promise<void> {
  const progress = startProgress(context, "backup", 1);
  let last: CreateBackupResponse | undefined;
  try {
    await withConnection(context, options, async ({ admin }) => {
      for await (const step of admin.createBackup({}, { timeoutMs: noTimeoutMs })) {
        last = step;
        const done = Number(step.doneBytes) / Math.max(1, Number(step.totalBytes));
        progress.update(done, `${bytesText(step.sentBytes)} sent`);
      }
    });
  } finally {
    progress.stop();
  }
  if (last?.isDone !== true)
    throw new StorageError("UNAVAILABLE", "the node has not said how the backup ended");
  const { id, sequence, totalBytes, sentBytes } = last;
  await printCreated(context, { id, sequence, sizeBytes: totalBytes, sentBytes }, options.json === true);
}

/** Opens the store as a start does: what its commit log holds comes into tables. */
async function createFromDirectory(
  context: CommandContext,
  directory: string,
  options: NodeOptions & DirectoryOptions & { readonly target: string },
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
      `${directory}/checkpoints/.backup`,
      ({ doneBytes, totalBytes, sentBytes }) =>
        progress.update(doneBytes / totalBytes, `${bytesText(BigInt(sentBytes))} sent`),
    );
    progress.stop();
    const { manifest, sentBytes } = created;
    const { id, sequence } = manifest;
    const sizeBytes = backupSizeBytes(manifest);
    await printCreated(
      context,
      { id, sequence: BigInt(sequence), sizeBytes: BigInt(sizeBytes), sentBytes: BigInt(sentBytes) },
      options.json === true,
    );
  } finally {
    progress.stop();
    await engine.close();
  }
}

interface Created {
  readonly id: string;
  readonly sequence: bigint;
  readonly sizeBytes: bigint;
  readonly sentBytes: bigint;
}

async function printCreated(context: CommandContext, created: Created, asJson: boolean): Promise<void> {
  const { id, sequence, sizeBytes, sentBytes } = created;
  if (asJson) {
    const [size_bytes, sent_bytes] = [Number(sizeBytes), Number(sentBytes)];
    await printJson(context, { id, sequence: Number(sequence), size_bytes, sent_bytes });
    return;
  }
  await context.print(`${id}\n`);
  context.note(`${bytesText(sizeBytes)}, ${bytesText(sentBytes)} of it sent`);
}
