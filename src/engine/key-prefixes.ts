/**
 * A sorted list of keys in four bytes each: narrows a binary search down without touching the keys.
 *
 * What lies in one list shares a prefix (the tenant's name, the first digits), so the four bytes after it tell most
 * keys apart. They lie side by side: a search in them stays in a few cache lines, where the keys themselves would
 * cost a miss at every step.
 *
 * Invariant: a shorter key is filled up with zero bytes, so of two keys the smaller one never has the greater number;
 * where the numbers are equal, only the keys themselves can tell.
 */
import { compareRanges, Slice } from "../base/bytes.ts";

/** Of memory, for each key. */
export const keyPrefixBytes = 4;

export class KeyPrefixes {
  /** After `narrow`: all keys before this index are smaller than the one sought. */
  low = 0;
  /** After `narrow`: all keys from this index on are greater. */
  high = 0;
  /** What all keys begin with. */
  readonly #shared: Uint8Array;
  /** Big-endian, with the first bit flipped: so that signed numbers sort as the bytes do. */
  readonly #numbers: Int32Array;

  /** `load` sets the slice to the key of an index; keys ascend. */
  constructor(count: number, load: (index: number, key: Slice) => void) {
    const key = new Slice();
    this.#shared = sharedPrefix(count, load);
    this.#numbers = new Int32Array(count);
    for (let index = 0; index < count; index++) {
      load(index, key);
      this.#numbers[index] = this.#numberOf(key.bytes, key.start, key.length);
    }
  }

  /** How many first bytes the key that was sought shares with every key from `low` to `high`. */
  get sharedLength(): number {
    return this.#shared.length;
  }

  /** Sets `low` and `high` for a key: only between them others have to be compared with it. */
  narrow(key: Uint8Array, keyLength: number): void {
    const count = this.#numbers.length;
    const shared = this.#shared;
    const order = compareRanges(key, 0, Math.min(keyLength, shared.length), shared, 0, shared.length);
    if (order !== 0) {
      this.low = this.high = order < 0 ? 0 : count;
      return;
    }
    const number = this.#numberOf(key, 0, keyLength);
    this.low = this.#firstNotBelow(number, 0);
    const isTold = this.low === count || this.#numbers[this.low]! > number;
    this.high = isTold ? this.low : this.#firstAbove(number, this.low);
  }

  #firstNotBelow(number: number, from: number): number {
    const numbers = this.#numbers;
    let low = from;
    let high = numbers.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (numbers[middle]! < number) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #firstAbove(number: number, from: number): number {
    return number === 0x7fffffff ? this.#numbers.length : this.#firstNotBelow(number + 1, from);
  }

  #numberOf(bytes: Uint8Array, start: number, length: number): number {
    let number = 0;
    for (let index = this.#shared.length; index < this.#shared.length + keyPrefixBytes; index++) {
      number = (number << 8) | (index < length ? bytes[start + index]! : 0);
    }
    return number ^ 0x80000000;
  }
}

/** All keys lie between the first and the last, and so share what these share. */
function sharedPrefix(count: number, load: (index: number, key: Slice) => void): Uint8Array {
  if (count === 0) return new Uint8Array(0);
  const first = new Slice();
  const last = new Slice();
  load(0, first);
  load(count - 1, last);
  const limit = Math.min(first.length, last.length);
  let length = 0;
  while (length < limit && first.bytes[first.start + length] === last.bytes[last.start + length]) length++;
  return first.bytes.slice(first.start, first.start + length);
}
