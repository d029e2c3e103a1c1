import type { File, FileSystem } from "../../src/platform/file-system.ts";
import { override } from "./override.ts";

/** How long a sync is put off after it was reported done. */
const delayMs = 200;

/**
 * A file system that lies as a store would that acknowledges too early: syncs of the commit log report success at
 * once and happen later. A test of durability must find it out.
 */
export function withEarlySyncs(inner: FileSystem): FileSystem {
  return override(inner, {
    open: (path, mode) => {
      const file = inner.open(path, mode);
      return path.endsWith(".log") ? override(file, { sync: () => syncLater(file) }) : file;
    },
  });
}

function syncLater(file: File): Promise<void> {
  setTimeout(() => {
    file.sync().catch(() => {});
  }, delayMs);
  return Promise.resolve();
}
