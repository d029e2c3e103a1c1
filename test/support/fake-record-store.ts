import { compareBytes, Slice } from "../../src/base/bytes.ts";
import {
  type EntryCursor,
  type EntryKind,
  entryKinds,
  type FoundEntry,
} from "../../src/engine/internal-key.ts";
import type { RecordStore, RecordView, StoredEntry, StoreEntry } from "../../src/node/record-store.ts";

interface Deletion {
  readonly start: Uint8Array;
  readonly end: Uint8Array;
  readonly sequence: number;
}

interface Entry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly kind: EntryKind;
  readonly sequence: number;
}

/**
 * A store in memory whose waits the test controls. It keeps every entry, so that views can look back, and is as
 * strict as a store may be about the bytes that it lends: at the next call that may take them back, or the next await,
 * they are overwritten.
 */
export class FakeRecordStore implements RecordStore {
  /** False: entries stay unsynced until `sync`. */
  syncsAtOnce = true;
  putCount = 0;
  /** Of batches. */
  writeCount = 0;
  openViewCount = 0;
  /** When set, views that are open throw it at their next move. */
  viewError: Error | undefined;
  /** When set, `put` throws it. */
  putError: Error | undefined;
  /** While it is set, what is read lies on the disk until it resolves. */
  cold: PromiseWithResolvers<void> | undefined;
  readonly loan = new Loan();
  readonly #entries: Entry[] = [];
  readonly #deletions: Deletion[] = [];
  #lastSequence = 0;
  #durableSequence = 0;
  #syncError: Error | undefined;
  #group: PromiseWithResolvers<void> | undefined;
  #room: PromiseWithResolvers<void> | undefined;
  #roomBytes = 0;

  /** What the key holds, as bytes; for a test to look at or to spoil. */
  entryOf(engineKey: string): { value: Uint8Array; kind: EntryKind } | undefined {
    return this.#newest(new TextEncoder().encode(engineKey), Number.POSITIVE_INFINITY);
  }

  /** Makes everything durable that was put. */
  sync(): void {
    this.#durableSequence = this.#lastSequence;
    this.#group?.resolve();
    this.#group = undefined;
  }

  failSync(error: Error): void {
    this.#syncError = error;
    this.#group?.reject(error);
  }

  /** Entries of more than `exceptBytes` have to wait from now on. */
  closeRoom(exceptBytes = -1): void {
    this.#room ??= Promise.withResolvers<void>();
    this.#roomBytes = exceptBytes;
  }

  openRoom(): void {
    this.#room?.resolve();
    this.#room = undefined;
  }

  whenWritable(entryBytes: number): Promise<void> | undefined {
    this.loan.end();
    return entryBytes > this.#roomBytes ? this.#room?.promise : undefined;
  }

  whenResident(): Promise<void> | undefined {
    this.loan.end();
    return this.cold?.promise;
  }

  get(key: Uint8Array, keyLength: number, found: FoundEntry): boolean {
    this.loan.end();
    const copy = key.slice(0, keyLength);
    const entry = this.#newest(copy, Number.POSITIVE_INFINITY);
    if (entry === undefined) {
      const isKnown = this.#entries.some((other) => compareBytes(other.key, copy) === 0);
      found.sequence = isKnown ? (this.#deletions.at(-1)?.sequence ?? 0) : 0;
      return false;
    }
    this.loan.lend(entry.value, found.value);
    found.sequence = entry.sequence;
    found.kind = entry.kind;
    return true;
  }

  put(
    key: Uint8Array,
    keyLength: number,
    kind: EntryKind,
    value: Uint8Array,
    valueLength: number,
  ): StoredEntry {
    if (this.putError !== undefined) throw this.putError;
    const copies = { key: key.slice(0, keyLength), value: value.slice(0, valueLength) };
    this.loan.end();
    this.putCount++;
    this.#entries.push({ ...copies, kind, sequence: ++this.#lastSequence });
    return this.#stored();
  }

  write(entries: readonly StoreEntry[]): StoredEntry {
    this.writeCount++;
    for (const { key, keyLength, kind, value, valueLength } of entries)
      this.put(key, keyLength, kind, value, valueLength);
    return this.#stored();
  }

  deleteRange(start: Uint8Array, end: Uint8Array): StoredEntry {
    if (this.putError !== undefined) throw this.putError;
    this.loan.end();
    this.#deletions.push({ start, end, sequence: ++this.#lastSequence });
    return this.#stored();
  }

  #stored(): StoredEntry {
    if (this.syncsAtOnce) this.sync();
    const sequence = this.#lastSequence;
    return { sequence, durable: this.whenDurable(sequence) ?? Promise.resolve() };
  }

