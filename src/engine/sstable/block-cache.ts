/**
 * Blocks that were decompressed for look-ups, kept in memory that all tables of an engine share.
 *
 * Memory is taken segment by segment as it fills, each divided into equal slots. An index by hash, a chain of slots for
 * each of its heads, finds the slot of a block. Where all slots are taken, the first one from the hand on that was not
 * used since the hand last passed gives way. A block that is larger than a slot is decompressed each time. Scans keep
 * away: a cursor decompresses into memory of its own.
 *
 * Invariants:
 * 1. A slot is in the index only while it holds the whole content of its block: it is taken out before anything is
 *    written there.
 * 2. What a look-up has found here holds until the next look-up in any of the tables, or the next `resize`.
 * 3. Segments never take more than the budget; the index takes less than a hundredth of the largest one beside them.
 */
import { emptyBytes } from "../../base/bytes.ts";
import type { BlockReader } from "./block.ts";
import { decompressContent, uncompressedLength } from "./compression.ts";
import { compressions, trailerSizeBytes } from "./format.ts";

/** Most blocks pass their size by one entry and their restart points; larger ones are not worth the room. */
const slotRoom = 1.25;
const mostSegmentBytes = 1 << 20;
const fewestSegments = 8;
/** The scratch that is kept from one large block to the next. */
const maxScratchBytes = 1 << 20;
const noTable = 0;
const noSlot = -1;

export interface BlockCacheStatus {
  /** Look-ups that found their block here, and those that had to decompress it. */
  readonly hits: number;
  readonly misses: number;
  /** Blocks that made room for others, or for a smaller budget. */
  readonly evictions: number;
  /** Memory taken. */
  readonly sizeBytes: number;
  readonly budgetBytes: number;
}

export class BlockCache {
  readonly #slotBytes: number;
  /** Of slots in a segment: a power of two, as its binary logarithm. */
  readonly #segmentShift: number;
  readonly #segments: Uint8Array[] = [];
  #budgetBytes: number;
  #slotLimit = 0;
  /** Slots that were given out: those below. */
  #takenSlots = 0;
  #hand = 0;
  /** By slot: table, block, length of the content, whether it was used, and the next slot of its chain. */
  #tables = new Uint32Array(0);
  #blocks = new Uint32Array(0);
  #lengths = new Uint32Array(0);
  #used = new Uint8Array(0);
  #next = new Int32Array(0);
  /** First slots of the chains; a power of two of them. */
  #heads = new Int32Array(1).fill(noSlot);
  /** Of the largest budget. */
  readonly #slotCount: number;
  #scratch: Uint8Array = emptyBytes;
  #lastTable = noTable;
  #hits = 0;
  #misses = 0;
  #evictions = 0;

