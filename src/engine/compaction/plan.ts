/** A `CompactionPlan`: which tables become which, and what it keeps others from doing meanwhile. */
import { compareBytes } from "../../base/bytes.ts";
import type { TableMetadata } from "../manifest/version-edit.ts";
import type { CompactionTrigger, StartedCompaction } from "../observer.ts";
import { totalSizeBytes } from "./level-policy.ts";

/** Both ends belong to it. */
export interface KeyRange {
  readonly smallestKey: Uint8Array;
  readonly largestKey: Uint8Array;
}

export interface CompactionPlan {
  /**
   * `move`: the one input goes to the output level as it is. `merge`: all tables are read and written anew. `drop`:
   * range deletions cover all that is in the inputs, so they go.
   */
  readonly kind: "move" | "merge" | "drop";
  readonly trigger: CompactionTrigger;
  readonly level: number;
  /** The level below, or the same one for a table that is only rid of what is deleted in it. */
  readonly outputLevel: number;
  /** Of `level`; of level 0 from the newest to the oldest. */
  readonly inputs: readonly TableMetadata[];
  /** Of the output level, where that is another one: all that share keys with the inputs. */
  readonly overlapping: readonly TableMetadata[];
}

export function overlaps(a: KeyRange, b: KeyRange): boolean {
  return compareBytes(a.smallestKey, b.largestKey) <= 0 && compareBytes(b.smallestKey, a.largestKey) <= 0;
}

/** The smallest range that holds them all; at least one. */
export function hullOf(ranges: readonly KeyRange[]): KeyRange {
  return ranges.reduce((hull, { smallestKey, largestKey }) => ({
    smallestKey: compareBytes(smallestKey, hull.smallestKey) < 0 ? smallestKey : hull.smallestKey,
    largestKey: compareBytes(largestKey, hull.largestKey) > 0 ? largestKey : hull.largestKey,
  }));
}

export function overlappingTables<T extends KeyRange>(tables: readonly T[], range: KeyRange): T[] {
  return tables.filter((table) => overlaps(table, range));
}

export function tablesOf({ inputs, overlapping }: CompactionPlan): readonly TableMetadata[] {
  return [...inputs, ...overlapping];
}

/** The plan as its observer gets to know it. */
export function describePlan(plan: CompactionPlan, id: number): StartedCompaction {
  const { kind, trigger, level, outputLevel, inputs, overlapping } = plan;
  return {
    id,
    kind,
    trigger,
    level,
    outputLevel,
    inputTableCount: inputs.length,
    inputBytes: totalSizeBytes(inputs),
    overlappingTableCount: overlapping.length,
    overlappingBytes: totalSizeBytes(overlapping),
  };
}

/** Whether the two must not run at the same time: they share a level and a range of keys. */
export function conflicts(a: CompactionPlan, b: CompactionPlan): boolean {
  const sharesLevel = a.level <= b.outputLevel && b.level <= a.outputLevel;
  return sharesLevel && overlaps(hullOf(tablesOf(a)), hullOf(tablesOf(b)));
}
