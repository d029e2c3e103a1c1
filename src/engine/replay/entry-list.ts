/**
 * Entries in the order in which they were written, in memory that another thread can read: what a start gathers from
 * the commit log. A frame's payload is copied as a whole.
 *
 *     payload | payload | …      room      … | row | row
 *
 * Payloads grow from the front, rows, one for each entry, from the end: entry i has the row that ends
 * i · `rowSizeBytes` before it. A row is five words (u32):
 *
 *     0  where the key begins; the value follows it
 *     1  key length
 *     2  value length
 *     3  kind (8 bits) | sequence number, high 21 bits
 *     4  sequence number, low 32 bits
 *
 * Invariant: a frame is in the list whole or not at all, and its entries are newer than all before.
 */
import { copyRange } from "../../base/bytes.ts";
import { assert } from "../../base/errors.ts";
import type { Frame } from "../commit-log/frame-cursor.ts";
import { type EntryKind, entryKinds, type SequenceNumber } from "../internal-key.ts";

const rowWordCount = 5;
const rowSizeBytes = 4 * rowWordCount;
const kindShift = 24;
const sequenceHighMask = 0x1fffff;

/** What whoever sorts or reads a list looks at. */
export class EntryRows {
  readonly buffer: SharedArrayBuffer;
  readonly bytes: Uint8Array;
  readonly words: Uint32Array;

  constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer;
    this.bytes = new Uint8Array(buffer);
    this.words = new Uint32Array(buffer);
  }

  /** Index of the first word of an entry's row. */
  rowOf(index: number): number {
    return this.words.length - rowWordCount * (index + 1);
  }

  keyStart(row: number): number {
    return this.words[row]!;
  }

  keyLength(row: number): number {
    return this.words[row + 1]!;
  }

  valueLength(row: number): number {
    return this.words[row + 2]!;
  }

  kind(row: number): EntryKind {
    return (this.words[row + 3]! >>> kindShift) as EntryKind;
  }

  sequence(row: number): SequenceNumber {
    return (this.words[row + 3]! & sequenceHighMask) * 2 ** 32 + this.words[row + 4]!;
  }
}

export class EntryList extends EntryRows {
  entryCount = 0;
  tombstoneCount = 0;
  /** 0 where there are no entries. */
  smallestSequence: SequenceNumber = 0;
  largestSequence: SequenceNumber = 0;
  /** Of the frames' payloads. */
  #payloadBytes = 0;
  /** From a position in the frame that was begun to one in the list. */
  #shift = 0;

  constructor(capacityBytes: number) {
    super(new SharedArrayBuffer(4 * Math.ceil(capacityBytes / 4)));
  }

  get usedBytes(): number {
    return this.#payloadBytes + rowSizeBytes * this.entryCount;
  }

  /** Copies what the frame's entries lie in; false, changing nothing, where there is no room for all of them. */
  tryBegin(frame: Frame): boolean {
    if (this.usedBytes + listedSizeBytes(frame) > this.bytes.length) return false;
    const { bytes, start, length } = frame.payload;
    copyRange(bytes, start, length, this.bytes, this.#payloadBytes);
    this.#shift = this.#payloadBytes - start;
    this.#payloadBytes += length;
    return true;
  }

  /** Adds the entry that the frame, the last one that was begun, stands at. */
  add({ key, value, kind, sequence }: Frame): void {
    const words = this.words;
    const row = words.length - rowWordCount * ++this.entryCount;
    assert(4 * row >= this.#payloadBytes, "a frame has more entries than it says");
    words[row] = key.start + this.#shift;
    words[row + 1] = key.length;
    words[row + 2] = value.length;
    words[row + 3] = (kind << kindShift) | Math.floor(sequence / 2 ** 32);
    words[row + 4] = sequence;
    if (this.entryCount === 1) this.smallestSequence = sequence;
    this.largestSequence = sequence;
    if (kind === entryKinds.tombstone) this.tombstoneCount++;
  }
}

/** What a frame takes of a list at most. */
export function listedSizeBytes({ payload, entryCount }: Frame): number {
  return payload.length + rowSizeBytes * entryCount;
}
