/**
 * What the node asks of the engine; `Engine` has this shape, and tests bring their own.
 *
 * Everything here but the waiting is synchronous, so that a read-modify-write of a key is one turn of the main
 * thread: no other call can come between its `get` and its `put`.
 */
import type { EntryCursor, EntryKind, FoundEntry, SequenceNumber } from "../engine/internal-key.ts";

/** A write that the store has taken. */
export interface StoredEntry {
  readonly sequence: SequenceNumber;
  /** Resolves when the entry is as durable as the sync mode promises; rejects when that cannot be known. */
  readonly durable: Promise<void>;
}

/** One entry of several that are written together: the first bytes of two arrays. */
export interface StoreEntry {
  readonly kind: EntryKind;
  readonly key: Uint8Array;
  readonly keyLength: number;
  readonly value: Uint8Array;
  readonly valueLength: number;
}

export interface RecordStore {
  /**
   * A promise while a writer of `entryCount` entries (one, if not told) with `entryBytes` of keys and values must wait
   * for room: wait, then ask again. Undefined when it may write in this turn, or when waiting would not help and `put`
   * or `write` throws why.
   */
  whenWritable(entryBytes: number, entryCount?: number): Promise<void> | undefined;
  /**
   * Undefined when `get` of the key will hardly have to wait for the disk; else a promise: once it has resolved, `get`
   * without asking again.
   */
  whenResident(key: Uint8Array, keyLength: number): Promise<void> | undefined;
  /**
   * Newest entry of the key; false when absent: then `found.sequence` is what the absence rests on, 0 for nothing.
   * `found.value` stays valid until the next await or the next call into the store other than `whenDurable`.
   */
  get(key: Uint8Array, keyLength: number, found: FoundEntry): boolean;
  /** Throws when writing has ended or there is no room. Copies key and value. */
  put(
    key: Uint8Array,
    keyLength: number,
    kind: EntryKind,
    value: Uint8Array,
    valueLength: number,
  ): StoredEntry;
  /** Puts several entries, at least one, of which a crash keeps all or none. Copies them. Throws as `put` does. */
  write(entries: readonly StoreEntry[]): StoredEntry;
  /** Deletes what the keys in [start, end) hold now. Throws as `put` does, and RESOURCE_EXHAUSTED after too many. */
  deleteRange(start: Uint8Array, end: Uint8Array): StoredEntry;
  /** Undefined when an answer may rest on this sequence number already. */
  whenDurable(sequence: SequenceNumber): Promise<void> | undefined;
  /** A pinned view of what is durable. */
  view(): RecordView;
}

export interface RecordView {
  /** Entries with this sequence number or a lower one are seen. */
  readonly sequence: SequenceNumber;
  /**
   * Undefined when cursors will hardly have to wait for the disk while they go on from a key for a turn; else a promise
   * of that. Ask before a cursor is made, with where it starts, and at every turn.
   */
  whenStretchResident(from: Uint8Array): Promise<void> | undefined;
  /**
   * The newest visible entry of every key in [start, end), in key order; an undefined bound is open; `rewind` it
   * first. Its slices are valid until its next move or the next await. Moves throw StorageError ABORTED once the
   * view was ended for its age or for the bytes that it pins.
   */
  cursor(start: Uint8Array | undefined, end: Uint8Array | undefined): EntryCursor;
  close(): void;
}
