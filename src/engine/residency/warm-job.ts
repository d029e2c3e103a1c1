/**
 * Brings parts of tables into memory, in a worker thread: the disk makes this thread wait in place of the main one.
 *
 * All parts are announced to the system before the first is read, so that the disk works on all of them at once.
 */
import { errnoOf, StorageError } from "../../base/errors.ts";
import type { File, FileSystem } from "../../platform/file-system.ts";
import { TableFile } from "../sstable/table-file.ts";
import type { ColdRange } from "./cold-range.ts";

export interface WarmJob {
  readonly kind: "warm";
  readonly ranges: readonly ColdRange[];
}

/** For each range the system's name of what kept it from being read; `undefined` where it is in memory now. */
export type WarmResult = readonly (string | undefined)[];

const scratch = new Uint8Array(256 * 1024);

export function runWarm(files: FileSystem, { ranges }: WarmJob): WarmResult {
  const open = new Map<string, File>();
  try {
    const failures = ranges.map((range) => failureOf(() => announce(fileOf(files, open, range.path), range)));
    return ranges.map((range, index) => {
      return failures[index] ?? failureOf(() => readThrough(fileOf(files, open, range.path), range));
    });
  } finally {
    for (const file of open.values()) file.close();
  }
}

function fileOf(files: FileSystem, open: Map<string, File>, path: string): File {
  let file = open.get(path);
  if (file === undefined) {
    file = files.open(path, "read");
    open.set(path, file);
  }
  return file;
}

function announce(file: File, { offset, length }: ColdRange): void {
  if (offset !== undefined) file.prefetch(offset, length);
}

function readThrough(file: File, { offset, length }: ColdRange): void {
  if (offset === undefined) {
    const table = new TableFile(file);
    table.filter();
    table.index();
    table.properties();
    return;
  }
  for (let done = 0; done < length; ) {
    const wanted = Math.min(length - done, scratch.length);
    const target = wanted === scratch.length ? scratch : scratch.subarray(0, wanted);
    const count = file.readAt(target, offset + done);
    if (count < wanted) return;
    done += count;
  }
}

/** Damage is no failure here: whoever reads the part finds it, and says so. */
function failureOf(read: () => void): string | undefined {
  try {
    read();
    return undefined;
  } catch (error) {
    if (error instanceof StorageError) return undefined;
    const errno = errnoOf(error);
    if (errno === undefined) throw error;
    return errno;
  }
}
