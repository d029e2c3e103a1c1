/**
 * What a stretch of the commit log says, in place of the frozen memtable that it was before the crash: the entries as
 * the log has them, and their order. To put them into a skip list would take five times as long, for some reads
 * until the flush, which begins as soon as the store is open.
 *
 * Of each key it knows the newest entry alone. Nobody asks for older ones: the first view of a store is as of its last
 * sequence number.
 */
import { compareRanges, Slice } from "../../base/bytes.ts";
import { assert } from "../../base/errors.ts";
import type { EntryCursor, EntryKind, FoundEntry, SequenceNumber } from "../internal-key.ts";
import type { FrozenMemtable } from "../memtable-set.ts";
import { type EntryList, EntryRows } from "./entry-list.ts";
import { sortEntries } from "./sort-entries.ts";

/** What another thread needs to read one; can be posted to a worker. */
export interface ReplayedMemtableShare {
  readonly buffer: SharedArrayBuffer;
  /** Indexes of entries, by key. */
  readonly order: SharedArrayBuffer;
  readonly entryCount: number;
  readonly tombstoneCount: number;
  readonly usedBytes: number;
  readonly smallestSequence: SequenceNumber;
  readonly largestSequence: SequenceNumber;
}

export class ReplayedMemtable implements FrozenMemtable {
  readonly #share: ReplayedMemtableShare;
  readonly #rows: EntryRows;
  readonly #order: Uint32Array;

  /** Takes over a list, which holds the thread while it is sorted (`sort-entries.ts`). */
  static from(list: EntryList): ReplayedMemtable {
    const { buffer, tombstoneCount, usedBytes, smallestSequence, largestSequence } = list;
    const order = sortEntries(list).buffer as SharedArrayBuffer;
    const entryCount = order.byteLength / 4;
    return new ReplayedMemtable({
      buffer,
      order,
      entryCount,
      tombstoneCount,
      usedBytes,
      smallestSequence,
      largestSequence,
    });
  }

  constructor(share: ReplayedMemtableShare) {
    this.#share = share;
    this.#rows = new EntryRows(share.buffer);
    this.#order = new Uint32Array(share.order);
  }

  get entryCount(): number {
    return this.#share.entryCount;
  }

  get tombstoneCount(): number {
    return this.#share.tombstoneCount;
  }

  get usedBytes(): number {
    return this.#share.usedBytes + this.#share.order.byteLength;
  }

  get capacityBytes(): number {
    return this.#share.buffer.byteLength + this.#share.order.byteLength;
  }

  get smallestSequence(): SequenceNumber {
    return this.#share.smallestSequence;
  }

  get largestSequence(): SequenceNumber {
    return this.#share.largestSequence;
  }

  flushSource(): { readonly replayed: ReplayedMemtableShare } {
    return { replayed: this.#share };
  }

  find(key: Uint8Array, keyLength: number, maxSequence: SequenceNumber, found: FoundEntry): boolean {
    this.#assertNewest(maxSequence);
    const rows = this.#rows;
    const position = this.#firstReaching(key, keyLength);
    if (position === this.entryCount) return false;
    const row = rows.rowOf(this.#order[position]!);
    if (this.#compare(row, key, keyLength) !== 0) return false;
    found.value.set(rows.bytes, rows.keyStart(row) + rows.keyLength(row), rows.valueLength(row));
    found.sequence = rows.sequence(row);
    found.kind = rows.kind(row);
    return true;
  }

  /** Over each key once; stands on none before its first `rewind` or `seek`. */
  newestCursor(maxSequence: SequenceNumber): EntryCursor {
    this.#assertNewest(maxSequence);
    return new ReplayedCursor(this.#rows, this.#order, (key) => this.#firstReaching(key, key.length));
  }

  /** About the bytes of the entries with keys in [start, end), taking all entries for equally large. */
  approximateBytes(start: Uint8Array | undefined, end: Uint8Array | undefined): number {
    if (this.entryCount === 0) return 0;
    const from = start === undefined ? 0 : this.#firstReaching(start, start.length);
    const to = end === undefined ? this.entryCount : this.#firstReaching(end, end.length);
    return Math.round((Math.max(0, to - from) / this.entryCount) * this.usedBytes);
  }

  #assertNewest(maxSequence: SequenceNumber): void {
    assert(maxSequence >= this.largestSequence, "what was replayed is read as of a moment in the past");
  }

  /** Place in the order of the first key at or after this one. */
  #firstReaching(key: Uint8Array, keyLength: number): number {
    let low = 0;
    let high = this.entryCount;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#compare(this.#rows.rowOf(this.#order[middle]!), key, keyLength) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #compare(row: number, key: Uint8Array, keyLength: number): number {
    const rows = this.#rows;
    return compareRanges(rows.bytes, rows.keyStart(row), rows.keyLength(row), key, 0, keyLength);
  }
}

class ReplayedCursor implements EntryCursor {
  readonly key: Slice;
  readonly value: Slice;
  readonly #rows: EntryRows;
  readonly #order: Uint32Array;
  readonly #firstReaching: (key: Uint8Array) => number;
  #position: number;
  #row = 0;

  constructor(rows: EntryRows, order: Uint32Array, firstReaching: (key: Uint8Array) => number) {
    this.key = new Slice(rows.bytes, 0, 0);
    this.value = new Slice(rows.bytes, 0, 0);
    this.#rows = rows;
    this.#order = order;
    this.#firstReaching = firstReaching;
    this.#position = order.length;
  }

  get valid(): boolean {
    return this.#position < this.#order.length;
  }

  get sequence(): SequenceNumber {
    return this.#rows.sequence(this.#row);
  }

  get kind(): EntryKind {
    return this.#rows.kind(this.#row);
  }

  rewind(): void {
    this.#standAt(0);
  }

  seek(key: Uint8Array): void {
    this.#standAt(this.#firstReaching(key));
  }

  next(): void {
    assert(this.valid, "next on a cursor that stands on no entry");
    this.#standAt(this.#position + 1);
  }

  #standAt(position: number): void {
    this.#position = position;
    if (!this.valid) return;
    const rows = this.#rows;
    const row = rows.rowOf(this.#order[position]!);
    this.#row = row;
    this.key.start = rows.keyStart(row);
    this.key.length = rows.keyLength(row);
    this.value.start = this.key.start + this.key.length;
    this.value.length = rows.valueLength(row);
  }
}
