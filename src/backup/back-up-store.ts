/** A backup of a store that is open: a checkpoint for as long as it takes. */
import type { Checkpoint } from "../engine/checkpoint.ts";
import { type BackupEnvironment, type BackupProgress, type CreatedBackup, createBackup } from "./create.ts";
import { removeTree } from "./remove-tree.ts";
import type { BackupTarget } from "./target.ts";

/** What a backup asks of the engine. */
export interface BackedUpStore {
  status(): { readonly storeId: string };
  checkpoint(directory: string): Promise<Checkpoint>;
}

/**
 * Backs the store up as it is now. The checkpoint lies in `stagingDirectory`, which belongs to backups of this store
 * alone: what a crash left there is removed, and in the end the checkpoint is. One at a time.
 */
export async function backUpStore(
  environment: BackupEnvironment,
  store: BackedUpStore,
  target: BackupTarget,
  stagingDirectory: string,
  onProgress?: (progress: BackupProgress) => void,
): Promise<CreatedBackup> {
  const { files } = environment;
  await removeTree(files, stagingDirectory);
  const { sequence } = await store.checkpoint(stagingDirectory);
  try {
    const source = { directory: stagingDirectory, storeId: store.status().storeId, sequence };
    return await createBackup(environment, target, source, onProgress);
  } finally {
    await removeTree(files, stagingDirectory);
  }
}
