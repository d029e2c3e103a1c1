/**
 * Who uses the cache: counts for each group of keys that are the same up to a delimiter byte.
 *
 * A partition has a number, which its entries carry, so that a hit is counted without a look at the key. The first
 * ones of which an entry is cached get a number of their own and keep it; all others are counted together under
 * number 0, and so are keys without a delimiter. So memory is bounded whatever keys there are, and asking for what is
 * not there takes no number.
 *
 * A miss has no entry that could carry the number, and finding it would cost a good part of what the look-up costs. So
 * only a random sample of the misses is counted by partition, and all misses are divided as the sample is.
 */
import { compareRanges } from "../../base/bytes.ts";
import { quoteUtf8, readUtf8 } from "../../base/utf8.ts";
import { partitionBits } from "./entry.ts";

const numberCount = 1 << partitionBits;
/** Of the table of names: a power of two, and never more than half full. */
const placeCount = 2 * numberCount;
/** A longer name is not tracked. */
const maxNameBytes = 1024;
/** One miss in so many is looked at. */
const missesPerSample = 8;

const otherPartitions = 0;

export interface PartitionStatus {
  /** What its keys begin with, without the delimiter; undefined for all partitions without a number. */
  readonly name: string | undefined;
  readonly hits: number;
  /** An estimate; that of all partitions together is exact. */
  readonly misses: number;
  readonly entryCount: number;
  /** Of its entries. */
  readonly sizeBytes: number;
}

export class CachePartitions {
  readonly #delimiter: number | undefined;
  /** By number: the bytes that its keys begin with, up to the delimiter and with it. */
  readonly #names: (Uint8Array | undefined)[] = [undefined];
  /** Numbers by the hash of the name, with linear probing. */
  readonly #places = new Uint8Array(placeCount);
  readonly #hits = new Float64Array(numberCount);
  readonly #sampledMisses = new Float64Array(numberCount);
  #missCount = 0;
  /** State of a linear congruential generator: no pattern of requests keeps in step with it. */
  #noise = 1;
  readonly #entryCounts = new Float64Array(numberCount);
  readonly #sizes = new Float64Array(numberCount);

  constructor(delimiter: number | undefined) {
    this.#delimiter = delimiter;
  }

  get hits(): number {
    return sum(this.#hits);
  }

  get misses(): number {
    return this.#missCount;
  }

  /** Those with a number in the order in which they came, then all others together. */
  status(): PartitionStatus[] {
    const numbers = [...this.#names.keys()].slice(1);
    return [...numbers, otherPartitions].map((number) => ({
      name: nameText(this.#names[number]),
      hits: this.#hits[number]!,
      misses: this.#estimatedMisses(number),
      entryCount: this.#entryCounts[number]!,
      sizeBytes: this.#sizes[number]!,
    }));
  }

  hit(number: number): void {
    this.#hits[number]!++;
  }

  missed(key: Uint8Array, keyLength: number): void {
    this.#missCount++;
    this.#noise = (Math.imul(this.#noise, 1_664_525) + 1_013_904_223) >>> 0;
    if (this.#noise < 2 ** 32 / missesPerSample) this.#sampledMisses[this.#find(key, keyLength, false)]!++;
  }

  /** The number for a key of which an entry is about to be stored. */
  numberFor(key: Uint8Array, keyLength: number): number {
    return this.#find(key, keyLength, true);
  }

  added(number: number, sizeBytes: number): void {
    this.#entryCounts[number]!++;
    this.#sizes[number]! += sizeBytes;
  }

  removed(number: number, sizeBytes: number): void {
    this.#entryCounts[number]!--;
    this.#sizes[number]! -= sizeBytes;
  }

  /** The cache was emptied. */
  cleared(): void {
    this.#entryCounts.fill(0);
    this.#sizes.fill(0);
  }

  /** Its share of the sample, of all misses. */
  #estimatedMisses(number: number): number {
    const sampleSize = sum(this.#sampledMisses);
    if (sampleSize === 0) return number === otherPartitions ? this.#missCount : 0;
    return Math.round((this.#missCount * this.#sampledMisses[number]!) / sampleSize);
  }

  #find(key: Uint8Array, keyLength: number, isAdding: boolean): number {
    if (this.#delimiter === undefined) return otherPartitions;
    let length = 0;
    let hash = 0;
    do {
      if (length === keyLength || length === maxNameBytes) return otherPartitions;
      hash = Math.imul(hash ^ key[length]!, 0x9e3779b1);
      hash ^= hash >>> 15;
    } while (key[length++] !== this.#delimiter);
    return this.#findName(key, length, hash, isAdding);
  }

  #findName(key: Uint8Array, length: number, hash: number, isAdding: boolean): number {
    let place = hash & (placeCount - 1);
    while (this.#places[place] !== 0) {
      const number = this.#places[place]!;
      const name = this.#names[number]!;
      if (compareRanges(key, 0, length, name, 0, name.length) === 0) return number;
      place = (place + 1) & (placeCount - 1);
    }
    if (!isAdding || this.#names.length === numberCount) return otherPartitions;
    this.#places[place] = this.#names.push(key.slice(0, length)) - 1;
    return this.#places[place]!;
  }
}

function nameText(name: Uint8Array | undefined): string | undefined {
  if (name === undefined) return undefined;
  return readUtf8(name, 0, name.length - 1) ?? quoteUtf8(name, 0, name.length - 1);
}

function sum(counts: ArrayLike<number>): number {
  let total = 0;
  for (let i = 0; i < counts.length; i++) total += counts[i]!;
  return total;
}
