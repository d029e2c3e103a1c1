/**
 * How large tables and levels are meant to be, and how tables are compressed.
 *
 * Level 0 is measured by its number of tables, since a look-up may have to ask each of them. Level 1 holds four
 * tables' worth of bytes and every deeper level `levelCapacityMultiplier` times the one above; the last level
 * takes what comes.
 */

import { levelCount, type TableMetadata } from "../manifest/version-edit.ts";
import type { CompactionOptions } from "../options.ts";
import type { Compression } from "../sstable/format.ts";

export const lastLevel = levelCount - 1;

const level1TableCount = 4;
/** A map holds less than 4 GiB; a table may pass its target by an entry and its filter. */
const largestTableSizeBytes = 2 ** 31;
/** A table that overlaps more tables' worth of the level below would make a later compaction too long. */
const mostOverlapTables = 10;

export class LevelPolicy {
  readonly #options: CompactionOptions;

  constructor(options: CompactionOptions) {
    this.#options = options;
  }

  /** A table of the level is ended when it reaches this. A table of level 0 is what a memtable holds. */
  tableSizeBytes(level: number): number {
    const { l1TableSizeBytes, l2TableSizeBytes, tableSizeMultiplier } = this.#options;
    if (level <= 1) return Math.min(l1TableSizeBytes, largestTableSizeBytes);
    return Math.min(l2TableSizeBytes * tableSizeMultiplier ** (level - 2), largestTableSizeBytes);
  }

  /** Of the tables that are written for the level. */
  compression(level: number): Compression {
    const { compression } = this.#options;
    return compression[Math.min(level, compression.length - 1)]!;
  }

  capacityBytes(level: number): number {
    const { l1TableSizeBytes, levelCapacityMultiplier } = this.#options;
    if (level === lastLevel) return Number.POSITIVE_INFINITY;
    return level1TableCount * l1TableSizeBytes * levelCapacityMultiplier ** (level - 1);
  }

  /** From 1 on, the level is due. `tables`: those that no job is taking down already. */
  score(level: number, tables: readonly TableMetadata[]): number {
    if (level === 0) return tables.length / this.#options.l0TriggerCount;
    return totalSizeBytes(tables) / this.capacityBytes(level);
  }

  /** What levels hold beyond their measure; of level 0, all once it is due. */
  debtBytes(levels: readonly (readonly TableMetadata[])[]): number {
    return levels.reduce((sum, tables, level) => {
      if (level === lastLevel || this.score(level, tables) < 1) return sum;
      return sum + totalSizeBytes(tables) - (level === 0 ? 0 : this.capacityBytes(level));
    }, 0);
  }

  /** Bytes of the level below that one table of the level may lie over. */
  mostOverlapBytes(level: number): number {
    return mostOverlapTables * this.tableSizeBytes(Math.min(level + 1, lastLevel));
  }
}

export function totalSizeBytes(tables: readonly TableMetadata[]): number {
  return tables.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}
