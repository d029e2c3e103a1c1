/**
 * Goes forward through a table's entries, block by block.
 *
 * The key lies in a buffer of the cursor's own and holds until the next move, the value where the source keeps it:
 * it is asked for again after an `await`, since the source may have put it elsewhere. A move, or the value, may throw
 * CORRUPTED_DATA: the cursor is then invalid.
 */
import { Slice } from "../../base/bytes.ts";
import { assert } from "../../base/errors.ts";
import { type EntryCursor, type EntryKind, entryKinds, type SequenceNumber } from "../internal-key.ts";
import { BlockReader } from "./block.ts";

/** What a cursor goes through: a mapped table, or one that is read in another way. */
export interface BlockSource {
  readonly path: string;
  readonly blockCount: number;
  /** Number of the block that holds the key if any does. */
  findBlock(key: Uint8Array, keyLength: number): number;
  /** Verifies a block's checksum and opens it. */
  openBlock(block: number, into: BlockReader): void;
  /** Differs from before where blocks that were opened have lost their bytes; throws where the source is gone for good. */
  readonly generation: number;
}

export class TableCursor implements EntryCursor {
  valid = false;
  readonly key = new Slice();
  sequence: SequenceNumber = 0;
  kind: EntryKind = entryKinds.value;

  readonly #source: BlockSource;
  readonly #block: BlockReader;
  readonly #value = new Slice();
  #blockNumber = 0;
  #generation = 0;

  constructor(source: BlockSource) {
    this.#source = source;
    this.#block = new BlockReader(source.path);
  }

  get value(): Slice {
    if (this.#source.generation !== this.#generation) this.#openAgain();
    return this.#value;
  }

  rewind(): void {
    this.valid = false;
    this.#open(0);
    this.#settle(this.#block.next());
  }

  seek(key: Uint8Array): void {
    this.valid = false;
    this.#open(this.#source.findBlock(key, key.length));
    this.#settle(this.#block.seek(key, key.length));
  }

  next(): void {
    assert(this.valid, "a cursor moves on only from an entry");
    this.valid = false;
    if (this.#source.generation !== this.#generation) this.#openAgain();
    this.#settle(this.#block.next());
  }

  /** Back to the current entry, whose key the block reader still has. */
  #openAgain(): void {
    const block = this.#block;
    const { key, keyLength } = block;
    this.#open(this.#blockNumber);
    assert(block.seek(key, keyLength) && block.keyLength === keyLength, "a block lost its entry");
    this.#value.set(block.bytes, block.valueStart, block.valueLength);
  }

  /** Shows the block's current entry, or goes on to the next block where there was none. */
  #settle(inBlock: boolean): void {
    const block = this.#block;
    while (!inBlock) {
      if (this.#blockNumber + 1 === this.#source.blockCount) return;
      this.#open(this.#blockNumber + 1);
      inBlock = block.next();
    }
    this.key.set(block.key, 0, block.keyLength);
    this.#value.set(block.bytes, block.valueStart, block.valueLength);
    this.sequence = block.sequence;
    this.kind = block.kind;
    this.valid = true;
  }

  #open(blockNumber: number): void {
    this.#blockNumber = blockNumber;
    this.#source.openBlock(blockNumber, this.#block);
    this.#generation = this.#source.generation;
  }
}
