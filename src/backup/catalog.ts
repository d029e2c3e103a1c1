/** The backups of a target. */
import { messageOf, StorageError } from "../base/errors.ts";
import { type BackupManifest, readBackupManifest } from "./backup-manifest.ts";
import { type BackupTarget, backupPrefix } from "./target.ts";

export interface Catalog {
  /** The oldest first. */
  readonly backups: readonly BackupManifest[];
  /** Of those whose manifest cannot be read: why. */
  readonly problems: readonly string[];
}

export async function readCatalog(target: BackupTarget): Promise<Catalog> {
  const backups: BackupManifest[] = [];
  const problems: string[] = [];
  for (const { name } of await target.list(backupPrefix)) {
    try {
      backups.push(await readBackupManifest(target, name.slice(backupPrefix.length)));
    } catch (error) {
      if (!(error instanceof StorageError) || error.code !== "CORRUPTED_DATA") throw error;
      problems.push(messageOf(error));
    }
  }
  backups.sort((a, b) => a.created_at_unix_ms - b.created_at_unix_ms || (a.id < b.id ? -1 : 1));
  return { backups, problems };
}

/** The backup of this id, or the newest one; INVALID_ARGUMENT where there is none. */
export async function findBackup(target: BackupTarget, id: string | undefined): Promise<BackupManifest> {
  if (id === undefined) {
    const newest = (await readCatalog(target)).backups.at(-1);
    if (newest !== undefined) return newest;
    throw noBackup(target);
  }
  const names = (await target.list(backupPrefix)).map(({ name }) => name);
  if (names.includes(backupPrefix + id)) return await readBackupManifest(target, id);
  throw new StorageError(
    "INVALID_ARGUMENT",
    `there is no backup ${JSON.stringify(id)} in ${target.name}: "pairdb-node backup list" names those that are`,
  );
}

export function noBackup(target: BackupTarget): StorageError {
  return new StorageError("INVALID_ARGUMENT", `there is no backup in ${target.name}`);
}