  whenDurable(sequence: number): Promise<void> | undefined {
    if (sequence <= this.#durableSequence) return undefined;
    if (this.#syncError !== undefined) return Promise.reject(this.#syncError);
    this.#group ??= Promise.withResolvers<void>();
    return this.#group.promise;
  }

  view(): RecordView {
    this.openViewCount++;
    const sequence = this.#durableSequence;
    return {
      sequence,
      whenStretchResident: () => this.cold?.promise,
      cursor: (start, end) => {
        const keys = this.#keys().filter(
          (key) =>
            (start === undefined || compareBytes(key, start) >= 0) &&
            (end === undefined || compareBytes(key, end) < 0),
        );
        const entries = keys.flatMap((key) => this.#newest(key, sequence) ?? []);
        return new FakeCursor(entries, this);
      },
      close: () => {
        this.openViewCount--;
      },
    };
  }

  /** Every key once, in order. */
  #keys(): Uint8Array[] {
    const sorted = this.#entries.map((entry) => entry.key).sort(compareBytes);
    return sorted.filter((key, i) => i === 0 || compareBytes(sorted[i - 1]!, key) !== 0);
  }

  #newest(key: Uint8Array, maxSequence: number): Entry | undefined {
    const entry = this.#entries.findLast(
      ({ key: stored, sequence }) => sequence <= maxSequence && compareBytes(stored, key) === 0,
    );
    const isDeleted = this.#deletions.some(
      ({ start, end, sequence }) =>
        sequence <= maxSequence &&
        sequence > (entry?.sequence ?? 0) &&
        compareBytes(key, start) >= 0 &&
        compareBytes(key, end) < 0,
    );
    return isDeleted ? undefined : entry;
  }
}

/** Bytes that are lent for a while, then overwritten, so that a use after their time shows. */
class Loan {
  #lent: Uint8Array[] = [];

  /** Puts a copy into `slice`, shared memory and not at its start, as an arena's would be. */
  lend(bytes: Uint8Array, slice: Slice): void {
    const copy = new Uint8Array(new SharedArrayBuffer(bytes.length + 5));
    copy.set(bytes, 3);
    slice.set(copy, 3, bytes.length);
    this.#lent.push(copy);
    queueMicrotask(() => copy.fill(0xdd));
  }

  end(): void {
    for (const bytes of this.#lent) bytes.fill(0xdd);
    this.#lent = [];
  }
}

class FakeCursor implements EntryCursor {
  readonly key = new Slice();
  readonly value = new Slice();
  readonly #entries: readonly Entry[];
  readonly #store: FakeRecordStore;
  /** Unpositioned before `rewind` or `seek`. */
  #index: number;

  constructor(entries: readonly Entry[], store: FakeRecordStore) {
    this.#entries = entries;
    this.#store = store;
    this.#index = entries.length;
  }

  get valid(): boolean {
    return this.#index < this.#entries.length;
  }

  get sequence(): number {
    return this.#entries[this.#index]?.sequence ?? 0;
  }

  get kind(): EntryKind {
    return this.#entries[this.#index]?.kind ?? entryKinds.value;
  }

  rewind(): void {
    this.#moveTo(0);
  }

  seek(key: Uint8Array): void {
    const index = this.#entries.findIndex((entry) => compareBytes(entry.key, key) >= 0);
    this.#moveTo(index === -1 ? this.#entries.length : index);
  }

  next(): void {
    this.#moveTo(this.#index + 1);
  }

  #moveTo(index: number): void {
    if (this.#store.viewError !== undefined) throw this.#store.viewError;
    this.#store.loan.end();
    this.#index = index;
    const entry = this.#entries[index];
    if (entry === undefined) return;
    this.#store.loan.lend(entry.key, this.key);
    this.#store.loan.lend(entry.value, this.value);
  }
}
