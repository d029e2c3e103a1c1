/** What the runtime's own file functions lack, called in the C library. */
import { dlopen } from "bun:ffi";
import { messageOf } from "../base/errors.ts";
import { SystemError } from "./system-error.ts";

const names = ["libc.so.6", `libc.musl-${process.arch === "arm64" ? "aarch64" : "x86_64"}.so.1`];

function openLibrary(name: string) {
  return dlopen(name, {
    flock: { args: ["i32", "i32"], returns: "i32" },
    mincore: { args: ["ptr", "u64", "ptr"], returns: "i32" },
    madvise: { args: ["ptr", "u64", "i32"], returns: "i32" },
    posix_fadvise: { args: ["i32", "i64", "i64", "i32"], returns: "i32" },
    getpagesize: { args: [], returns: "i32" },
    adjtimex: { args: ["ptr"], returns: "i32" },
    getrusage: { args: ["i32", "ptr"], returns: "i32" },
    __errno_location: { args: [], returns: "ptr" },
  }).symbols;
}

let loadedLibrary: ReturnType<typeof openLibrary> | undefined;

/** Loaded at the first call. Throws ENOSYS where there is none that is known. */
export function cLibrary(): ReturnType<typeof openLibrary> {
  if (loadedLibrary !== undefined) return loadedLibrary;
  const failures: string[] = [];
  for (const name of names) {
    try {
      return (loadedLibrary = openLibrary(name));
    } catch (error) {
      failures.push(messageOf(error));
    }
  }
  throw new SystemError("ENOSYS", "load", "the C library", failures.join("; "));
}
