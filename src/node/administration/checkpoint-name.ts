/** Names of checkpoints: one step below the directory of all of them, and no way out of it. */
import { StorageError } from "../../base/errors.ts";
import { unfinishedSuffix } from "../../engine/data-directory.ts";

const allowedName = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}$/;

/** Throws INVALID_ARGUMENT. */
export function checkCheckpointName(name: string): void {
  if (allowedName.test(name) && !name.endsWith(unfinishedSuffix)) return;
  throw new StorageError(
    "INVALID_ARGUMENT",
    'name is no name for a checkpoint: 1 to 128 letters, digits, ".", "_" and "-" are allowed, ' +
      `not beginning with "." nor ending with "${unfinishedSuffix}"`,
  );
}

/** A refusal as whoever asked for the checkpoint may read it, with the place that it is about. */
export function explained(error: unknown): unknown {
  if (!(error instanceof StorageError)) return error;
  if (error.code !== "INVALID_ARGUMENT" && error.code !== "DISK_FULL") return error;
  return new StorageError(error.code, error.message, { details: error.details, cause: error });
}
