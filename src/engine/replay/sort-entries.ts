/**
 * Sorts the entries of a list by key, each key once, with its newest entry.
 *
 * Of all entries of a range the bytes that their keys share are left out. The next ones, as many as fit 40 bits when
 * each takes only as many as the bytes in its column differ by, and below them the entry's place from the end of the
 * list make one number of 64 bits, and the runtime sorts these numbers by code of its own. Keys that agree so far lie
 * side by side then, the newest entry in front: a few of them are sorted by comparing them, many by their next bytes.
 *
 * It takes 8 bytes an entry while it sorts, leaves 4, and holds the thread for some tens of milliseconds for each million
 * of entries.
 */
import { compareRanges } from "../../base/bytes.ts";
import { assert } from "../../base/errors.ts";
import type { EntryList } from "./entry-list.ts";

/** A place in the list takes 24 bits, the bytes of a key the rest. */
export const mostEntries = 2 ** 24;
const placeMask = mostEntries - 1;
const keyBits = 40;
/** So many bytes of a key are looked at; in text most of them fit. */
const mostWindowBytes = 10;
/** So few entries are sorted by comparing them. */
const fewEntries = 24;

interface Range {
  readonly from: number;
  readonly to: number;
  /** All keys of the range share at least so many first bytes. */
  readonly shared: number;
}

/** Indexes of entries in the order of their keys. */
export function sortEntries(list: EntryList): Uint32Array {
  return new Sorter(list).sort();
}

class Sorter {
  readonly #list: EntryList;
  readonly #numbers: BigUint64Array;
  /** The same memory: of number i the low word is at 2 · i, the high one after it. */
  readonly #halves: Uint32Array;
  /** By place in the order: not the newest entry of its key. */
  readonly #isOlder: Uint8Array;
  readonly #ranges: Range[];
  /** Of the bytes in each column of the window: the least and the largest, and how many values these leave room for. */
  readonly #least = new Uint8Array(mostWindowBytes);
  readonly #largest = new Uint8Array(mostWindowBytes);
  readonly #sizes = new Float64Array(mostWindowBytes);
  #olderCount = 0;

  constructor(list: EntryList) {
    const { entryCount } = list;
    assert(entryCount <= mostEntries, "a list has more entries than can be sorted");
    this.#list = list;
    this.#numbers = new BigUint64Array(entryCount);
    this.#halves = new Uint32Array(this.#numbers.buffer);
    this.#isOlder = new Uint8Array(entryCount);
    for (let position = 0; position < entryCount; position++) this.#halves[2 * position] = position;
    this.#ranges = entryCount === 0 ? [] : [{ from: 0, to: entryCount, shared: 0 }];
  }

  sort(): Uint32Array {
    for (let range = this.#ranges.pop(); range !== undefined; range = this.#ranges.pop()) {
      if (range.to - range.from > fewEntries) this.#sortMany(range);
      else this.#sortFew(range);
    }
    const { entryCount } = this.#list;
    const keyCount = entryCount - this.#olderCount;
    const order = new Uint32Array(new SharedArrayBuffer(4 * keyCount));
    for (let position = 0, at = 0; position < entryCount; position++) {
      if (this.#isOlder[position] === 0) order[at++] = this.#indexAt(position);
    }
    return order;
  }

  /** By the next bytes; what these do not tell apart joins the ranges. */
  #sortMany({ from, to, shared: atLeast }: Range): void {
    const shared = this.#sharedLength(from, to, atLeast);
    const windowBytes = this.#measure(from, to, shared);
    this.#look(from, to, shared, windowBytes);
    this.#numbers.subarray(from, to).sort();
    for (let start = from; start < to; ) {
      let end = start + 1;
      while (end < to && this.#looksLike(start, end)) end++;
      if (end - start > 1) this.#settleEqual(start, end, shared, windowBytes);
      start = end;
    }
  }

  /** Keys with the same bytes in the window: all go on behind it, or all end in the same place of it. */
  #settleEqual(from: number, to: number, shared: number, windowBytes: number): void {
    const reached = shared + windowBytes;
    const list = this.#list;
    const goOn = list.keyLength(list.rowOf(this.#indexAt(from))) >= reached;
    if (goOn) this.#ranges.push({ from, to, shared: reached });
    else this.#markAllOlder(from, to);
  }

  /** By insertion. */
  #sortFew({ from, to, shared }: Range): void {
    const halves = this.#halves;
    for (let i = from + 1; i < to; i++) {
      const place = halves[2 * i]! & placeMask;
      let at = i;
      for (; at > from && this.#compare(halves[2 * at - 2]! & placeMask, place, shared) > 0; at--) {
        halves[2 * at] = halves[2 * at - 2]!;
      }
      halves[2 * at] = place;
    }
    this.#markOlder(from, to, shared);
  }

  /** Of equal keys the first one is the newest. */
  #markOlder(from: number, to: number, shared: number): void {
    for (let i = from + 1; i < to; i++) {
      if (this.#compareKeys(this.#indexAt(i - 1), this.#indexAt(i), shared) !== 0) continue;
      this.#isOlder[i] = 1;
      this.#olderCount++;
    }
  }

  #markAllOlder(from: number, to: number): void {
    this.#isOlder.fill(1, from + 1, to);
    this.#olderCount += to - from - 1;
  }

