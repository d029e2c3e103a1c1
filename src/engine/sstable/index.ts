/**
 * A table's index: which data block may hold a key.
 *
 * Of kind 1 it is one block of rows (`index-rows.ts`), one for each data block:
 *
 *     row: { uint32 where its separator ends, uint32 file offset where its data block ends }
 *
 * In large tables it is of kind 2: these rows are cut into partitions, each a block like an index of kind 1, which stand
 * between data blocks and filter. The index block is a top level then, with a row for each partition
 * (`index-top-level.ts`). One partition is open at a time; it is verified before its first use.
 *
 * A separator is the shortest prefix of its block's first key that sorts after the last key of the block before; the
 * first block's is empty. That of a partition's first block stands in the top level, and is empty in the partition. Rows
 * hold ends only: whatever they tell of begins where the one before ends, which leaves no room for gaps.
 *
 * Invariants, checked before look-ups, which need no bounds of their own then:
 * 1. Separators end inside the content, in order, the last one exactly at its end; they ascend strictly.
 * 2. Data blocks end in order, each longer than a trailer, the last one exactly where filter or partitions begin.
 * 3. A partition has the blocks that the top level says.
 */
import { Slice } from "../../base/bytes.ts";
import { corruption, type StorageError } from "../../base/errors.ts";
import type { KeyPrefixes } from "../key-prefixes.ts";
import { blockProblem, compressions, trailerSizeBytes } from "./format.ts";
import { IndexRows, indexKinds } from "./index-rows.ts";
import { IndexTopLevel } from "./index-top-level.ts";

export const blockRowSizeBytes = 8;
const blockEndNumber = 1;

/** Where an index finds its partitions. */
export interface PartitionSource {
  /** Sets the slice to a range of the file. */
  load(start: number, end: number, partition: Slice): void;
  /** What was loaded once is the same for ever, and need not be verified again. */
  readonly isMapped: boolean;
  /** Look-ups may take four bytes of memory for each data block to become faster. */
  readonly usesPrefixes: boolean;
  /** Hears of damage before it is thrown. */
  readonly corruptionFound?: (error: StorageError) => void;
}

export class TableIndex {
  readonly blockCount: number;
  /** File offset where the last data block ends. */
  readonly dataSizeBytes: number;
  /** Of an index of kind 2. */
  readonly topLevel: IndexTopLevel | undefined;
  readonly #file: string;
  readonly #source: PartitionSource;
  /** Of the open partition, or of the whole index. */
  readonly #rows = new IndexRows(blockRowSizeBytes);
  readonly #partition = new Slice();
  readonly #isVerified: boolean[] = [];
  /** Of each partition, or of the whole index; made for the first look-up, since a scan needs none. */
  readonly #prefixes: (KeyPrefixes | undefined)[] = [];
  /** The open partition's number; that of the whole index is 0. */
  #openNumber = -1;
  #firstBlock = 0;
  #blocksEnd = 0;
  #dataStart = 0;

  /** Over the content of the index block at `offset` of `file`, whose filter block begins at `filterOffset`. */
  constructor(
    file: string,
    offset: number,
    content: Uint8Array,
    filterOffset: number,
    source: PartitionSource,
  ) {
    this.#file = file;
    this.#source = source;
    const kind = content[0];
    if (kind === indexKinds.twoLevel) {
      const topLevel = new IndexTopLevel(file, offset, content, filterOffset);
      this.topLevel = topLevel;
      this.blockCount = topLevel.blockCount;
      this.dataSizeBytes = topLevel.dataSizeBytes;
      return;
    }
    if (kind !== indexKinds.singleLevel) {
      throw corruption(file, offset, `an index of kind ${kind} is not known to this program`);
    }
    this.#openNumber = 0;
    this.#rows.open(content, 0, content.length);
    const problem = this.#rowsProblem(filterOffset);
    if (problem !== undefined) throw corruption(file, offset, problem);
    this.blockCount = this.#rows.count;
    this.#blocksEnd = this.blockCount;
    this.dataSizeBytes = filterOffset;
  }