  /** For blocks whose entries take about `blockSizeBytes`; the budget is the largest that there will be. */
  constructor(largestBudgetBytes: number, blockSizeBytes: number) {
    this.#slotBytes = Math.max(1, Math.ceil(blockSizeBytes * slotRoom));
    const slotCount = Math.floor(largestBudgetBytes / this.#slotBytes);
    const segmentSlots = Math.min(mostSegmentBytes / this.#slotBytes, slotCount / fewestSegments);
    this.#segmentShift = Math.max(0, Math.floor(Math.log2(Math.max(1, segmentSlots))));
    this.#slotCount = slotCount;
    this.#budgetBytes = largestBudgetBytes;
    this.#slotLimit = this.#slotsWithin(largestBudgetBytes);
  }

  get status(): BlockCacheStatus {
    return {
      hits: this.#hits,
      misses: this.#misses,
      evictions: this.#evictions,
      sizeBytes: this.#segments.length * this.#segmentBytes,
      budgetBytes: this.#budgetBytes,
    };
  }

  /** Changes the budget, up to the largest; a smaller one gives memory back at once. */
  resize(budgetBytes: number): void {
    this.#budgetBytes = budgetBytes;
    this.#slotLimit = this.#slotsWithin(budgetBytes);
    for (; this.#takenSlots > this.#slotLimit; this.#takenSlots--) this.#evict(this.#takenSlots - 1);
    const segmentCount = this.#slotLimit >>> this.#segmentShift;
    // Without this the memory would stay until the next collection.
    for (const segment of this.#segments.splice(segmentCount)) (segment.buffer as ArrayBuffer).transfer(0);
  }

  /** A number for a table, which no other gets. */
  addTable(): number {
    return ++this.#lastTable;
  }

  /** Opens the verified block of a table that lies in the file's `bytes` from `start` to `end`. */
  open(table: number, block: number, bytes: Uint8Array, start: number, end: number, into: BlockReader): void {
    const kept = this.#find(table, block);
    if (kept !== noSlot) {
      this.#hits++;
      this.#used[kept] = 1;
      this.#openSlot(kept, start, into);
      return;
    }
    const contentEnd = end - trailerSizeBytes;
    if (bytes[contentEnd] === compressions.none) {
      into.open(bytes, start, end, 0);
      return;
    }
    this.#misses++;
    const length = uncompressedLength(into.file, start, bytes, start, contentEnd);
    if (this.#slotLimit === 0 || length > this.#slotBytes) {
      const scratch = this.#scratchFor(length);
      decompressContent(into.file, start, bytes, start, contentEnd, scratch, 0);
      into.openUncompressed(scratch, 0, length, start);
      return;
    }
    if (this.#tables.length === 0) this.#makeIndex();
    const slot = this.#takeSlot();
    const place = this.#placeOf(slot);
    decompressContent(into.file, start, bytes, start, contentEnd, this.#segmentOf(slot), place);
    this.#tables[slot] = table;
    this.#blocks[slot] = block;
    this.#lengths[slot] = length;
    const head = this.#headOf(table, block);
    this.#next[slot] = this.#heads[head]!;
    this.#heads[head] = slot;
    this.#openSlot(slot, start, into);
  }

  #openSlot(slot: number, blockOffset: number, into: BlockReader): void {
    const place = this.#placeOf(slot);
    into.openUncompressed(this.#segmentOf(slot), place, place + this.#lengths[slot]!, blockOffset);
  }

  /** Not before a block is kept: many stores have none to keep. */
  #makeIndex(): void {
    this.#tables = new Uint32Array(this.#slotCount);
    this.#blocks = new Uint32Array(this.#slotCount);
    this.#lengths = new Uint32Array(this.#slotCount);
    this.#used = new Uint8Array(this.#slotCount);
    this.#next = new Int32Array(this.#slotCount);
    this.#heads = new Int32Array(2 ** Math.ceil(Math.log2(this.#slotCount))).fill(noSlot);
  }

  #find(table: number, block: number): number {
    let slot = this.#heads[this.#headOf(table, block)]!;
    while (slot !== noSlot && (this.#blocks[slot] !== block || this.#tables[slot] !== table)) {
      slot = this.#next[slot]!;
    }
    return slot;
  }

  #headOf(table: number, block: number): number {
    const hash = Math.imul(Math.imul(table, 0x85ebca77) ^ block, 0x9e3779b1);
    return (hash ^ (hash >>> 15)) & (this.#heads.length - 1);
  }

  /** A slot that holds nothing now. */
  #takeSlot(): number {
    if (this.#takenSlots < this.#slotLimit) {
      const slot = this.#takenSlots++;
      if (slot >>> this.#segmentShift === this.#segments.length) {
        this.#segments.push(new Uint8Array(this.#segmentBytes));
      }
      this.#tables[slot] = noTable;
      this.#used[slot] = 0;
      return slot;
    }
    if (this.#hand >= this.#slotLimit) this.#hand = 0;
    for (; this.#used[this.#hand] === 1; this.#hand = this.#hand + 1 < this.#slotLimit ? this.#hand + 1 : 0) {
      this.#used[this.#hand] = 0;
    }
    this.#evict(this.#hand);
    return this.#hand++;
  }

  /** Takes a slot out of its chain, if it is in one. */
  #evict(slot: number): void {
    const table = this.#tables[slot]!;
    if (table === noTable) return;
    this.#tables[slot] = noTable;
    this.#evictions++;
    const head = this.#headOf(table, this.#blocks[slot]!);
    if (this.#heads[head] === slot) {
      this.#heads[head] = this.#next[slot]!;
      return;
    }
    let before = this.#heads[head]!;
    while (this.#next[before] !== slot) before = this.#next[before]!;
    this.#next[before] = this.#next[slot]!;
  }

  #slotsWithin(budgetBytes: number): number {
    return Math.floor(budgetBytes / this.#segmentBytes) << this.#segmentShift;
  }

  get #segmentBytes(): number {
    return this.#slotBytes << this.#segmentShift;
  }

  #segmentOf(slot: number): Uint8Array {
    return this.#segments[slot >>> this.#segmentShift]!;
  }

  /** In its segment. */
  #placeOf(slot: number): number {
    return (slot & ((1 << this.#segmentShift) - 1)) * this.#slotBytes;
  }

  /** Memory for a block that is not kept. */
  #scratchFor(length: number): Uint8Array {
    if (length <= this.#scratch.length) return this.#scratch;
    const bytes = new Uint8Array(length);
    if (length <= maxScratchBytes) this.#scratch = bytes;
    return bytes;
  }
}
