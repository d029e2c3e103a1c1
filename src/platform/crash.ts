/**
 * What survives a crash of the machine: a policy decides the fate of everything that was not synced.
 *
 * Unsynced bytes live and die by 512-byte sectors, a file's unsynced size as a whole, and a directory's unsynced
 * operations from the last one backwards. What was synced always survives.
 */
import type { Random } from "./random.ts";

/**
 * The size that an unsynced file is found with: as synced, as written, or as written but not past the last page
 * that survived. Where it is longer than the bytes that survived, the gap reads zeros.
 */
export type SizeFate = "synced" | "written" | "kept-pages";

export interface CrashPolicy {
  /** For test titles and failure messages. */
  readonly name: string;
  /** How many of a directory's `count` unsynced operations survive: the first ones. */
  directoryOperationsKept(count: number): number;
  /** Whether one sector of an unsynced page survives; `pageRank` is the page's place in write order, from 0. */
  keepsSector(pageRank: number): boolean;
  sizeFate(): SizeFate;
}

/** Nothing survives but what was synced. */
export const keepNone: CrashPolicy = {
  name: "keep none",
  directoryOperationsKept: () => 0,
  keepsSector: () => false,
  sizeFate: () => "synced",
};

/** Everything survives, synced or not. */
export const keepAll: CrashPolicy = {
  name: "keep all",
  directoryOperationsKept: (count) => count,
  keepsSector: () => true,
  sizeFate: () => "written",
};

/**
 * The first `count` unsynced pages of all files survive, in the order in which they were last written, and all
 * directory operations: files that exist with only a part of their bytes.
 */
export function keepPages(count: number): CrashPolicy {
  return {
    name: `keep ${count} pages`,
    directoryOperationsKept: (pending) => pending,
    keepsSector: (pageRank) => pageRank < count,
    sizeFate: () => "kept-pages",
  };
}

/** Any sectors, sizes and first operations of directories survive, as `random` has it. */
export function keepRandomSectors(random: Random, name = "keep random sectors"): CrashPolicy {
  return {
    name,
    directoryOperationsKept: (count) => random.uint32() % (count + 1),
    keepsSector: () => random.uint32() % 2 === 0,
    sizeFate: () => (random.uint32() % 2 === 0 ? "synced" : "written"),
  };
}
