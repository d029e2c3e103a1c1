/**
 * Goes forward through a table's entries, block by block.
 *
 * The key lies in a buffer of the cursor's own, the value where the source keeps it; both slices hold until the
 * next move. A move may throw CORRUPTED_DATA: the cursor is then invalid.
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
  /** Throws where the source was closed. */
  checkOpen(): void;
}

export class TableCursor implements EntryCursor {
  valid = false;
  readonly key = new Slice();
  readonly value = new Slice();
  sequence: SequenceNumber = 0;
  kind: EntryKind = entryKinds.value;

  readonly #source: BlockSource;
  readonly #block: BlockReader;
  #blockNumber = 0;

  constructor(source: BlockSource) {
    this.#source = source;
    this.#block = new BlockReader(source.path);
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
    this.#source.checkOpen();
    this.#settle(this.#block.next());
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
    this.value.set(block.bytes, block.valueStart, block.valueLength);
    this.sequence = block.sequence;
    this.kind = block.kind;
    this.valid = true;
  }

  #open(blockNumber: number): void {
    this.#blockNumber = blockNumber;
    this.#source.openBlock(blockNumber, this.#block);
  }
}
