/**
 * The newest writes, sorted, in memory: a skip list in a shared arena with what the engine wants to know of it.
 *
 * The thread that creates a memtable owns it and is the only one to insert. Any thread may read: at any time as
 * of a sequence number that the owner handed to it after inserting, and freely once the owner has stopped
 * inserting (frozen). Counts and sequence bounds are for the owner, and for others once frozen.
 *
 * Nothing here allocates per operation, and nothing is removed: a memtable is filled, flushed and, when nobody
 * reads it any longer, reset for the next round.
 */
import { assert } from "../../base/errors.ts";
import type { Random } from "../../platform/random.ts";
import {
  type EntryCursor,
  type EntryKind,
  entryKinds,
  type FoundEntry,
  type SequenceNumber,
} from "../internal-key.ts";
import { Arena, headerWord } from "./arena.ts";
import { MemtableCursor } from "./cursor.ts";
import { noNode, SkipList } from "./skip-list.ts";

/** What another thread needs to open a memtable; can be posted to a worker, which then reads the same memory. */
export interface MemtableShare {
  readonly buffer: SharedArrayBuffer;
}

/** What any thread can do with a memtable. */
export class MemtableReader {
  protected readonly arena: Arena;
  protected readonly list: SkipList;

  constructor(list: SkipList) {
    this.arena = list.arena;
    this.list = list;
  }

  /**
   * Looks up the newest entry of a key (the first `keyLength` bytes) with a sequence number up to `maxSequence`.
   * Fills `found` and returns true when there is one. `found.value` points into the arena, valid until `reset`.
   */
  find(key: Uint8Array, keyLength: number, maxSequence: SequenceNumber, found: FoundEntry): boolean {
    const list = this.list;
    const node = list.seek(key, 0, keyLength, maxSequence);
    if (node === noNode || !list.hasKey(node, key, 0, keyLength)) return false;
    found.value.set(this.arena.bytes, list.valueStart(node), list.valueLength(node));
    found.sequence = list.sequence(node);
    found.kind = list.kind(node);
    return true;
  }

  /** Over every entry up to `maxSequence`; stands on none before its first `rewind` or `seek`. */
  cursor(maxSequence: SequenceNumber = Number.MAX_SAFE_INTEGER): EntryCursor {
    return new MemtableCursor(this.list, maxSequence, "all");
  }

  /** As `cursor`, but of each key only the newest entry up to `maxSequence`. */
  newestCursor(maxSequence: SequenceNumber = Number.MAX_SAFE_INTEGER): EntryCursor {
    return new MemtableCursor(this.list, maxSequence, "newest");
  }

  /** Whether an entry of this size is sure to fit. */
  roomFor(keyLength: number, valueLength: number): boolean {
    return this.list.roomFor(keyLength, valueLength);
  }

  get capacityBytes(): number {
    return this.arena.capacityBytes;
  }

  get freeBytes(): number {
    return this.arena.freeBytes;
  }

  /** Bytes of the arena that are taken, its header included. */
  get usedBytes(): number {
    return this.arena.capacityBytes - this.arena.freeBytes;
  }

  get entryCount(): number {
    return this.arena.words[headerWord.entryCount]!;
  }

  get tombstoneCount(): number {
    return this.arena.words[headerWord.tombstoneCount]!;
  }

  /** About the bytes of the entries with keys in [start, end), taking all entries for equally large. */
  approximateBytes(start: Uint8Array | undefined, end: Uint8Array | undefined): number {
    const { entryCount } = this;
    if (entryCount === 0) return 0;
    const share = Math.min(1, this.list.estimateCount(start, end) / entryCount);
    return Math.round(share * this.usedBytes);
  }

  /** 0 when there are no entries. */
  get smallestSequence(): SequenceNumber {
    return this.arena.readInteger(headerWord.smallestSequence);
  }

  /** 0 when there are no entries. */
  get largestSequence(): SequenceNumber {
    return this.arena.readInteger(headerWord.largestSequence);
  }
}

/** What its owner can do with it besides. */
export class Memtable extends MemtableReader {
  /** An empty one in an arena of its own, 1 KiB to 2 GiB; `random` seeds the heights of towers. */
  static create(capacityBytes: number, random: Random): Memtable {
    const memtable = new Memtable(new SkipList(Arena.create(capacityBytes), random.uint32()));
    memtable.reset();
    return memtable;
  }

  /** Another thread's memtable, to read. */
  static open(share: MemtableShare): MemtableReader {
    return new MemtableReader(new SkipList(new Arena(share.buffer), 0));
  }

  share(): MemtableShare {
    return { buffer: this.arena.buffer };
  }

  flushSource(): { readonly memtable: MemtableShare } {
    return { memtable: this.share() };
  }

  /** Empties it. Only when no cursor, found value or other thread uses it any longer. */
  reset(): void {
    this.list.clear();
  }

  /**
   * Adds an entry; copies the first `keyLength` and `valueLength` bytes. Returns false, changing nothing, when
   * `roomFor` does. The sequence number must be new; numbers and keys may come in any order, ascending keys are
   * fastest.
   */
  insert(
    key: Uint8Array,
    keyLength: number,
    sequence: SequenceNumber,
    kind: EntryKind,
    value: Uint8Array,
    valueLength: number,
  ): boolean {
    assert(keyLength <= key.length && valueLength <= value.length, "entry longer than its buffers");
    assert(sequence >= 0 && Number.isSafeInteger(sequence), "sequence number out of range");
    if (!this.list.roomFor(keyLength, valueLength)) return false;
    this.list.insert(key, keyLength, sequence, kind, value, valueLength);
    this.#count(sequence, kind);
    return true;
  }

  #count(sequence: SequenceNumber, kind: EntryKind): void {
    const words = this.arena.words;
    const empty = words[headerWord.entryCount]!++ === 0;
    if (kind === entryKinds.tombstone) words[headerWord.tombstoneCount]!++;
    if (empty || sequence < this.smallestSequence) {
      this.arena.writeInteger(headerWord.smallestSequence, sequence);
    }
    if (sequence > this.largestSequence) {
      this.arena.writeInteger(headerWord.largestSequence, sequence);
    }
  }
}
