/**
 * The rows of an index, one for each thing that it tells the place of, and the separators between these:
 *
 *      0  uint8   kind of index
 *      1  uint32  number of rows
 *      5          rows: { uint32 where its separator ends, and further numbers }
 *                 separators, one after the other; their ends are counted from here
 *
 * A row's separator sorts after all keys of the row before, and not after any of its own: a key belongs to the last row
 * whose separator is at or before it. The first row's is never compared.
 *
 * Read in place, by binary search, without allocating; what is looked at may be changed for something else.
 */
import { compareRanges, emptyBytes, Slice } from "../../base/bytes.ts";
import { readUint32 } from "../../base/integers.ts";
import { KeyPrefixes } from "../key-prefixes.ts";

/** On-disk values: never renumber. */
export const indexKinds = { singleLevel: 1, twoLevel: 2 } as const;

export const rowsOffset = 5;

export class IndexRows {
  count = 0;
  readonly #rowSizeBytes: number;
  #bytes: Uint8Array = emptyBytes;
  #rowsStart = 0;
  #separatorsStart = 0;
  #end = 0;

  constructor(rowSizeBytes: number) {
    this.#rowSizeBytes = rowSizeBytes;
  }

  /** To the rows whose content lies from `start` to `end`; look-ups follow what they say, so `problem` comes first. */
  open(bytes: Uint8Array, start: number, end: number): void {
    this.#bytes = bytes;
    this.count = end - start < rowsOffset ? 0 : readUint32(bytes, start + 1);
    this.#rowsStart = start + rowsOffset;
    this.#separatorsStart = this.#rowsStart + this.#rowSizeBytes * this.count;
    this.#end = end;
  }

  /** One of the numbers of a row; number 0 is where its separator ends. */
  number(row: number, index: number): number {
    return readUint32(this.#bytes, this.#rowsStart + this.#rowSizeBytes * row + 4 * index);
  }

  /** Sets the slice to a row's separator. */
  loadSeparator(row: number, separator: Slice): void {
    const start = this.#separatorStart(row);
    separator.set(this.#bytes, start, this.#separatorEnd(row) - start);
  }

  /** A copy of a row's separator. */
  separator(row: number): Uint8Array {
    const separator = new Slice();
    this.loadSeparator(row, separator);
    return separator.copy();
  }

  /** What makes `find` faster, at four bytes of memory for each row: of all separators but the first. */
  prefixes(): KeyPrefixes {
    return new KeyPrefixes(this.count - 1, (index, separator) => this.loadSeparator(index + 1, separator));
  }

  /** The row that a key belongs to. `prefixes`: those of these rows, where there are any. */
  find(key: Uint8Array, keyLength: number, prefixes: KeyPrefixes | undefined): number {
    if (prefixes === undefined) return this.#search(key, keyLength, 0, this.count - 1, 0);
    prefixes.narrow(key, keyLength);
    return this.#search(key, keyLength, prefixes.low, prefixes.high, prefixes.sharedLength);
  }

  /** The first row of which a number is above a value: these numbers ascend, and the last one is. */
  firstAbove(value: number, index: number): number {
    let low = 0;
    let high = this.count - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.number(middle, index) <= value) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /**
   * The last row from `low` to `high` whose separator is at or before the key; the key shares its first `shared` bytes
   * with all separators after `low`. All separators between two others begin with what these have in common, so each
   * comparison starts behind the bytes that the key shares with both bounds.
   */
  #search(key: Uint8Array, keyLength: number, low: number, high: number, shared: number): number {
    const bytes = this.#bytes;
    let lowShared = shared;
    let highShared = shared;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      const start = this.#separatorStart(middle);
      const length = this.#separatorEnd(middle) - start;
      const limit = Math.min(length, keyLength);
      let equal = Math.min(lowShared, highShared);
      while (equal < limit && bytes[start + equal] === key[equal]) equal++;
      if (equal < limit ? bytes[start + equal]! < key[equal]! : length <= keyLength) {
        low = middle;
        lowShared = equal;
      } else {
        high = middle - 1;
        highShared = equal;
      }
    }
    return low;
  }

  /** What is wrong with the rows as such: they do not fit, or the separators are not in order. */
  problem(): string | undefined {
    const { count } = this;
    if (count === 0 || this.#separatorsStart > this.#end) {
      return `an index of ${count} rows does not fit ${this.#end - this.#rowsStart + rowsOffset} bytes`;
    }
    for (let row = 0; row < count; row++) {
      const problem = this.#separatorProblem(row);
      if (problem !== undefined) return `index row ${row}: ${problem}`;
    }
    return this.#separatorEnd(count - 1) === this.#end
      ? undefined
      : "the index ends elsewhere than its separators";
  }

  #separatorProblem(row: number): string | undefined {
    const start = this.#separatorStart(row);
    const end = this.#separatorEnd(row);
    if (end < start || end > this.#end) return "the separator's end is out of bounds";
    if (row === 0) return undefined;
    const before = this.#separatorStart(row - 1);
    const order = compareRanges(this.#bytes, before, start - before, this.#bytes, start, end - start);
    return order < 0 ? undefined : "the separator does not sort after the one before";
  }

  #separatorStart(row: number): number {
    return row === 0 ? this.#separatorsStart : this.#separatorEnd(row - 1);
  }

  #separatorEnd(row: number): number {
    return this.#separatorsStart + this.number(row, 0);
  }
}
