/**
 * Brings parts of tables into memory, in a worker thread: the disk makes this thread wait in place of the main one.
 *
 * All parts are announced to the system before the first is read, so that the disk works on all of them at once.
 */
import { errnoOf, StorageError } from "../../base/errors.ts";
import type { File, FileSystem } from "../../platform/file-system.ts";
import { TableFile } from "../sstable/table-file.ts";
import type { ColdRange } from "./cold-range.ts";

/** Ranges as numbers: to send an object for each takes longer than to read what it tells of. */
export interface WarmJob {
  readonly kind: "warm";
  /** Of the files; each once. */
  readonly paths: readonly string[];
  /** For each range the index of its path, its offset (-1: what opening the table reads) and its length. */
  readonly numbers: Float64Array;
}

/** For each range the system's name of what kept it from being read; `undefined` where all are in memory now. */
export type WarmResult = readonly (string | undefined)[] | undefined;

const numbersPerRange = 3;

export function packWarmJob(ranges: readonly ColdRange[]): WarmJob {
  const paths: string[] = [];
  const numbers = new Float64Array(numbersPerRange * ranges.length);
  for (let index = 0; index < ranges.length; index++) {
    const { path, offset, length } = ranges[index]!;
    const known = paths.indexOf(path);
    const at = numbersPerRange * index;
    numbers[at] = known < 0 ? paths.push(path) - 1 : known;
    numbers[at + 1] = offset ?? -1;
    numbers[at + 2] = length;
  }
  return { kind: "warm", paths, numbers };
}

export function unpackWarmJob({ paths, numbers }: WarmJob): ColdRange[] {
  return Array.from({ length: numbers.length / numbersPerRange }, (_, index) => {
    const at = numbersPerRange * index;
    const offset = numbers[at + 1]!;
    return { path: paths[numbers[at]!]!, offset: offset < 0 ? undefined : offset, length: numbers[at + 2]! };
  });
}

const scratch = new Uint8Array(256 * 1024);

export function runWarm(files: FileSystem, job: WarmJob): WarmResult {
  const ranges = unpackWarmJob(job);
  const open = new Map<string, File>();
  try {
    const announced = ranges.map((range) =>
      failureOf(() => announce(fileOf(files, open, range.path), range)),
    );
    const failures = ranges.map((range, index) => {
      return announced[index] ?? failureOf(() => readThrough(fileOf(files, open, range.path), range));
    });
    return failures.some((failure) => failure !== undefined) ? failures : undefined;
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
