/**
 * A range deletion: of every key in [start, end), what has a smaller sequence number is deleted.
 *
 * Its life: one record of the commit log → in force at once, beside the active memtable → with that memtable's flush
 * into the manifest → gone when no table may hold anything that it covers. Tables know nothing of it: reads hide
 * what it covers, flushes and compactions leave that out, and a table that it covers whole is dropped unread.
 *
 * Invariants:
 * 1. While an entry that it covers is in a memtable in use or in a table of the current version, it is in force.
 * 2. Nothing is left out of a table for the sake of a deletion that is not durable with that table: a flush applies
 *    those that the manifest holds or gets in the same edit, a compaction those that the manifest holds.
 * 3. It covers nothing that was written after it, though that may lie in the same memtable or table.
 */
import { compareBytes, emptyBytes } from "../../base/bytes.ts";
import type { SequenceNumber } from "../internal-key.ts";

export interface RangeDeletion {
  /** First key; empty: from the first there is. */
  readonly start: Uint8Array;
  /** First key that is not covered any more; undefined: up to the last there is. */
  readonly end: Uint8Array | undefined;
  readonly sequence: SequenceNumber;
}

/** Of a table, what says whether a deletion covers anything in it. */
export interface DatedTable {
  readonly smallestKey: Uint8Array;
  readonly largestKey: Uint8Array;
  readonly smallestSequence: SequenceNumber;
  readonly largestSequence: SequenceNumber;
  /** Deletions up to this number were applied when the table was written. */
  readonly deletionsAppliedThrough: SequenceNumber;
}

export function isBeforeEnd(key: Uint8Array, end: Uint8Array | undefined): boolean {
  return end === undefined || compareBytes(key, end) < 0;
}

/** Whether the table may hold an entry that the deletion covers. */
export function mayHoldCovered(table: DatedTable, { start, end, sequence }: RangeDeletion): boolean {
  return (
    table.deletionsAppliedThrough < sequence &&
    table.smallestSequence < sequence &&
    compareBytes(table.largestKey, start) >= 0 &&
    isBeforeEnd(table.smallestKey, end)
  );
}

/** The end as it is stored: no range ends at the empty key, so that stands for an open end. */
export function encodeEnd(end: Uint8Array | undefined): Uint8Array {
  return end ?? emptyBytes;
}

export function decodeEnd(stored: Uint8Array): Uint8Array | undefined {
  return stored.length === 0 ? undefined : stored;
}
