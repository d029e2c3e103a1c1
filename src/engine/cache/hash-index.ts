/**
 * Finds entries by key: linear hashing over chains that run through the entries.
 *
 * The table grows and shrinks by one bucket at a time (the next in order is split in two, or the last one joined
 * to the one that it was split from), so that no operation ever waits for a rehash of the whole. Bucket heads lie
 * in pages that come and go with the buckets.
 *
 * A hash belongs to bucket `hash & mask`, where `mask + 1` is the next power of two at or above the number of
 * buckets; where that bucket does not exist yet, to the one that it will be split from, `hash & (mask >>> 1)`.
 */
import { assert } from "../../base/errors.ts";
import { entryWord, headerBytes, keyLengthOf } from "./entry.ts";
import { type Address, noAddress, type Slab } from "./slab.ts";

const pageShift = 10;
const pageBuckets = 1 << pageShift;
const pageMask = pageBuckets - 1;

export const indexPageBytes = pageBuckets * 4;

export class HashIndex {
  readonly #slab: Slab;
  readonly #pages: Int32Array[] = [new Int32Array(pageBuckets)];
  #bucketCount = pageBuckets;
  #mask = pageBuckets - 1;
  #bucketLimit: number;
  #entryCount = 0;

  /** `limitBytes`: for its pages, at least one; with more entries than buckets the chains get longer. */
  constructor(slab: Slab, limitBytes: number) {
    this.#slab = slab;
    this.#bucketLimit = bucketsIn(limitBytes);
  }

  get entryCount(): number {
    return this.#entryCount;
  }

  get sizeBytes(): number {
    return this.#pages.length * indexPageBytes;
  }

  /** Changes the limit, at a cost for each bucket that is too many. */
  set limitBytes(limitBytes: number) {
    this.#bucketLimit = bucketsIn(limitBytes);
    while (this.#bucketCount > this.#bucketLimit) this.#joinLast();
  }

  /** The entry of a key with this hash; `noAddress` when there is none. */
  find(hash: number, key: Uint8Array, keyLength: number): Address {
    const slab = this.#slab;
    let address = this.#head(this.#bucketOf(hash));
    while (address !== noAddress) {
      if (slab.wordAt(address, entryWord.hash) === hash && this.#hasKey(address, key, keyLength))
        return address;
      address = slab.wordAt(address, entryWord.chain) >>> 0;
    }
    return noAddress;
  }

  /** Adds an entry whose header, with the hash, is written. */
  add(address: Address): void {
    this.#link(this.#bucketOf(this.#slab.wordAt(address, entryWord.hash)), address);
    this.#entryCount++;
    if (this.#entryCount > this.#bucketCount && this.#bucketCount < this.#bucketLimit) this.#splitNext();
  }

  remove(address: Address): void {
    this.#replace(address, this.#slab.wordAt(address, entryWord.chain));
    this.#entryCount--;
    if (this.#entryCount < this.#bucketCount >>> 1 && this.#bucketCount > pageBuckets) this.#joinLast();
  }

  /** The entry, header and all, was copied from one address to another. */
  move(from: Address, to: Address): void {
    this.#replace(from, to);
  }

  #hasKey(address: Address, key: Uint8Array, keyLength: number): boolean {
    const slab = this.#slab;
    if (keyLengthOf(slab.wordAt(address, entryWord.attributes)) !== keyLength) return false;
    const bytes = slab.bytesAt(address);
    const start = slab.byteOffset(address) + headerBytes;
    for (let i = 0; i < keyLength; i++) if (bytes[start + i] !== key[i]) return false;
    return true;
  }

  #bucketOf(hash: number): number {
    const bucket = hash & this.#mask;
    return bucket < this.#bucketCount ? bucket : bucket & (this.#mask >>> 1);
  }

  #head(bucket: number): Address {
    return this.#pages[bucket >>> pageShift]![bucket & pageMask]! >>> 0;
  }

  #setHead(bucket: number, address: Address): void {
    this.#pages[bucket >>> pageShift]![bucket & pageMask] = address;
  }

  #link(bucket: number, address: Address): void {
    this.#slab.setWord(address, entryWord.chain, this.#head(bucket));
    this.#setHead(bucket, address);
  }

  /** Puts another address in an entry's place in its chain. */
  #replace(address: Address, replacement: Address): void {
    const slab = this.#slab;
    const bucket = this.#bucketOf(slab.wordAt(address, entryWord.hash));
    let before = this.#head(bucket);
    if (before === address) {
      this.#setHead(bucket, replacement);
      return;
    }
    let next = slab.wordAt(before, entryWord.chain) >>> 0;
    while (next !== address) {
      assert(next !== noAddress, "an entry is missing in its bucket");
      before = next;
      next = slab.wordAt(before, entryWord.chain) >>> 0;
    }
    slab.setWord(before, entryWord.chain, replacement);
  }

  #splitNext(): void {
    const added = this.#bucketCount++;
    if (added > this.#mask) this.#mask = 2 * this.#mask + 1;
    if ((added & pageMask) === 0) this.#pages.push(new Int32Array(pageBuckets));
    this.#redistribute(added & (this.#mask >>> 1));
  }

  #joinLast(): void {
    const last = --this.#bucketCount;
    if (last <= (this.#mask + 1) >>> 1) this.#mask >>>= 1;
    this.#redistribute(last);
    if ((last & pageMask) === 0) this.#pages.pop();
  }

  /** Links the entries of a bucket anew, by the number of buckets that there are now. */
  #redistribute(bucket: number): void {
    let address = this.#head(bucket);
    this.#setHead(bucket, noAddress);
    while (address !== noAddress) {
      const next = this.#slab.wordAt(address, entryWord.chain) >>> 0;
      this.#link(this.#bucketOf(this.#slab.wordAt(address, entryWord.hash)), address);
      address = next;
    }
  }
}

function bucketsIn(limitBytes: number): number {
  return Math.max(1, Math.floor(limitBytes / indexPageBytes)) * pageBuckets;
}
