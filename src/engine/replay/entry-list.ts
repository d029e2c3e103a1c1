/**
 * Entries in the order in which they were written, in memory that another thread can read: what a start gathers from
 * the commit log. A frame's payload is copied as a whole; whoever writes the list to a table sorts its entries
 * (`sorted-entries.ts`).
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
import type { SequenceNumber } from "../internal-key.ts";

export const rowWordCount = 5;
export const kindShift = 24;
export const sequenceHighMask = 0x1fffff;

const rowSizeBytes = 4 * rowWordCount;

/** What another thread needs to read a list; can be posted to a worker. */
export interface EntryListShare {
  readonly buffer: SharedArrayBuffer;
  readonly entryCount: number;
  readonly largestSequence: SequenceNumber;
}

export class EntryList {
  readonly #buffer: SharedArrayBuffer;
  readonly #bytes: Uint8Array;
  readonly #words: Uint32Array;
  /** Of the frames' payloads. */
  #payloadBytes = 0;
  #frameBytes = 0;
  /** From a position in the frame that was begun to one in the list. */
  #shift = 0;
  #entryCount = 0;
  #largestSequence: SequenceNumber = 0;

  constructor(capacityBytes: number) {
    this.#buffer = new SharedArrayBuffer(4 * Math.ceil(capacityBytes / 4));
    this.#bytes = new Uint8Array(this.#buffer);
    this.#words = new Uint32Array(this.#buffer);
  }

  get entryCount(): number {
    return this.#entryCount;
  }

  /** What the frames take of the log. */
  get frameBytes(): number {
    return this.#frameBytes;
  }

  get usedBytes(): number {
    return this.#payloadBytes + rowSizeBytes * this.#entryCount;
  }

  /** Copies what the frame's entries lie in; false, changing nothing, where there is no room for all of them. */
  tryBegin(frame: Frame): boolean {
    if (this.usedBytes + listedSizeBytes(frame) > this.#bytes.length) return false;
    const { bytes, start, length } = frame.payload;
    copyRange(bytes, start, length, this.#bytes, this.#payloadBytes);
    this.#shift = this.#payloadBytes - start;
    this.#payloadBytes += length;
    this.#frameBytes += frame.sizeBytes;
    return true;
  }

  /** Adds the entry that the frame, the last one that was begun, stands at. */
  add({ key, value, kind, sequence }: Frame): void {
    const row = this.#words.length - rowWordCount * ++this.#entryCount;
    assert(4 * row >= this.#payloadBytes, "a frame has more entries than it says");
    const words = this.#words;
    words[row] = key.start + this.#shift;
    words[row + 1] = key.length;
    words[row + 2] = value.length;
    words[row + 3] = (kind << kindShift) | Math.floor(sequence / 2 ** 32);
    words[row + 4] = sequence;
    this.#largestSequence = sequence;
  }

  share(): EntryListShare {
    return {
      buffer: this.#buffer,
      entryCount: this.#entryCount,
      largestSequence: this.#largestSequence,
    };
  }
}

/** What a frame takes of a list at most. */
export function listedSizeBytes({ payload, entryCount }: Frame): number {
  return payload.length + rowSizeBytes * entryCount;
}
