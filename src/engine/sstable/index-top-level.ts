/**
 * The top level of an index of kind 2: which partition of the index may know a key's data block.
 *
 *     row: { uint32 where its separator ends, uint32 number of data blocks up to its end,
 *            uint32 file offset where its last data block ends, uint32 file offset where the partition ends }
 *
 * The first partition begins where the last data block ends.
 *
 * Invariants, checked when it is opened: data blocks and partitions end in order, and the last partition where the
 * filter begins.
 */
import { corruption } from "../../base/errors.ts";
import type { KeyPrefixes } from "../key-prefixes.ts";
import { trailerSizeBytes } from "./format.ts";
import { IndexRows, rowsOffset } from "./index-rows.ts";

export const partitionRowSizeBytes = 16;
const blocksEndNumber = 1;
const dataEndNumber = 2;
const endNumber = 3;

export class IndexTopLevel {
  readonly #rows = new IndexRows(partitionRowSizeBytes);
  #prefixes: KeyPrefixes | undefined;

  /** Over the content of the index block at `offset` of `file`, whose filter begins at `filterOffset`. */
  constructor(file: string, offset: number, content: Uint8Array, filterOffset: number) {
    this.#rows.open(content, 0, content.length);
    const problem = this.#rows.problem() ?? this.#problem(filterOffset);
    if (problem !== undefined) throw corruption(file, offset, problem);
  }

  get partitionCount(): number {
    return this.#rows.count;
  }

  get blockCount(): number {
    return this.blocksEnd(this.partitionCount - 1);
  }

  /** File offset where the last data block ends. */
  get dataSizeBytes(): number {
    return this.dataEnd(this.partitionCount - 1);
  }

  find(key: Uint8Array, keyLength: number): number {
    this.#prefixes ??= this.#rows.prefixes();
    return this.#rows.find(key, keyLength, this.#prefixes);
  }

  partitionOfBlock(block: number): number {
    return this.#rows.firstAbove(block, blocksEndNumber);
  }

  /** Of the data block that lies across a file offset. */
  partitionOfOffset(offset: number): number {
    return this.#rows.firstAbove(offset, dataEndNumber);
  }

  /** File offset of a partition's first byte. */
  start(partition: number): number {
    return partition === 0 ? this.dataSizeBytes : this.end(partition - 1);
  }

  /** File offset after a partition's trailer. */
  end(partition: number): number {
    return this.#rows.number(partition, endNumber);
  }

  /** Number of a partition's first block. */
  firstBlock(partition: number): number {
    return partition === 0 ? 0 : this.blocksEnd(partition - 1);
  }

  /** Number after that of a partition's last block. */
  blocksEnd(partition: number): number {
    return this.#rows.number(partition, blocksEndNumber);
  }

  /** File offset where a partition's first data block begins. */
  dataStart(partition: number): number {
    return partition === 0 ? 0 : this.dataEnd(partition - 1);
  }

  /** File offset where a partition's last data block ends. */
  dataEnd(partition: number): number {
    return this.#rows.number(partition, dataEndNumber);
  }

  /** A copy of a partition's separator. */
  separator(partition: number): Uint8Array {
    return this.#rows.separator(partition);
  }

  #problem(filterOffset: number): string | undefined {
    for (let partition = 0; partition < this.partitionCount; partition++) {
      if (this.blocksEnd(partition) <= this.firstBlock(partition)) {
        return `index row ${partition}: no data block is left to the partition`;
      }
      if (this.dataEnd(partition) <= this.dataStart(partition)) {
        return `index row ${partition}: its data blocks end before they begin`;
      }
      if (this.end(partition) - this.start(partition) < rowsOffset + trailerSizeBytes) {
        return `index row ${partition}: the partition is too short`;
      }
    }
    return this.end(this.partitionCount - 1) === filterOffset
      ? undefined
      : "the index ends elsewhere than its partitions";
  }
}
