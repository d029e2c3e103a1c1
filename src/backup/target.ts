/**
 * Where backups are kept: objects with names, each whole or not there.
 *
 *     objects/HASH           contents of a file, named by the SHA-256 of them
 *     backups/ID             what a backup consists of; with it the backup begins to exist
 *     running/STORE          a backup of that store is under way
 *     unfinished/…           what a directory holds of objects that are being written
 *
 * Names are relative, of letters, digits, ".", "-" and "_", with at most one "/".
 */
import { StorageError } from "../base/errors.ts";

export const objectPrefix = "objects/";
export const backupPrefix = "backups/";
export const runningPrefix = "running/";
export const unfinishedPrefix = "unfinished/";

export interface StoredObject {
  readonly name: string;
  readonly sizeBytes: number;
}

/** Bytes to be stored, piece by piece; pieces are the receiver's. May be begun again after a failure. */
export interface ObjectSource {
  readonly sizeBytes: number;
  chunks(): AsyncIterable<Uint8Array>;
}

export interface BackupTarget {
  /** As people name it. */
  readonly name: string;
  /** All objects whose names begin with `prefix`, which ends with "/". */
  list(prefix: string): Promise<StoredObject[]>;
  /** Stores the object durably, in place of one that was there. Where it fails the name is as it was. */
  put(name: string, source: ObjectSource): Promise<void>;
  /** The object's bytes in pieces, which are the caller's. Throws CORRUPTED_DATA where there is no such object. */
  get(name: string): AsyncIterable<Uint8Array>;
  /** Removes the object durably; one that is not there too. */
  remove(name: string): Promise<void>;
}

/** Small objects, as they are. */
export function sourceOf(bytes: Uint8Array): ObjectSource {
  return {
    sizeBytes: bytes.length,
    async *chunks() {
      yield bytes;
    },
  };
}

/** What `get` throws. Whoever asks for an object has found its name in another one. */
export function missingObject(target: BackupTarget, name: string): StorageError {
  return new StorageError("CORRUPTED_DATA", `${target.name}/${name} is missing`, { file: name });
}
