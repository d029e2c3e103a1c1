/**
 * Sorts an `EntryList` and goes through it: each key once, with its newest entry.
 *
 * Sorting compares no keys. Of all entries of a range the bytes that their keys share are left out, and the four
 * bytes after those, with how many of them there are, make a number: 35 bits that order keys as their bytes do. Below
 * them the entry's index takes 18 bits, and one array of such numbers is sorted natively. Keys that are equal so far
 * lie side by side then, and are sorted again by what follows. Where a key ends within its four bytes, all that have
 * its number are the same key, and the later one, which is the newer one, comes first.
 */
import { compareRanges, Slice } from "../../base/bytes.ts";
import type { EntryCursor, EntryKind, SequenceNumber } from "../internal-key.ts";
import {
  type EntryListShare,
  entrySizeBytes,
  headerWordCount,
  kindShift,
  mostEntries,
  sequenceHighMask,
} from "./entry-list.ts";

/** Bytes of a key that one round of sorting looks at. */
const byteCount = 4;
/** Above the number of bytes there may be 0 to 4 of. */
const lengthBase = 8;

interface Range {
  readonly from: number;
  readonly to: number;
  /** All keys of the range share at least so many first bytes. */
  readonly shared: number;
}

export class SortedEntries implements EntryCursor {
  readonly key: Slice;
  readonly value: Slice;
  readonly #bytes: Uint8Array;
  readonly #words: Uint32Array;
  /** By index: the word where the entry begins. */
  readonly #starts: Uint32Array;
  /** Indexes in the order of the keys, newest first. */
  readonly #order: Uint32Array;
  #position: number;

  constructor({ buffer, usedBytes, entryCount }: EntryListShare) {
    this.#bytes = new Uint8Array(buffer);
    this.#words = new Uint32Array(buffer);
    this.#starts = new Uint32Array(entryCount);
    this.#order = new Uint32Array(entryCount);
    let index = 0;
    for (let position = 0; position < usedBytes; index++) {
      const word = position >>> 2;
      this.#starts[index] = word;
      this.#order[index] = index;
      position += entrySizeBytes(this.#words[word]!, this.#words[word + 1]!);
    }
    this.#position = entryCount;
    this.key = new Slice(this.#bytes, 0, 0);
    this.value = new Slice(this.#bytes, 0, 0);
    this.#sort();
  }

  get valid(): boolean {
    return this.#position < this.#order.length;
  }

  get sequence(): SequenceNumber {
    const word = this.#wordAt(this.#position);
    return (this.#words[word + 2]! & sequenceHighMask) * 2 ** 32 + this.#words[word + 3]!;
  }

  get kind(): EntryKind {
    return (this.#words[this.#wordAt(this.#position) + 2]! >>> kindShift) as EntryKind;
  }

  rewind(): void {
    this.#standAt(0);
  }

  seek(key: Uint8Array): void {
    let low = 0;
    let high = this.#order.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#compareTo(middle, key, 0, key.length) < 0) low = middle + 1;
      else high = middle;
    }
    this.#standAt(low);
  }

  next(): void {
    let position = this.#position + 1;
    const { bytes, start, length } = this.key;
    while (position < this.#order.length && this.#compareTo(position, bytes, start, length) === 0) position++;
    this.#standAt(position);
  }

  #standAt(position: number): void {
    this.#position = position;
    if (!this.valid) return;
    const word = this.#wordAt(position);
    this.key.start = (word + headerWordCount) << 2;
    this.key.length = this.#words[word]!;
    this.value.start = this.key.start + this.key.length;
    this.value.length = this.#words[word + 1]!;
  }

  #wordAt(position: number): number {
    return this.#starts[this.#order[position]!]!;
  }

  #compareTo(position: number, key: Uint8Array, keyStart: number, keyLength: number): number {
    const word = this.#wordAt(position);
    return compareRanges(
      this.#bytes,
      (word + headerWordCount) << 2,
      this.#words[word]!,
      key,
      keyStart,
      keyLength,
    );
  }

  #sort(): void {
    const ranges: Range[] = [{ from: 0, to: this.#order.length, shared: 0 }];
    for (let range = ranges.pop(); range !== undefined; range = ranges.pop()) this.#sortRange(range, ranges);
  }

  /** Sorts by the next bytes, and adds what these do not tell apart to `ranges`. */
  #sortRange({ from, to, shared: atLeast }: Range, ranges: Range[]): void {
    const order = this.#order;
    const shared = this.#sharedLength(from, to, atLeast);
    const numbers = new Float64Array(to - from);
    for (let i = 0; i < numbers.length; i++) {
      const index = order[from + i]!;
      numbers[i] = this.#numberOf(index, shared) * mostEntries + (mostEntries - 1 - index);
    }
    numbers.sort();
    let runStart = 0;
    let runNumber = -1;
    for (let i = 0; i <= numbers.length; i++) {
      const number = i < numbers.length ? Math.floor(numbers[i]! / mostEntries) : -1;
      if (i < numbers.length) order[from + i] = mostEntries - 1 - (numbers[i]! % mostEntries);
      if (number === runNumber) continue;
      if (i - runStart > 1 && runNumber % lengthBase === byteCount) {
        ranges.push({ from: from + runStart, to: from + i, shared: shared + byteCount });
      }
      runStart = i;
      runNumber = number;
    }
  }

  /** How many first bytes all keys of the range share. */
  #sharedLength(from: number, to: number, atLeast: number): number {
    const bytes = this.#bytes;
    const first = this.#wordAt(from);
    const firstStart = (first + headerWordCount) << 2;
    let shared = this.#words[first]!;
    for (let position = from + 1; position < to && shared > atLeast; position++) {
      const word = this.#wordAt(position);
      const start = (word + headerWordCount) << 2;
      const limit = Math.min(shared, this.#words[word]!);
      let length = atLeast;
      while (length < limit && bytes[start + length] === bytes[firstStart + length]) length++;
      shared = length;
    }
    return shared;
  }

  #numberOf(index: number, shared: number): number {
    const word = this.#starts[index]!;
    const start = (word + headerWordCount) << 2;
    const length = Math.min(this.#words[word]! - shared, byteCount);
    let number = 0;
    for (let i = shared; i < shared + byteCount; i++) {
      number = (number << 8) | (i - shared < length ? this.#bytes[start + i]! : 0);
    }
    return (number >>> 0) * lengthBase + length;
  }
}
