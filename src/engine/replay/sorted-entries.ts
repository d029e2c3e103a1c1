/**
 * Sorts an `EntryList` and goes through it: each key once, with its newest entry.
 *
 * Of all entries of a range the bytes that their keys share are left out, and the eight bytes after those are put
 * into two words; how many of them there are, where a key ends within them, is a third. A radix sort goes from the
 * last of these nine columns to the first, and passes over those in which all entries agree. It keeps the order of
 * what is equal, and begins with the newest entry, so that the newest one of a key stays in front. Keys that are
 * equal so far and go on lie side by side then, and are sorted again by what follows; a few are sorted by comparing
 * them.
 */
import { compareRanges, Slice } from "../../base/bytes.ts";
import type { EntryCursor, EntryKind, SequenceNumber } from "../internal-key.ts";
import { type EntryListShare, kindShift, rowWordCount, sequenceHighMask } from "./entry-list.ts";

/** Bytes of a key that one round of sorting looks at. */
const windowBytes = 8;
/** So few entries are sorted by comparing them. */
const fewEntries = 24;

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
  /** Indexes in the order of the keys: the first `#keyCount` count. */
  #order: Uint32Array;
  #keyCount = 0;
  #position = 0;

  constructor({ buffer, entryCount }: EntryListShare) {
    this.#bytes = new Uint8Array(buffer);
    this.#words = new Uint32Array(buffer);
    this.key = new Slice(this.#bytes, 0, 0);
    this.value = new Slice(this.#bytes, 0, 0);
    const sorter = new Sorter(this.#bytes, this.#words, entryCount);
    this.#order = sorter.order;
    this.#keyCount = sorter.sort();
    this.#position = this.#keyCount;
  }

  get valid(): boolean {
    return this.#position < this.#keyCount;
  }

  get sequence(): SequenceNumber {
    const row = this.#rowAt(this.#position);
    return (this.#words[row + 3]! & sequenceHighMask) * 2 ** 32 + this.#words[row + 4]!;
  }

  get kind(): EntryKind {
    return (this.#words[this.#rowAt(this.#position) + 3]! >>> kindShift) as EntryKind;
  }

  rewind(): void {
    this.#standAt(0);
  }

  seek(key: Uint8Array): void {
    let low = 0;
    let high = this.#keyCount;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const row = this.#rowAt(middle);
      const order = compareRanges(this.#bytes, this.#words[row]!, this.#words[row + 1]!, key, 0, key.length);
      if (order < 0) low = middle + 1;
      else high = middle;
    }
    this.#standAt(low);
  }

  next(): void {
    this.#standAt(this.#position + 1);
  }

  #standAt(position: number): void {
    this.#position = position;
    if (position >= this.#keyCount) return;
    const row = this.#rowAt(position);
    this.key.start = this.#words[row]!;
    this.key.length = this.#words[row + 1]!;
    this.value.start = this.key.start + this.key.length;
    this.value.length = this.#words[row + 2]!;
  }

  #rowAt(position: number): number {
    return this.#words.length - rowWordCount * (this.#order[position]! + 1);
  }
}

/** One use: sorts the indexes of a list's entries. */
class Sorter {
  order: Uint32Array;
  readonly #bytes: Uint8Array;
  readonly #words: Uint32Array;
  /** By index: not the newest entry of its key. */
  readonly #isOlder: Uint8Array;
  /** By index: the key's bytes in the window, 0 behind its end, and how many there are. */
  readonly #high: Uint32Array;
  readonly #low: Uint32Array;
  readonly #present: Uint32Array;
  readonly #spare: Uint32Array;
  readonly #counts = new Uint32Array(256);
  readonly #ranges: Range[];

  constructor(bytes: Uint8Array, words: Uint32Array, entryCount: number) {
    this.#bytes = bytes;
    this.#words = words;
    this.order = new Uint32Array(entryCount);
    for (let i = 0; i < entryCount; i++) this.order[i] = entryCount - 1 - i;
    this.#isOlder = new Uint8Array(entryCount);
    this.#high = new Uint32Array(entryCount);
    this.#low = new Uint32Array(entryCount);
    this.#present = new Uint32Array(entryCount);
    this.#spare = new Uint32Array(entryCount);
    this.#ranges = [{ from: 0, to: entryCount, shared: 0 }];
  }

  /** Returns the number of keys: so many indexes in front of `order` count then. */
  sort(): number {
    for (let range = this.#ranges.pop(); range !== undefined; range = this.#ranges.pop()) {
      if (range.to - range.from > fewEntries) this.#sortMany(range);
      else this.#sortFew(range);
    }
    let keyCount = 0;
    for (let position = 0; position < this.order.length; position++) {
      const index = this.order[position]!;
      if (this.#isOlder[index] === 0) this.order[keyCount++] = index;
    }
    return keyCount;
  }

  /** Sorts by the next bytes, and adds what these do not tell apart to the ranges. */
  #sortMany({ from, to, shared: atLeast }: Range): void {
    const shared = this.#sharedLength(from, to, atLeast);
    this.#look(from, to, shared);
    this.#sortByColumns(from, to, this.#present);
    this.#sortByColumns(from, to, this.#low);
    this.#sortByColumns(from, to, this.#high);
    const order = this.order;
    for (let start = from; start < to; ) {
      const first = order[start]!;
      const goesOn = this.#present[first]! === windowBytes;
      let end = start + 1;
      while (end < to && this.#looksLike(first, order[end]!)) end++;
      if (goesOn && end - start > 1)
        this.#ranges.push({ from: start, to: end, shared: shared + windowBytes });
      else for (let i = start + 1; i < end; i++) this.#isOlder[order[i]!] = 1;
      start = end;
    }
  }

  /** By insertion. */
  #sortFew({ from, to, shared }: Range): void {
    const order = this.order;
    for (let i = from + 1; i < to; i++) {
      const index = order[i]!;
      let at = i;
      let comparison = 1;
      for (; at > from; at--) {
        comparison = this.#compare(order[at - 1]!, index, shared);
        if (comparison <= 0) break;
        order[at] = order[at - 1]!;
      }
      order[at] = index;
      if (comparison === 0) this.#isOlder[index] = 1;
    }
  }

  #compare(a: number, b: number, shared: number): number {
    const words = this.#words;
    const rowA = this.#rowOf(a);
    const rowB = this.#rowOf(b);
    return compareRanges(
      this.#bytes,
      words[rowA]! + shared,
      words[rowA + 1]! - shared,
      this.#bytes,
      words[rowB]! + shared,
      words[rowB + 1]! - shared,
    );
  }

  #looksLike(a: number, b: number): boolean {
    return (
      this.#high[a] === this.#high[b] &&
      this.#low[a] === this.#low[b] &&
      this.#present[a] === this.#present[b]
    );
  }

  /** How many first bytes all keys of the range share. */
  #sharedLength(from: number, to: number, atLeast: number): number {
    const bytes = this.#bytes;
    const first = this.#rowOf(this.order[from]!);
    const firstStart = this.#words[first]!;
    let shared = this.#words[first + 1]!;
    for (let position = from + 1; position < to && shared > atLeast; position++) {
      const row = this.#rowOf(this.order[position]!);
      const start = this.#words[row]!;
      const limit = Math.min(shared, this.#words[row + 1]!);
      let length = atLeast;
      while (length < limit && bytes[start + length] === bytes[firstStart + length]) length++;
      shared = length;
    }
    return shared;
  }

  /** Puts what the range's keys have behind their first `shared` bytes into the words. */
  #look(from: number, to: number, shared: number): void {
    const bytes = this.#bytes;
    for (let position = from; position < to; position++) {
      const index = this.order[position]!;
      const row = this.#rowOf(index);
      const start = this.#words[row]! + shared;
      const present = Math.min(this.#words[row + 1]! - shared, windowBytes);
      this.#high[index] = wordAt(bytes, start, present);
      this.#low[index] = wordAt(bytes, start + 4, present - 4);
      this.#present[index] = present;
    }
  }

  /** By the four bytes of a word, the last one first; of equal ones the order stays. */
  #sortByColumns(from: number, to: number, words: Uint32Array): void {
    const first = words[this.order[from]!]!;
    let differing = 0;
    for (let position = from; position < to; position++) differing |= words[this.order[position]!]! ^ first;
    for (let shift = 0; shift < 32; shift += 8) {
      if (((differing >>> shift) & 0xff) !== 0) this.#sortByColumn(from, to, words, shift);
    }
  }

  #sortByColumn(from: number, to: number, words: Uint32Array, shift: number): void {
    const counts = this.#counts;
    const order = this.order;
    const target = this.#spare;
    counts.fill(0);
    for (let position = from; position < to; position++) {
      counts[(words[order[position]!]! >>> shift) & 0xff]!++;
    }
    let start = from;
    for (let byte = 0; byte < counts.length; byte++) {
      const count = counts[byte]!;
      counts[byte] = start;
      start += count;
    }
    for (let position = from; position < to; position++) {
      const index = order[position]!;
      target[counts[(words[index]! >>> shift) & 0xff]!++] = index;
    }
    for (let position = from; position < to; position++) order[position] = target[position]!;
  }

  #rowOf(index: number): number {
    return this.#words.length - rowWordCount * (index + 1);
  }
}

/** The first up to four of `present` bytes, as they sort. */
function wordAt(bytes: Uint8Array, start: number, present: number): number {
  if (present >= 4) {
    const high = (bytes[start]! << 24) | (bytes[start + 1]! << 16);
    return high | (bytes[start + 2]! << 8) | bytes[start + 3]!;
  }
  let word = 0;
  for (let i = 0; i < present; i++) word |= bytes[start + i]! << (24 - 8 * i);
  return word;
}