  /** Number of the block that holds the key if any does. */
  findBlock(key: Uint8Array, keyLength: number): number {
    if (this.topLevel !== undefined) this.openPartition(this.topLevel.find(key, keyLength));
    const rows = this.#rows;
    if (!this.#usesPrefixes) return this.#firstBlock + rows.find(key, keyLength, undefined);
    this.#prefixes[this.#openNumber] ??= rows.prefixes();
    return this.#firstBlock + rows.find(key, keyLength, this.#prefixes[this.#openNumber]);
  }

  /** File offset of a block's first byte. */
  blockStart(block: number): number {
    const row = this.#rowOf(block);
    return row === 0 ? this.#dataStart : this.#rows.number(row - 1, blockEndNumber);
  }

  /** File offset after a block's trailer. */
  blockEnd(block: number): number {
    return this.#rows.number(this.#rowOf(block), blockEndNumber);
  }

  /** A copy of a block's separator. */
  separator(block: number): Uint8Array {
    const row = this.#rowOf(block);
    if (row > 0 || this.topLevel === undefined) return this.#rows.separator(row);
    return this.topLevel.separator(this.#openNumber);
  }

  /** Verifies a partition of an index that has such, where it was not; all else here does that as well. */
  openPartition(number: number): void {
    if (number === this.#openNumber) return;
    const topLevel = this.topLevel!;
    const partition = this.#partition;
    const offset = topLevel.start(number);
    // Until the new one is verified there is none.
    this.#openNumber = -1;
    this.#blocksEnd = 0;
    this.#source.load(offset, topLevel.end(number), partition);
    const end = partition.start + partition.length;
    this.#rows.open(partition.bytes, partition.start, end - trailerSizeBytes);
    this.#dataStart = topLevel.dataStart(number);
    if (this.#isVerified[number] !== true) {
      this.#verify(topLevel, number, offset);
      this.#isVerified[number] = this.#source.isMapped;
    }
    this.#firstBlock = topLevel.firstBlock(number);
    this.#blocksEnd = topLevel.blocksEnd(number);
    this.#openNumber = number;
  }

  /** An index of one level always does. */
  get #usesPrefixes(): boolean {
    return this.topLevel === undefined || this.#source.usesPrefixes;
  }

  /** The row of a block, in the partition that is open then. */
  #rowOf(block: number): number {
    const isOpen = block >= this.#firstBlock && block < this.#blocksEnd;
    if (!isOpen && this.topLevel !== undefined) this.openPartition(this.topLevel.partitionOfBlock(block));
    return block - this.#firstBlock;
  }

  #verify(topLevel: IndexTopLevel, number: number, offset: number): void {
    const problem = this.#partitionProblem(topLevel, number);
    if (problem === undefined) return;
    const error = corruption(this.#file, offset, `index partition ${number}: ${problem}`);
    this.#source.corruptionFound?.(error);
    throw error;
  }

  #partitionProblem(topLevel: IndexTopLevel, number: number): string | undefined {
    const { bytes, start, length } = this.#partition;
    const end = start + length;
    const damage = blockProblem(bytes, start, end);
    if (damage !== undefined) return damage;
    const kind = bytes[start]!;
    const compression = bytes[end - trailerSizeBytes]!;
    if (kind !== indexKinds.singleLevel || compression !== compressions.none) {
      return `kind ${kind} and compression ${compression} are not known to this program`;
    }
    const blockCount = topLevel.blocksEnd(number) - topLevel.firstBlock(number);
    if (this.#rows.count !== blockCount) return `${this.#rows.count} rows instead of ${blockCount}`;
    return this.#rowsProblem(topLevel.dataEnd(number));
  }

  /** What is wrong with the rows that are open, whose data blocks end at `dataEnd`. */
  #rowsProblem(dataEnd: number): string | undefined {
    const rows = this.#rows;
    const problem = rows.problem();
    if (problem !== undefined) return problem;
    let start = this.#dataStart;
    for (let row = 0; row < rows.count; row++) {
      const end = rows.number(row, blockEndNumber);
      if (end - start <= trailerSizeBytes) return `index row ${row}: the data block is too short`;
      start = end;
    }
    return start === dataEnd ? undefined : "the index ends elsewhere than its data blocks";
  }
}
