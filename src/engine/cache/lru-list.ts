/**
 * Entries of one region in the order of their use: a circular list through the slab, closed by an anchor.
 *
 * The anchor's older neighbour is the newest entry, its newer neighbour the oldest.
 */
import { entryWord, type Region, withRegion } from "./entry.ts";
import { type Address, noAddress, type Slab } from "./slab.ts";

export class LruList {
  readonly #slab: Slab;
  readonly #region: Region;
  readonly #anchor: Address;
  #sizeBytes = 0;

  constructor(slab: Slab, region: Region) {
    this.#slab = slab;
    this.#region = region;
    this.#anchor = region * 4 + 4;
    slab.setWord(this.#anchor, entryWord.newer, this.#anchor);
    slab.setWord(this.#anchor, entryWord.older, this.#anchor);
  }

  /** Of all its entries. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  get oldest(): Address {
    const oldest = this.#slab.wordAt(this.#anchor, entryWord.newer) >>> 0;
    return oldest === this.#anchor ? noAddress : oldest;
  }

  addNewest(address: Address): void {
    const attributes = this.#slab.wordAt(address, entryWord.attributes);
    this.#slab.setWord(address, entryWord.attributes, withRegion(attributes, this.#region));
    this.#linkNewest(address);
    this.#sizeBytes += this.#slab.wordAt(address, entryWord.sizeBytes);
  }

  remove(address: Address): void {
    this.#unlink(address);
    this.#sizeBytes -= this.#slab.wordAt(address, entryWord.sizeBytes);
  }

  /** Makes an entry of the list its newest. */
  touch(address: Address): void {
    this.#unlink(address);
    this.#linkNewest(address);
  }

  #linkNewest(address: Address): void {
    const slab = this.#slab;
    const newest = slab.wordAt(this.#anchor, entryWord.older) >>> 0;
    slab.setWord(address, entryWord.newer, this.#anchor);
    slab.setWord(address, entryWord.older, newest);
    slab.setWord(newest, entryWord.newer, address);
    slab.setWord(this.#anchor, entryWord.older, address);
  }

  #unlink(address: Address): void {
    const slab = this.#slab;
    const newer = slab.wordAt(address, entryWord.newer) >>> 0;
    const older = slab.wordAt(address, entryWord.older) >>> 0;
    slab.setWord(newer, entryWord.older, older);
    slab.setWord(older, entryWord.newer, newer);
  }
}

/** An entry now lies elsewhere, whatever list it is in: its neighbours learn of it. */
export function relinkNeighbours(slab: Slab, address: Address): void {
  slab.setWord(slab.wordAt(address, entryWord.newer) >>> 0, entryWord.older, address);
  slab.setWord(slab.wordAt(address, entryWord.older) >>> 0, entryWord.newer, address);
}
