import type { BackupControl } from "../../src/backup/backup-runner.ts";
import { StorageError } from "../../src/base/errors.ts";

/** Of a node that a test brings without any. */
export const noBackups: BackupControl = {
  start: () => {
    throw new StorageError("INVALID_ARGUMENT", "there are no backups here");
  },
};
