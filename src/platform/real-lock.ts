/**
 * The lock file of a data directory.
 *
 * `flock` and not the file's existence, since the system ends it with the process, however that dies. `node:fs` has
 * no `flock`, so it is called in the C library. The file holds the process id of the last holder as text, so that
 * a refusal can name it, and is never removed: whoever removed it could take away the file that a third process
 * has just locked.
 */
import { read } from "bun:ffi";
import * as fs from "node:fs";
import { errnoOf } from "../base/errors.ts";
import { cLibrary } from "./c-library.ts";
import type { DirectoryLock } from "./file-system.ts";
import { SystemError } from "./system-error.ts";

const lockExclusiveNonBlocking = 2 | 4;
const lockTaken = 11; // EWOULDBLOCK on Linux

/** Takes the lock, or gives `undefined` when another holder has it. */
export function lockFile(path: string): DirectoryLock | undefined {
  const { flock, __errno_location: errnoLocation } = cLibrary();
  const descriptor = fs.openSync(path, fs.constants.O_RDWR | fs.constants.O_CREAT, 0o644);
  try {
    if (flock(descriptor, lockExclusiveNonBlocking) !== 0) {
      const location = errnoLocation();
      const errno = location === null ? 0 : read.i32(location, 0);
      if (errno !== lockTaken) throw new SystemError("ENOLCK", "flock", path, `errno ${errno}`);
      fs.closeSync(descriptor);
      return undefined;
    }
    fs.ftruncateSync(descriptor, 0);
    fs.writeSync(descriptor, `${process.pid}\n`, 0);
  } catch (error) {
    fs.closeSync(descriptor);
    throw error;
  }
  return held(descriptor);
}

function held(descriptor: number): DirectoryLock {
  let released = false;
  return {
    release() {
      if (released) return;
      released = true;
      fs.ftruncateSync(descriptor, 0);
      fs.closeSync(descriptor);
    },
  };
}

/** The process id in the lock file; a holder that was killed left its own behind. */
export function readLockHolder(path: string): number | undefined {
  try {
    const holder = Number.parseInt(fs.readFileSync(path, "latin1"), 10);
    return Number.isNaN(holder) ? undefined : holder;
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  }
}
