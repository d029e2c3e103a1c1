/**
 * The memory of the cache: equal segments that are filled one after the other and cleaned when space runs out.
 *
 * ```
 * segment   | entry | free | entry | entry | ...    never used |
 *                                           ^ used
 * ```
 *
 * Space is handed out at the end of the open segment. What is freed stays a hole until its segment is cleaned:
 * the living entries move to the open segment, and the whole segment is empty again. The one with the most bytes
 * in holes is cleaned first, and none with less than `minReclaimShare`; then the caller frees something more. So a
 * new entry costs a bounded amount of copying, whatever the sizes, and holes stay a bounded share of the slab.
 *
 * An entry is named by its address, the index of its first word: segment number, then word offset. The slab knows
 * of an entry only the size in its first word, negative once it is free.
 *
 * Invariants:
 * 1. Segment 0 is small, holds the anchors of the lists, and never moves; so address 0 means none.
 * 2. One segment within the limit is empty or not yet taken between calls: entries move into it.
 * 3. No entry is larger than what cleaning one segment is sure to free.
 */
import { copyRange, emptyBytes } from "../../base/bytes.ts";
import { assert } from "../../base/errors.ts";

export type Address = number;
export const noAddress = 0;

/** Addresses are 32-bit, in words. */
export const maxSlabBytes = 2 ** 34;
export const minSegmentBytes = 4096;
/** Below this number of segments there is no room for cleaning. */
export const minSegmentCount = 4;

const minReclaimShare = 1 / 16;
const anchorSegmentBytes = 256;
const emptyWords = new Int32Array(0);

export class Slab {
  readonly segmentBytes: number;
  /** The largest entry it takes. */
  readonly maxEntryBytes: number;
  readonly #moved: (from: Address, to: Address) => void;
  readonly #segmentShift: number;
  readonly #offsetMask: number;
  readonly #words: Int32Array[] = [];
  readonly #bytes: Uint8Array[] = [];
  readonly #usedWords: number[] = [];
  readonly #liveWords: number[] = [];
  /** Numbers of segments that have memory and nothing in it; and of those without memory. */
  readonly #empty: number[] = [];
  readonly #absent: number[] = [];
  #presentCount = 0;
  #segmentLimit: number;
  #open = 0;

  /** `segmentBytes` is a power of two; `moved` learns of each entry that cleaning has copied to a new address. */
  constructor(segmentBytes: number, segmentLimit: number, moved: (from: Address, to: Address) => void) {
    assert(segmentBytes >= minSegmentBytes && (segmentBytes & (segmentBytes - 1)) === 0, "segment size");
    this.segmentBytes = segmentBytes;
    this.maxEntryBytes = segmentBytes * minReclaimShare;
    this.#moved = moved;
    this.#segmentShift = Math.log2(segmentBytes / 4);
    this.#offsetMask = segmentBytes / 4 - 1;
    this.#segmentLimit = segmentLimit;
    this.#place(0, new ArrayBuffer(anchorSegmentBytes));
    // Full, so that the first entry opens a segment.
    this.#usedWords[0] = segmentBytes / 4;
  }

  /** Memory taken. */
  get sizeBytes(): number {
    return this.#presentCount * this.segmentBytes;
  }

  wordAt(address: Address, offset: number): number {
    return this.#words[address >>> this.#segmentShift]![(address & this.#offsetMask) + offset]!;
  }

  setWord(address: Address, offset: number, value: number): void {
    this.#words[address >>> this.#segmentShift]![(address & this.#offsetMask) + offset] = value;
  }

  /** The bytes of the segment that the entry lies in. */
  bytesAt(address: Address): Uint8Array {
    return this.#bytes[address >>> this.#segmentShift]!;
  }

