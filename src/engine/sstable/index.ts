/**
 * Index block: which data block may hold a key.
 *
 *      0  uint8   kind of index: 1 = one row for each data block
 *      1  uint32  number of rows
 *      5          rows: { uint32 where its separator ends, uint32 file offset where its data block ends }
 *                 separators, one after the other; the first ends are counted from here
 *
 * A separator is the shortest prefix of its block's first key that sorts after the last key of the block before;
 * the first block's is empty. So a key belongs to the last block whose separator is at or before it. Rows hold
 * ends only: a separator and a block begin where the one before ends, which leaves no room for gaps. The kind
 * keeps a place for an index of several levels, which large tables may want.
 *
 * Invariants, checked once when a table is opened, so that look-ups need no bounds of their own:
 * 1. Separators end inside the content, in order, the last one exactly at its end.
 * 2. Data blocks end in order, each longer than a trailer, the last one exactly where the filter block begins.
 * 3. Separators ascend strictly.
 */
import { compareRanges } from "../../base/bytes.ts";
import { corruption } from "../../base/errors.ts";
import { GrowableBytes } from "../../base/growable-bytes.ts";
import { readUint32 } from "../../base/integers.ts";
import { KeyPrefixes } from "../key-prefixes.ts";
import { sealBlock, trailerSizeBytes } from "./format.ts";

/** On-disk values: never renumber. */
const indexKinds = { singleLevel: 1 } as const;

const headerSizeBytes = 5;
const rowSizeBytes = 8;

export class IndexBuilder {
  readonly #rows = new GrowableBytes(4096);
  readonly #separators = new GrowableBytes(4096);
  #blockCount = 0;

  /** Of the whole index block, trailer included, with the rows of all data blocks that have begun. */
  get sizeBytes(): number {
    return headerSizeBytes + rowSizeBytes * this.#blockCount + this.#separators.length + trailerSizeBytes;
  }

  /** Begins the row of a data block; `endBlock` completes it. */
  beginBlock(key: Uint8Array, start: number, separatorLength: number): void {
    this.#separators.appendRange(key, start, separatorLength);
    this.#blockCount++;
  }

  endBlock(endOffset: number): void {
    this.#rows.appendUint32(this.#separators.length);
    this.#rows.appendUint32(endOffset);
  }

  appendTo(output: GrowableBytes): void {
    const start = output.length;
    output.appendByte(indexKinds.singleLevel);
    output.appendUint32(this.#blockCount);
    output.appendRange(this.#rows.bytes, 0, this.#rows.length);
    output.appendRange(this.#separators.bytes, 0, this.#separators.length);
    sealBlock(output, start);
  }
}

/** The index in place: binary search over the block's content where it lies, without allocating. */
export class TableIndex {
  readonly blockCount: number;
  readonly #content: Uint8Array;
  readonly #separatorsStart: number;
  /** Of all separators but the first, which is empty; made for the first look-up, since a scan needs none. */
  #prefixes: KeyPrefixes | undefined;

  /** Over the content of the index block at `offset` of `file`, whose data blocks end at `dataSizeBytes`. */
  constructor(file: string, offset: number, content: Uint8Array, dataSizeBytes: number) {
    this.#content = content;
    if (content.length < headerSizeBytes || content[0] !== indexKinds.singleLevel) {
      throw corruption(file, offset, `an index of kind ${content[0]} is not known to this program`);
    }
    this.blockCount = readUint32(content, 1);
    this.#separatorsStart = headerSizeBytes + rowSizeBytes * this.blockCount;
    if (this.blockCount === 0 || this.#separatorsStart > content.length) {
      throw corruption(
        file,
        offset,
        `an index of ${this.blockCount} rows does not fit ${content.length} bytes`,
      );
    }
    this.#checkRows(file, offset, dataSizeBytes);
  }

  /**
   * Number of the block that holds the key if any does. Prefixes leave few separators to compare. All separators
   * between two others begin with what these have in common, so each comparison starts behind the bytes that the
   * key shares with both bounds.
   */
  findBlock(key: Uint8Array, keyLength: number): number {
    this.#prefixes ??= this.#makePrefixes();
    const prefixes = this.#prefixes;
    prefixes.narrow(key, keyLength);
    const content = this.#content;
    let low = prefixes.low;
    let high = prefixes.high;
    let lowShared = prefixes.sharedLength;
    let highShared = lowShared;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      const start = this.#separatorStart(middle);
      const length = this.#separatorEnd(middle) - start;
      const limit = Math.min(length, keyLength);
      let shared = Math.min(lowShared, highShared);
      while (shared < limit && content[start + shared] === key[shared]) shared++;
      if (shared < limit ? content[start + shared]! < key[shared]! : length <= keyLength) {
        low = middle;
        lowShared = shared;
      } else {
        high = middle - 1;
        highShared = shared;
      }
    }
    return low;
  }

  /** File offset of a block's first byte. */
  blockStart(block: number): number {
    return block === 0 ? 0 : this.blockEnd(block - 1);
  }

  /** File offset after a block's trailer. */
  blockEnd(block: number): number {
    return readUint32(this.#content, headerSizeBytes + rowSizeBytes * block + 4);
  }

  /** A copy of a block's separator. */
  separator(block: number): Uint8Array {
    return this.#content.slice(this.#separatorStart(block), this.#separatorEnd(block));
  }

  #makePrefixes(): KeyPrefixes {
    return new KeyPrefixes(this.blockCount - 1, (index, separator) => {
      const start = this.#separatorStart(index + 1);
      separator.set(this.#content, start, this.#separatorEnd(index + 1) - start);
    });
  }

  #separatorStart(block: number): number {
    return block === 0 ? this.#separatorsStart : this.#separatorEnd(block - 1);
  }

  #separatorEnd(block: number): number {
    return this.#separatorsStart + readUint32(this.#content, headerSizeBytes + rowSizeBytes * block);
  }

  #checkRows(file: string, offset: number, dataSizeBytes: number): void {
    for (let block = 0; block < this.blockCount; block++) {
      const problem = this.#rowProblem(block);
      if (problem !== undefined) throw corruption(file, offset, `index row ${block}: ${problem}`);
    }
    const last = this.blockCount - 1;
    if (this.#separatorEnd(last) !== this.#content.length || this.blockEnd(last) !== dataSizeBytes) {
      throw corruption(file, offset, "the index ends elsewhere than its separators and data blocks");
    }
  }

  #rowProblem(block: number): string | undefined {
    const start = this.#separatorStart(block);
    const end = this.#separatorEnd(block);
    if (end < start || end > this.#content.length) return "the separator's end is out of bounds";
    const blockSize = this.blockEnd(block) - this.blockStart(block);
    if (blockSize <= trailerSizeBytes) return "the data block is too short";
    if (block === 0) return undefined;
    const before = this.#separatorStart(block - 1);
    const order = compareRanges(this.#content, before, start - before, this.#content, start, end - start);
    return order < 0 ? undefined : "the separator does not sort after the one before";
  }
}
