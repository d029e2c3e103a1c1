/**
 * A `Version`: the tables of the store at one moment, immutable and counted.
 *
 * Whoever reads across an `await` (a view, a scan, a compaction) acquires the version and releases it when done;
 * the tables in it stay open and on disk until then, whatever is flushed or compacted meanwhile.
 *
 * Invariants:
 * 1. Level 0 is ordered by largest sequence number, descending. A reader goes on to the next table while that
 *    table's largest sequence number is above the one it has found, so the newest entry of a key always wins.
 * 2. Lower levels are ordered by key, and no two tables of one share a key.
 * 3. A table lives as long as a version that holds it: the last release closes it and hands it on.
 * 4. What is read in a table counts for the level that it lies in, in the newest version that holds it.
 */
import { compareRanges } from "../../base/bytes.ts";
import { assert } from "../../base/errors.ts";
import { KeyPrefixes } from "../key-prefixes.ts";
import type { ReadStatistics } from "../statistics/read-statistics.ts";
import type { Table } from "./table.ts";

export class Version {
  /** Tables by level, ordered as invariants 1 and 2 say. */
  readonly levels: readonly (readonly Table[])[];
  /** Where look-ups in the tables are counted. */
  readonly reads: ReadStatistics;
  readonly #unreferenced: (table: Table) => void;
  /** By level, made for the first look-up. */
  readonly #largestKeys: (KeyPrefixes | undefined)[] = [];
  #references = 1;

  /**
   * Takes a reference on every table; the caller owns the first reference of the version.
   * `unreferenced` hears of each table whose last version went; it is closed by then.
   */
  constructor(
    levels: readonly (readonly Table[])[],
    reads: ReadStatistics,
    unreferenced: (table: Table) => void,
  ) {
    this.levels = levels;
    this.reads = reads;
    this.#unreferenced = unreferenced;
    for (const [level, tables] of levels.entries()) {
      for (const table of tables) {
        table.references++;
        table.counters = reads.levels[level]!;
      }
    }
  }

  acquire(): this {
    assert(this.#references > 0, "a released version was acquired");
    this.#references++;
    return this;
  }

  /** Every `acquire` has exactly one. */
  release(): void {
    assert(this.#references > 0, "a version was released twice");
    if (--this.#references > 0) return;
    for (const tables of this.levels) {
      for (const table of tables) {
        if (--table.references > 0) continue;
        table.close();
        this.#unreferenced(table);
      }
    }
  }

  get tableCount(): number {
    return this.levels.reduce((count, tables) => count + tables.length, 0);
  }

  /** The one table of a level below 0 whose key range holds the key. Allocates nothing. */
  tableForKey(level: number, key: Uint8Array, keyLength: number): Table | undefined {
    assert(level > 0, "tables of level 0 overlap: each one has to be asked");
    const tables = this.levels[level]!;
    this.#largestKeys[level] ??= largestKeysOf(tables);
    const largestKeys = this.#largestKeys[level];
    largestKeys.narrow(key, keyLength);
    let { low, high } = largestKeys;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareToKey(tables[middle]!.metadata.largestKey, key, keyLength) < 0) low = middle + 1;
      else high = middle;
    }
    const table = tables[low];
    if (table === undefined) return undefined;
    return compareToKey(table.metadata.smallestKey, key, keyLength) <= 0 ? table : undefined;
  }
}

function largestKeysOf(tables: readonly Table[]): KeyPrefixes {
  return new KeyPrefixes(tables.length, (index, key) => {
    const { largestKey } = tables[index]!.metadata;
    key.set(largestKey, 0, largestKey.length);
  });
}

/** Whether the table's key range holds the key. */
export function coversKey(table: Table, key: Uint8Array, keyLength: number): boolean {
  return (
    compareToKey(table.metadata.smallestKey, key, keyLength) <= 0 &&
    compareToKey(table.metadata.largestKey, key, keyLength) >= 0
  );
}

function compareToKey(bound: Uint8Array, key: Uint8Array, keyLength: number): number {
  return compareRanges(bound, 0, bound.length, key, 0, keyLength);
}
