/**
 * What of a map is in memory: bytes that are not make whoever touches them wait for the disk (`mincore`), and the
 * system counts these waits for each thread (`getrusage`). Both calls cost about a microsecond. Advice (`madvise`) says
 * how much to read where somebody does touch them.
 */
import { ptr } from "bun:ffi";
import { assert } from "../base/errors.ts";
import { cLibrary } from "./c-library.ts";

const thisThread = 1; // RUSAGE_THREAD
const majorFaultsField = 9; // ru_majflt, after two times of 16 bytes and five fields of 8

const adviceRandom = 1; // MADV_RANDOM
const adviceWillNeed = 3; // MADV_WILLNEED

let pageBytes: number | undefined;
let pageStates = new Uint8Array(1024);
const resourceUsage = new BigInt64Array(18);

/** Whether all pages under a range of a map are in memory. `bytes` is the whole map. */
export function isResident(bytes: Uint8Array, offset: number, length: number): boolean {
  if (length === 0) return true;
  assert(offset >= 0 && offset + length <= bytes.length, "a range outside of its map");
  pageBytes ??= cLibrary().getpagesize();
  const start = offset - (offset % pageBytes);
  const pageCount = Math.ceil((offset + length - start) / pageBytes);
  if (pageCount > pageStates.length) pageStates = new Uint8Array(2 * pageCount);
  // A system that does not tell counts as one where all is in memory.
  const address = (ptr(bytes) + start) as ReturnType<typeof ptr>;
  if (cLibrary().mincore(address, pageCount * pageBytes, ptr(pageStates)) !== 0) return true;
  for (let page = 0; page < pageCount; page++) if ((pageStates[page]! & 1) === 0) return false;
  return true;
}

/** A fault brings in one page: by default it would be as much around it as the disk's read-ahead, up to megabytes. */
export function adviseRandomReads(bytes: Uint8Array): void {
  if (bytes.length > 0) cLibrary().madvise(ptr(bytes), bytes.length, adviceRandom);
}

/** Lets the system begin to read a range of a map into memory. */
export function prefetch(bytes: Uint8Array, offset: number, length: number): void {
  if (length === 0) return;
  pageBytes ??= cLibrary().getpagesize();
  const start = offset - (offset % pageBytes);
  const address = (ptr(bytes) + start) as ReturnType<typeof ptr>;
  cLibrary().madvise(address, offset + length - start, adviceWillNeed);
}

/** How many times the calling thread had to wait for a page from the disk. */
export function majorFaultCount(): number {
  if (cLibrary().getrusage(thisThread, ptr(resourceUsage)) !== 0) return 0;
  return Number(resourceUsage[majorFaultsField]);
}
