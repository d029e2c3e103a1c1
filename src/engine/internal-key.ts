/**
 * What identifies an entry inside the engine: user key, sequence number, kind.
 *
 * Order: user key ascending by unsigned bytes, then sequence number descending, so that the newest entry of a
 * key comes first. Sequence numbers are unique; the kind never decides.
 *
 * Invariants:
 * 1. Every accepted write gets the next sequence number; numbers are never handed out twice.
 * 2. For a key, the entry with the highest sequence number is the truth everywhere.
 * 3. A memtable may hold several entries of one key (views read below the newest); a table holds at most one,
 *    since views pin the memtables and tables that they were created over.
 */
import type { Slice } from "../base/bytes.ts";

/** A safe integer; JavaScript's 2^53 lasts for 285 years at a million writes a second. */
export type SequenceNumber = number;

/** Number in the names of tables, commit-log segments and manifests, all from one counter. */
export type FileNumber = number;

/** On-disk values: never renumber. */
export const entryKinds = { value: 1, tombstone: 2 } as const;

/** `tombstone`: the record is only about deletion; its bytes (clock, deletion time) are kept all the same. */
export type EntryKind = (typeof entryKinds)[keyof typeof entryKinds];

export function isEntryKind(value: number): value is EntryKind {
  return value === entryKinds.value || value === entryKinds.tombstone;
}

/**
 * A forward cursor over entries in the order above. `key`, `value`, `sequence` and `kind` are valid while
 * `valid` is true and until the next move. The cursor owns both slices and reuses them.
 */
export interface EntryCursor {
  readonly valid: boolean;
  readonly key: Slice;
  readonly value: Slice;
  readonly sequence: SequenceNumber;
  readonly kind: EntryKind;
  /** To the first entry. */
  rewind(): void;
  /** To the first entry whose user key is at or after `key`. */
  seek(key: Uint8Array): void;
  next(): void;
}

/** Where a look-up puts what it found; owned by the caller and reused. `value` lives as long as its source. */
export interface FoundEntry {
  readonly value: Slice;
  sequence: SequenceNumber;
  kind: EntryKind;
}
