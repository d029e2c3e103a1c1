/**
 * How much of the store a key range takes, without looking at its entries.
 *
 * A table that lies in the range counts whole. Of one that lies across a bound, the index tells where in the file the
 * bound's block begins: it counts to within a data block at each bound, so that a range inside one block counts
 * nothing. Sizes are as stored: compressed, with filters and indexes, with older entries of a key and deleted ones
 * that no compaction has dropped yet. In memtables entries are counted by a sample (within a fifth, mostly) and taken
 * for equally large. The time it takes grows with the number of tables, not with the number of keys.
 */
import { compareBytes, emptyBytes } from "../base/bytes.ts";
import type { Table } from "./manifest/table.ts";
import type { Version } from "./manifest/version.ts";
import type { TrackedMemtable } from "./memtable-set.ts";

export interface ApproximateSize {
  /** On disk. Those of ranges that adjoin add up. */
  readonly tableBytes: number;
  /** Not yet flushed. */
  readonly memtableBytes: number;
}

/** The size of the keys in [start, end), an undefined bound being open. */
export function approximateSize(
  version: Version,
  memtables: readonly TrackedMemtable[],
  start: Uint8Array | undefined,
  end: Uint8Array | undefined,
): ApproximateSize {
  if (start !== undefined && end !== undefined && compareBytes(start, end) >= 0) {
    return { tableBytes: 0, memtableBytes: 0 };
  }
  let tableBytes = 0;
  for (const tables of version.levels) {
    for (const table of tables) tableBytes += sizeBefore(table, end) - sizeBefore(table, start ?? emptyBytes);
  }
  let memtableBytes = 0;
  for (const { memtable } of memtables) memtableBytes += memtable.approximateBytes(start, end);
  return { tableBytes, memtableBytes };
}

/** Bytes of the table's keys before `key`; of all of them without one. */
function sizeBefore(table: Table, key: Uint8Array | undefined): number {
  const { metadata } = table;
  if (key === undefined || compareBytes(key, metadata.largestKey) > 0) return metadata.sizeBytes;
  if (compareBytes(key, metadata.smallestKey) <= 0) return 0;
  return table.reader.approximateSizeBefore(key, key.length);
}