  /** Of two places: by key, and of the same key the newer one, which has the smaller place, first. */
  #compare(a: number, b: number, shared: number): number {
    const last = this.#list.entryCount - 1;
    return this.#compareKeys(last - a, last - b, shared) || a - b;
  }

  #compareKeys(a: number, b: number, shared: number): number {
    const list = this.#list;
    const rowA = list.rowOf(a);
    const rowB = list.rowOf(b);
    return compareRanges(
      list.bytes,
      list.keyStart(rowA) + shared,
      list.keyLength(rowA) - shared,
      list.bytes,
      list.keyStart(rowB) + shared,
      list.keyLength(rowB) - shared,
    );
  }

  /** Whether two numbers differ in their places alone. */
  #looksLike(a: number, b: number): boolean {
    const halves = this.#halves;
    return halves[2 * a + 1] === halves[2 * b + 1] && (halves[2 * a]! ^ halves[2 * b]!) >>> 24 === 0;
  }

  /** How many first bytes all keys of the range share. */
  #sharedLength(from: number, to: number, atLeast: number): number {
    const list = this.#list;
    const { bytes } = list;
    const first = list.rowOf(this.#indexAt(from));
    const firstStart = list.keyStart(first);
    let shared = list.keyLength(first);
    for (let i = from + 1; i < to && shared > atLeast; i++) {
      const row = list.rowOf(this.#indexAt(i));
      const start = list.keyStart(row);
      const limit = Math.min(shared, list.keyLength(row));
      let length = atLeast;
      while (length < limit && bytes[start + length] === bytes[firstStart + length]) length++;
      shared = length;
    }
    return shared;
  }

  /** Looks at the columns behind the first `shared` bytes; returns how many of them fit a number. */
  #measure(from: number, to: number, shared: number): number {
    const list = this.#list;
    const { bytes } = list;
    const least = this.#least.fill(0xff);
    const largest = this.#largest.fill(0);
    for (let i = from; i < to; i++) {
      const row = list.rowOf(this.#indexAt(i));
      const start = list.keyStart(row) + shared;
      const present = Math.min(mostWindowBytes, list.keyLength(row) - shared);
      for (let column = 0; column < present; column++) {
        const byte = bytes[start + column]!;
        if (byte < least[column]!) least[column] = byte;
        if (byte > largest[column]!) largest[column] = byte;
      }
    }
    let room = 2 ** keyBits;
    let count = 0;
    for (; count < mostWindowBytes; count++) {
      // One more, for keys that end before it. A column that no key reaches has that alone.
      const size = Math.max(1, largest[count]! - least[count]! + 2);
      if (room < size) break;
      room /= size;
      this.#sizes[count] = size;
    }
    return count;
  }

  /** Puts what the range's keys have in the columns into the numbers. */
  #look(from: number, to: number, shared: number, windowBytes: number): void {
    const list = this.#list;
    const { bytes } = list;
    const halves = this.#halves;
    const least = this.#least;
    const sizes = this.#sizes;
    for (let i = from; i < to; i++) {
      const place = halves[2 * i]! & placeMask;
      const row = list.rowOf(list.entryCount - 1 - place);
      const start = list.keyStart(row) + shared;
      const present = list.keyLength(row) - shared;
      let number = 0;
      for (let column = 0; column < windowBytes; column++) {
        number *= sizes[column]!;
        if (column < present) number += bytes[start + column]! - least[column]! + 1;
      }
      const high = Math.floor(number / 256);
      halves[2 * i + 1] = high;
      halves[2 * i] = ((number - 256 * high) << 24) | place;
    }
  }

  #indexAt(position: number): number {
    return this.#list.entryCount - 1 - (this.#halves[2 * position]! & placeMask);
  }
}
