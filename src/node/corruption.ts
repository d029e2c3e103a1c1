import { StorageError } from "../base/errors.ts";

/** The error itself, or, for a record that cannot be decoded, one that says whose record it is. */
export function locateCorruption(error: unknown, tenantId: string, key: string): unknown {
  if (!(error instanceof StorageError) || error.code !== "CORRUPTED_DATA" || error.file !== undefined)
    return error;
  const where = `key ${JSON.stringify(key)} of tenant ${JSON.stringify(tenantId)}`;
  return new StorageError("CORRUPTED_DATA", `${where}: ${error.message}`, { cause: error });
}
