/**
 * Removes old backups, and the objects that no backup needs any more.
 *
 * Manifests go first, each of them alone: with it the backup is gone. What a crash leaves are objects that nothing
 * names, and the next run removes those. While a manifest cannot be read no object is removed, since that backup
 * might need it; nor while a backup is under way (`running-mark.ts`).
 */
import { StorageError } from "../base/errors.ts";
import type { Clock } from "../platform/clock.ts";
import type { BackupManifest } from "./backup-manifest.ts";
import { readCatalog } from "./catalog.ts";
import { runningBackups } from "./running-mark.ts";
import { type BackupTarget, backupPrefix, objectPrefix, unfinishedPrefix } from "./target.ts";

/** A backup stays while one of them keeps it. The newest one always stays. */
export interface Retention {
  /** So many of the newest. */
  readonly count: number;
  /** All that are younger. */
  readonly ageMs: number;
}

export interface Pruning {
  readonly removedBackups: readonly BackupManifest[];
  readonly keptCount: number;
  readonly removedObjectCount: number;
  readonly removedBytes: number;
}

export async function pruneBackups(
  target: BackupTarget,
  clock: Clock,
  retention: Retention,
): Promise<Pruning> {
  const { backups, problems } = await readCatalog(target);
  if (problems.length > 0) {
    throw new StorageError(
      "CORRUPTED_DATA",
      `${problems[0]}; nothing was removed, since it might need any object: remove that file if the backup is given up`,
    );
  }
  await assertNoneRuns(target, clock);
  const expired = expiredBackups(backups, retention, clock.nowMs());
  for (const { id } of expired) await target.remove(backupPrefix + id);
  const kept = backups.filter((backup) => !expired.includes(backup));
  const needed = new Set(kept.flatMap(({ files }) => files).map(({ sha256 }) => objectPrefix + sha256));
  const stored = [...(await target.list(objectPrefix)), ...(await target.list(unfinishedPrefix))];
  let removedObjectCount = 0;
  let removedBytes = 0;
  for (const { name, sizeBytes } of stored) {
    if (needed.has(name)) continue;
    await assertNoneRuns(target, clock);
    await target.remove(name);
    removedObjectCount++;
    removedBytes += sizeBytes;
  }
  return { removedBackups: expired, keptCount: kept.length, removedObjectCount, removedBytes };
}

/** `backups`: the oldest first. */
export function expiredBackups(
  backups: readonly BackupManifest[],
  { count, ageMs }: Retention,
  nowMs: number,
): BackupManifest[] {
  return backups
    .slice(0, Math.max(0, backups.length - Math.max(1, count)))
    .filter(({ created_at_unix_ms }) => nowMs - created_at_unix_ms >= ageMs);
}

async function assertNoneRuns(target: BackupTarget, clock: Clock): Promise<void> {
  const [storeId] = await runningBackups(target, clock);
  if (storeId === undefined) return;
  throw new StorageError(
    "UNAVAILABLE",
    `a backup of store ${storeId} to ${target.name} is under way: try again when it has ended (where it was cut off, ` +
      "after the next one, or after six hours)",
  );
}