  /** Where in `bytesAt` the entry begins. */
  byteOffset(address: Address): number {
    return (address & this.#offsetMask) << 2;
  }

  /** Space for an entry, its size word set; `noAddress` when something must be freed first. May move others. */
  allocate(sizeBytes: number): Address {
    assert(sizeBytes <= this.maxEntryBytes, "an entry larger than the slab takes");
    const wordCount = wordsFor(sizeBytes);
    while (!this.#fitsOpen(wordCount)) {
      if (this.#availableCount > 1) this.#openNext();
      else if (!this.#clean()) return noAddress;
    }
    const address = this.#take(wordCount);
    this.setWord(address, 0, sizeBytes);
    return address;
  }

  /** Makes a hole of an entry. */
  free(address: Address): void {
    const segment = address >>> this.#segmentShift;
    const sizeBytes = this.wordAt(address, 0);
    assert(sizeBytes > 0, "an entry was freed twice");
    this.setWord(address, 0, -sizeBytes);
    this.#liveWords[segment]! -= wordsFor(sizeBytes);
    if (this.#liveWords[segment] === 0 && segment !== this.#open) this.#setEmpty(segment);
  }

  /** Sets the number of segments it may take; `trim` gives up those beyond. */
  set segmentLimit(limit: number) {
    this.#segmentLimit = limit;
  }

  /** Gives memory back until the limit is kept. False when something must be freed first; then ask again. */
  trim(): boolean {
    for (;;) {
      if (this.#presentCount > this.#segmentLimit && this.#empty.length > 0)
        this.#release(this.#empty.pop()!);
      else if (this.#availableCount > 0) return true;
      else if (!this.#clean()) return false;
    }
  }

  get #availableCount(): number {
    return this.#empty.length + this.#segmentLimit - this.#presentCount;
  }

  #fitsOpen(wordCount: number): boolean {
    return this.#usedWords[this.#open]! + wordCount <= this.segmentBytes >>> 2;
  }

  #take(wordCount: number): Address {
    const open = this.#open;
    const offset = this.#usedWords[open]!;
    this.#usedWords[open] = offset + wordCount;
    this.#liveWords[open]! += wordCount;
    return ((open << this.#segmentShift) | offset) >>> 0;
  }

  #openNext(): void {
    const closed = this.#open;
    this.#open = this.#empty.pop() ?? this.#add();
    if (closed !== 0 && this.#liveWords[closed] === 0) this.#setEmpty(closed);
  }

  #add(): number {
    const segment = this.#absent.pop() ?? this.#words.length;
    this.#place(segment, new ArrayBuffer(this.segmentBytes));
    this.#presentCount++;
    return segment;
  }

  #place(segment: number, buffer: ArrayBuffer): void {
    this.#words[segment] = new Int32Array(buffer);
    this.#bytes[segment] = new Uint8Array(buffer);
    this.#usedWords[segment] = 0;
    this.#liveWords[segment] = 0;
  }

  #setEmpty(segment: number): void {
    this.#usedWords[segment] = 0;
    this.#empty.push(segment);
  }

  #release(segment: number): void {
    this.#words[segment] = emptyWords;
    this.#bytes[segment] = emptyBytes;
    this.#absent.push(segment);
    this.#presentCount--;
  }

  /** Moves the living out of the segment with the most in holes; false when no segment is worth it. */
  #clean(): boolean {
    let most = (this.segmentBytes >>> 2) * minReclaimShare - 1;
    let worst = 0;
    for (let segment = 1; segment < this.#words.length; segment++) {
      const holes = this.#usedWords[segment]! - this.#liveWords[segment]!;
      if (holes <= most || segment === this.#open) continue;
      most = holes;
      worst = segment;
    }
    if (worst === 0) return false;
    this.#moveOut(worst);
    this.#liveWords[worst] = 0;
    this.#setEmpty(worst);
    return true;
  }

  #moveOut(segment: number): void {
    const words = this.#words[segment]!;
    const end = this.#usedWords[segment]!;
    for (let offset = 0; offset < end; ) {
      const sizeBytes = words[offset]!;
      const wordCount = wordsFor(Math.abs(sizeBytes));
      if (sizeBytes > 0) {
        if (!this.#fitsOpen(wordCount)) this.#openNext();
        const to = this.#take(wordCount);
        copyRange(this.#bytes[segment]!, offset << 2, wordCount << 2, this.bytesAt(to), this.byteOffset(to));
        this.#moved(((segment << this.#segmentShift) | offset) >>> 0, to);
      }
      offset += wordCount;
    }
  }
}

function wordsFor(sizeBytes: number): number {
  return (sizeBytes + 3) >>> 2;
}
