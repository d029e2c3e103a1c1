/**
 * Blocks that were decompressed for look-ups, kept in one piece of memory that all tables of an engine share.
 *
 * Memory is divided into equal slots, and slots into sets of four. A block may lie in any slot of the one set that
 * its table and number lead to; where the set is full, the first one from the hand on that was not used since the
 * hand last passed gives way. A block that is larger than a slot is decompressed each time. Scans keep away: a
 * cursor decompresses into memory of its own.
 *
 * Invariants:
 * 1. A slot's tag names a block only while the slot holds its whole content: it is taken away before anything is
 *    written there.
 * 2. What a look-up has found here holds until the next look-up in any of the tables.
 * 3. Memory never exceeds the budget; the system gives it as it fills.
 */
import { emptyBytes } from "../../base/bytes.ts";
import type { BlockReader } from "./block.ts";
import { decompressContent, uncompressedLength } from "./compression.ts";
import { compressions, trailerSizeBytes } from "./format.ts";

const slotsPerSet = 4;
/** Most blocks pass their size by one entry and their restart points; larger ones are not worth the room. */
const slotRoom = 1.25;
/** The scratch that is kept from one large block to the next. */
const maxScratchBytes = 1 << 20;
const noTable = 0;

export class BlockCache {
  readonly #slotBytes: number;
  readonly #setCount: number;
  /** By slot: table, block, length of the content, and whether it was used. */
  readonly #tables: Uint32Array;
  readonly #blocks: Uint32Array;
  readonly #lengths: Uint32Array;
  readonly #used: Uint8Array;
  /** By set: the slot that is asked first whether it gives way. */
  readonly #hands: Uint8Array;
  #memory: Uint8Array = emptyBytes;
  #scratch: Uint8Array = emptyBytes;
  #lastTable = noTable;

  /** For blocks whose entries take about `blockSizeBytes`; a small budget keeps nothing. */
  constructor(budgetBytes: number, blockSizeBytes: number) {
    this.#slotBytes = Math.ceil(blockSizeBytes * slotRoom);
    this.#setCount = Math.floor(budgetBytes / (slotsPerSet * this.#slotBytes));
    const slotCount = this.#setCount * slotsPerSet;
    this.#tables = new Uint32Array(slotCount);
    this.#blocks = new Uint32Array(slotCount);
    this.#lengths = new Uint32Array(slotCount);
    this.#used = new Uint8Array(slotCount);
    this.#hands = new Uint8Array(this.#setCount);
  }

  /** A number for a table, which no other gets. */
  addTable(): number {
    return ++this.#lastTable;
  }

  /** Opens the verified block of a table that lies in the file's `bytes` from `start` to `end`. */
  open(table: number, block: number, bytes: Uint8Array, start: number, end: number, into: BlockReader): void {
    if (this.#openKept(table, block, start, into)) return;
    const contentEnd = end - trailerSizeBytes;
    if (bytes[contentEnd] === compressions.none) {
      into.open(bytes, start, end, 0);
      return;
    }
    const length = uncompressedLength(into.file, start, bytes, start, contentEnd);
    if (this.#setCount === 0 || length > this.#slotBytes) {
      const scratch = this.#scratchFor(length);
      decompressContent(into.file, start, bytes, start, contentEnd, scratch, 0);
      into.openUncompressed(scratch, 0, length, start);
      return;
    }
    const slot = this.#makeRoom(this.#firstSlot(table, block));
    const target = slot * this.#slotBytes;
    decompressContent(into.file, start, bytes, start, contentEnd, this.#memory, target);
    this.#tables[slot] = table;
    this.#blocks[slot] = block;
    this.#lengths[slot] = length;
    into.openUncompressed(this.#memory, target, target + length, start);
  }

  #openKept(table: number, block: number, blockOffset: number, into: BlockReader): boolean {
    if (this.#setCount === 0) return false;
    const first = this.#firstSlot(table, block);
    for (let slot = first; slot < first + slotsPerSet; slot++) {
      if (this.#blocks[slot] !== block || this.#tables[slot] !== table) continue;
      this.#used[slot] = 1;
      const start = slot * this.#slotBytes;
      into.openUncompressed(this.#memory, start, start + this.#lengths[slot]!, blockOffset);
      return true;
    }
    return false;
  }

  #firstSlot(table: number, block: number): number {
    const hash = Math.imul(Math.imul(table, 0x85ebca77) ^ block, 0x9e3779b1);
    return (((hash ^ (hash >>> 15)) >>> 0) % this.#setCount) * slotsPerSet;
  }

  /** A slot of the set that is free now. */
  #makeRoom(firstSlot: number): number {
    if (this.#memory.length === 0) {
      this.#memory = new Uint8Array(this.#setCount * slotsPerSet * this.#slotBytes);
    }
    const set = firstSlot / slotsPerSet;
    let hand = this.#hands[set]!;
    for (; this.#used[firstSlot + hand] === 1; hand = (hand + 1) % slotsPerSet)
      this.#used[firstSlot + hand] = 0;
    this.#hands[set] = (hand + 1) % slotsPerSet;
    this.#tables[firstSlot + hand] = noTable;
    return firstSlot + hand;
  }

  /** Memory for a block that is not kept. */
  #scratchFor(length: number): Uint8Array {
    if (length <= this.#scratch.length) return this.#scratch;
    const bytes = new Uint8Array(length);
    if (length <= maxScratchBytes) this.#scratch = bytes;
    return bytes;
  }
}
