/**
 * The file `STORE` in the commit-log directory, which names the store that the log belongs to.
 *
 * The log can lie on a volume of its own. Where that is not mounted, or the wrong one is, the directory looks like
 * that of a store whose log is empty, and acknowledged writes would be gone without a word. The manifest cannot
 * tell, since segments come and go without it. So the marker is put there before the store exists, stays as long
 * as it does, and a start without it is refused.
 */
import { corruption } from "../base/errors.ts";
import type { FileSystem } from "../platform/file-system.ts";
import type { DataDirectories } from "./data-directory.ts";

/** Names that an interrupted creation may leave in the commit-log directory. */
export const markerNames = ["STORE", "STORE.tmp"];

export function markerPath({ commitLogDirectory }: DataDirectories): string {
  return `${commitLogDirectory}/STORE`;
}

/** Puts the marker in place, or another store's out of it; durable on return. */
export async function writeMarker(
  files: FileSystem,
  directories: DataDirectories,
  storeId: string,
): Promise<void> {
  const path = markerPath(directories);
  const staged = `${path}.tmp`;
  if (files.status(staged) !== undefined) await files.remove(staged);
  const file = files.open(staged, "create");
  try {
    file.writeAt(new TextEncoder().encode(`${storeId}\n`), 0);
    await file.sync();
  } finally {
    file.close();
  }
  files.rename(staged, path);
  await files.syncDirectory(directories.commitLogDirectory);
}

/** Throws CORRUPTED_DATA where the commit-log directory is not that of the store. */
export function checkMarker(files: FileSystem, directories: DataDirectories, storeId: string): void {
  const path = markerPath(directories);
  const found = readMarker(files, path, storeId.length + 1);
  if (found === `${storeId}\n`) return;
  const what = found === undefined ? "it is not there" : "it names another store";
  throw corruption(
    path,
    0,
    `${what}, so this is not the commit log of ${directories.dataDirectory}: mount the volume that holds it, or ` +
      `correct storage.commit_log_dir. To go on without its writes, run "pairdb-node repair ` +
      `${directories.dataDirectory}". Nothing was changed.`,
  );
}

function readMarker(files: FileSystem, path: string, mostBytes: number): string | undefined {
  if (files.status(path) === undefined) return undefined;
  const file = files.open(path, "read");
  try {
    const bytes = new Uint8Array(mostBytes);
    return new TextDecoder().decode(bytes.subarray(0, file.readAt(bytes, 0)));
  } finally {
    file.close();
  }
}
