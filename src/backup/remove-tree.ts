import { dirname } from "node:path";
import type { FileSystem } from "../platform/file-system.ts";

/** Removes a directory with all that is in it; durable on return. Nothing where it is not there. */
export async function removeTree(files: FileSystem, directory: string): Promise<void> {
  if (files.status(directory) === undefined) return;
  await removeBelow(files, directory);
  await files.syncDirectory(dirname(directory));
}

async function removeBelow(files: FileSystem, directory: string): Promise<void> {
  for (const name of files.list(directory)) {
    const path = `${directory}/${name}`;
    if (files.status(path)?.isDirectory === true) await removeBelow(files, path);
    else await files.remove(path);
  }
  await files.removeDirectory(directory);
}
