/**
 * Files that hold secrets: read only where nobody beyond their owner and group can read them, and replaced whole, with
 * their owner's rights from the first byte on. Symbolic links are followed: what counts is the file at their end.
 */
import * as fs from "node:fs";
import { dirname } from "node:path";
import { errnoOf, messageOf, StorageError } from "../base/errors.ts";

const rightsOfOthers = 0o007;
const rightsOfNewFile = 0o600;

/** Throws INVALID_ARGUMENT for a file that is missing, cannot be read, or can be by others. */
export function readSecretFile(path: string): string {
  let descriptor: number;
  try {
    descriptor = fs.openSync(path, "r");
  } catch (cause) {
    throw refusal(path, reasonOf(cause), cause);
  }
  try {
    // The rights of what was opened: the name may stand for another file by now.
    const { mode } = fs.fstatSync(descriptor);
    if ((mode & rightsOfOthers) !== 0) {
      const rights = (mode & 0o777).toString(8).padStart(4, "0");
      throw refusal(path, `others can read or change it (mode ${rights}); chmod o= ${path} takes that away`);
    }
    return fs.readFileSync(descriptor, "utf8");
  } catch (cause) {
    throw cause instanceof StorageError ? cause : refusal(path, reasonOf(cause), cause);
  } finally {
    fs.closeSync(descriptor);
  }
}

/** Changes whenever the file at the end of this path does, or another takes its place; undefined where none is. */
export function fileFingerprint(path: string): string | undefined {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = fs.statSync(path, { bigint: true });
    return [dev, ino, size, mtimeNs, ctimeNs].join(":");
  } catch {
    return undefined;
  }
}

/**
 * Replaces the file's text (undefined: there is none yet) by what `change` makes of it; durable on return. A file that
 * was there keeps its rights, a new one is its owner's alone. Only one such change is under way at a time: the new
 * text's file stands for it, and throws UNAVAILABLE where it is there already.
 */
export function changeSecretFile(path: string, change: (text: string | undefined) => string): void {
  const newPath = `${path}.new`;
  const descriptor = createNew(newPath);
  try {
    const existing = fs.statSync(path, { throwIfNoEntry: false });
    const text = change(existing === undefined ? undefined : readSecretFile(path));
    if (existing !== undefined) copyRights(descriptor, existing);
    fs.writeFileSync(descriptor, text);
    fs.fsyncSync(descriptor);
    fs.renameSync(newPath, path);
  } catch (error) {
    fs.rmSync(newPath, { force: true });
    throw error;
  } finally {
    fs.closeSync(descriptor);
  }
  syncDirectory(dirname(path));
}

function createNew(path: string): number {
  try {
    return fs.openSync(path, "wx", rightsOfNewFile);
  } catch (cause) {
    if (errnoOf(cause) !== "EEXIST") {
      throw new StorageError("INVALID_ARGUMENT", `cannot write ${path}: ${messageOf(cause)}`, { cause });
    }
    const message = `${path} is there: another change is under way, or was given up; remove that file in the latter case`;
    throw new StorageError("UNAVAILABLE", message, { cause });
  }
}

function copyRights(descriptor: number, { mode, uid, gid }: fs.Stats): void {
  const own = fs.fstatSync(descriptor);
  if (own.uid !== uid || own.gid !== gid) fs.fchownSync(descriptor, uid, gid);
  fs.fchmodSync(descriptor, mode & 0o777);
}

function syncDirectory(path: string): void {
  const descriptor = fs.openSync(path, "r");
  try {
    fs.fsyncSync(descriptor);
  } finally {
    fs.closeSync(descriptor);
  }
}

function reasonOf(cause: unknown): string {
  const reasons: Record<string, string> = {
    ENOENT: "it does not exist",
    EACCES: "this user may not read it",
    EISDIR: "it is a directory",
  };
  return reasons[errnoOf(cause) ?? ""] ?? messageOf(cause);
}

function refusal(path: string, reason: string, cause?: unknown): StorageError {
  const context = cause === undefined ? { file: path } : { file: path, cause };
  return new StorageError("INVALID_ARGUMENT", `cannot use ${path}: ${reason}`, context);
}
