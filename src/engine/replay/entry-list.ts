/**
 * Entries in the order in which they were written, in memory that a worker can read: what a start gathers from the
 * commit log. Adding one is a copy; the worker that writes them to a table sorts them (`sorted-entries.ts`).
 *
 * An entry begins at a multiple of 4:
 *
 *      0  u32  key length
 *      4  u32  value length
 *      8  u32  kind (8 bits) | sequence number, high 21 bits
 *     12  u32  sequence number, low 32 bits
 *     16       key, value, zeros up to the next multiple of 4
 */
import { copyRange, type Slice } from "../../base/bytes.ts";
import type { EntryKind, SequenceNumber } from "../internal-key.ts";

export const headerWordCount = 4;
export const kindShift = 24;
export const sequenceHighMask = 0x1fffff;

/** So that a number below 2^53 takes an entry's index beside 35 bits of its key. */
export const mostEntries = 2 ** 18;

/** What another thread needs to read a list; can be posted to a worker. */
export interface EntryListShare {
  readonly buffer: SharedArrayBuffer;
  readonly usedBytes: number;
  readonly entryCount: number;
  readonly largestSequence: SequenceNumber;
}

export class EntryList {
  readonly #buffer: SharedArrayBuffer;
  readonly #words: Uint32Array;
  readonly #bytes: Uint8Array;
  #usedBytes = 0;
  #entryCount = 0;
  #largestSequence: SequenceNumber = 0;

  constructor(capacityBytes: number) {
    this.#buffer = new SharedArrayBuffer(4 * Math.ceil(capacityBytes / 4));
    this.#words = new Uint32Array(this.#buffer);
    this.#bytes = new Uint8Array(this.#buffer);
  }

  get entryCount(): number {
    return this.#entryCount;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** Of the last entry; 0 when there is none. */
  get largestSequence(): SequenceNumber {
    return this.#largestSequence;
  }

  share(): EntryListShare {
    return {
      buffer: this.#buffer,
      usedBytes: this.#usedBytes,
      entryCount: this.#entryCount,
      largestSequence: this.#largestSequence,
    };
  }

  /** Copies an entry that is newer than all before; false, changing nothing, where there is no room for it. */
  add(key: Slice, sequence: SequenceNumber, kind: EntryKind, value: Slice): boolean {
    const sizeBytes = entrySizeBytes(key.length, value.length);
    if (this.#entryCount === mostEntries || this.#usedBytes + sizeBytes > this.#bytes.length) return false;
    const word = this.#usedBytes >>> 2;
    this.#words[word] = key.length;
    this.#words[word + 1] = value.length;
    this.#words[word + 2] = (kind << kindShift) | Math.floor(sequence / 2 ** 32);
    this.#words[word + 3] = sequence;
    const keyStart = (word + headerWordCount) << 2;
    copyRange(key.bytes, key.start, key.length, this.#bytes, keyStart);
    copyRange(value.bytes, value.start, value.length, this.#bytes, keyStart + key.length);
    this.#usedBytes += sizeBytes;
    this.#entryCount++;
    this.#largestSequence = sequence;
    return true;
  }
}

/** What an entry takes of a list. */
export function entrySizeBytes(keyLength: number, valueLength: number): number {
  return 4 * (headerWordCount + Math.ceil((keyLength + valueLength) / 4));
}
