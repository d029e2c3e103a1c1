/**
 * The lock file of a data directory.
 *
 * `flock` and not the file's existence, since the system ends it with the process, however that dies. `node:fs` has
 * no `flock`, so it is called in the C library. The file holds the process id of the last holder as text, so that
 * a refusal can name it, and is never removed: whoever removed it could take away the file that a third process
 * has just locked.
 */
import { dlopen, read } from "bun:ffi";
import * as fs from "node:fs";
import { errnoOf, messageOf } from "../base/errors.ts";
import type { DirectoryLock } from "./file-system.ts";
import { SystemError } from "./system-error.ts";

const lockExclusiveNonBlocking = 2 | 4;
const lockTaken = 11; // EWOULDBLOCK on Linux
const cLibraries = ["libc.so.6", `libc.musl-${process.arch === "arm64" ? "aarch64" : "x86_64"}.so.1`];

function openLibrary(name: string) {
  return dlopen(name, {
    flock: { args: ["i32", "i32"], returns: "i32" },
    __errno_location: { args: [], returns: "ptr" },
  }).symbols;
}

let loadedLibrary: ReturnType<typeof openLibrary> | undefined;

/** The C library, loaded at the first lock: nothing else needs it. */
function cLibrary(): ReturnType<typeof openLibrary> {
  if (loadedLibrary !== undefined) return loadedLibrary;
  const failures: string[] = [];
  for (const name of cLibraries) {
    try {
      return (loadedLibrary = openLibrary(name));
    } catch (error) {
      failures.push(messageOf(error));
    }
  }
  throw new SystemError("ENOSYS", "load the C library for", "flock", failures.join("; "));
}

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
