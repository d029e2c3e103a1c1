/**
 * The order in which a key is looked for: active memtable, frozen memtables, cache, tables of L0 by newest sequence
 * number, then one table per lower level.
 *
 * The first hit in the memtables is the newest entry, since memtables are asked newest first. L0 goes on while
 * the next table may hold something newer than what was found, which costs nothing in the common case and stays
 * right for a store whose manifest was rebuilt.
 */
import { Slice } from "../base/bytes.ts";
import { type EntryCursor, entryKinds, type FoundEntry, type SequenceNumber } from "./internal-key.ts";
import { ConcatenatingCursor } from "./iterator/concatenating.ts";
import { MergingCursor } from "./iterator/merging.ts";
import type { Table } from "./manifest/table.ts";
import { coversKey, type Version } from "./manifest/version.ts";
import { levelCount } from "./manifest/version-edit.ts";
import type { TrackedMemtable } from "./memtable-set.ts";
import type { RangeDeletionSet } from "./range-deletion/range-deletion-set.ts";
import { surviving } from "./range-deletion/surviving-cursor.ts";

/** Finds the newest entry of the key in the memtables (newest first) at or below `maxSequence`. */
export function findInMemtables(
  newestFirst: readonly TrackedMemtable[],
  key: Uint8Array,
  keyLength: number,
  maxSequence: SequenceNumber,
  found: FoundEntry,
): boolean {
  for (let index = 0; index < newestFirst.length; index++) {
    if (newestFirst[index]!.memtable.find(key, keyLength, maxSequence, found)) return true;
  }
  return false;
}

const passing: FoundEntry = { value: new Slice(), sequence: 0, kind: entryKinds.value };

/** The same, for who needs to know no more than that. */
export function isInMemtables(
  newestFirst: readonly TrackedMemtable[],
  key: Uint8Array,
  keyLength: number,
  maxSequence: SequenceNumber,
): boolean {
  return findInMemtables(newestFirst, key, keyLength, maxSequence, passing);
}

/** Finds the newest entry of the key in the tables of a version; `found.sequence` is 0 where there is none. */
export function findInTables(
  version: Version,
  key: Uint8Array,
  keyLength: number,
  found: FoundEntry,
): boolean {
  const startedMs = version.reads.beginTableLookup();
  const isFound = findInLevels(version, key, keyLength, found);
  version.reads.endTableLookup(startedMs);
  if (!isFound) found.sequence = 0;
  return isFound;
}

function findInLevels(version: Version, key: Uint8Array, keyLength: number, found: FoundEntry): boolean {
  if (findInLevel0(version.levels[0]!, key, keyLength, found)) return true;
  for (let level = 1; level < levelCount; level++) {
    if (version.levels[level]!.length === 0) continue;
    if (version.tableForKey(level, key, keyLength)?.reader.get(key, keyLength, found)) return true;
  }
  return false;
}

/** `found` holds the best so far, of which the next look-up may take the bytes away. */
function findInLevel0(
  tables: readonly Table[],
  key: Uint8Array,
  keyLength: number,
  found: FoundEntry,
): boolean {
  let best: Table | undefined;
  let bestSequence = -1;
  let last: Table | undefined;
  for (let index = 0; index < tables.length; index++) {
    const table = tables[index]!;
    if (table.metadata.largestSequence <= bestSequence) break;
    if (!coversKey(table, key, keyLength)) continue;
    last = table;
    if (!table.reader.get(key, keyLength, found) || found.sequence <= bestSequence) continue;
    best = table;
    bestSequence = found.sequence;
  }
  if (best !== last) best?.reader.get(key, keyLength, found);
  return best !== undefined;
}

/**
 * Whether an entry that was found for a key is not range-deleted; else the key is absent, and `found.sequence` is the
 * number of the deletion.
 */
export function survives(
  key: Uint8Array,
  keyLength: number,
  deletions: RangeDeletionSet,
  found: FoundEntry,
): boolean {
  if (deletions.isEmpty) return true;
  const covering = deletions.coveringSequence(key, 0, keyLength, found.sequence);
  if (covering > 0) found.sequence = covering;
  return covering === 0;
}

/** One cursor over everything: each key once, with its newest entry at or below `maxSequence`, unless it is deleted. */
export function mergedCursor(
  memtables: readonly TrackedMemtable[],
  version: Version,
  maxSequence: SequenceNumber,
  deletions: RangeDeletionSet,
): EntryCursor {
  const sources: EntryCursor[] = [];
  for (const { memtable } of memtables) {
    const newest = Math.min(memtable.largestSequence, maxSequence);
    sources.push(surviving(memtable.newestCursor(maxSequence), deletions, newest));
  }
  for (const table of livingTables(version, 0, deletions)) sources.push(runCursor([table], deletions));
  for (let level = 1; level < levelCount; level++) {
    const tables = livingTables(version, level, deletions);
    if (tables.length > 0) sources.push(runCursor(tables, deletions));
  }
  return sources.length === 1 ? sources[0]! : new MergingCursor(sources);
}

/** Tables of a level that are not deleted whole: nothing has to be read of those. */
function livingTables(version: Version, level: number, deletions: RangeDeletionSet): readonly Table[] {
  const tables = version.levels[level]!;
  return deletions.isEmpty ? tables : tables.filter(({ metadata }) => !deletions.coversTable(metadata));
}

/** Over tables with disjoint, ascending ranges; those that end before where it begins are not touched. */
function runCursor(tables: readonly Table[], deletions: RangeDeletionSet): EntryCursor {
  return new ConcatenatingCursor(
    tables.map((table) => ({
      largestKey: table.metadata.largestKey,
      cursor: () => surviving(table.cursor(), deletions, table.metadata.largestSequence),
    })),
  );
}
