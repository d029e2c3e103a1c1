/**
 * Builds a table's index (layout: index.ts), row by row, as its data blocks are written.
 *
 * A partition is sealed when the next row would begin in it beyond its size. An index that one partition holds has no
 * top level: it is that partition, but in the index block's place.
 *
 * Invariant: a sealed partition is complete; only where the partitions begin in the file is not known before the data
 * blocks have ended.
 */
import { GrowableBytes } from "../../base/growable-bytes.ts";
import { sealBlock, trailerSizeBytes } from "./format.ts";
import { blockRowSizeBytes } from "./index.ts";
import { indexKinds, rowsOffset } from "./index-rows.ts";
import { partitionRowSizeBytes } from "./index-top-level.ts";

/** A row of the top level. */
interface SealedPartition {
  readonly separatorEnd: number;
  readonly blocksEnd: number;
  readonly dataEnd: number;
  /** From where the partitions begin. */
  readonly end: number;
}

export class IndexBuilder {
  readonly #partitionSizeBytes: number;
  /** Of the current partition. */
  readonly #rows = new GrowableBytes(4096);
  readonly #separators = new GrowableBytes(4096);
  #rowCount = 0;
  /** Partitions before it, with their trailers. */
  readonly #partitions = new GrowableBytes(0);
  readonly #sealed: SealedPartition[] = [];
  readonly #topSeparators = new GrowableBytes(0);
  #blockCount = 0;
  #dataEnd = 0;

  /** A partition takes no further rows once it has this many bytes. */
  constructor(partitionSizeBytes: number) {
    this.#partitionSizeBytes = partitionSizeBytes;
  }

  /** Of all that it adds to the table, trailers included, with the rows of all data blocks that have begun. */
  get sizeBytes(): number {
    const partitionBytes = this.#partitions.length + this.#currentSizeBytes;
    return this.#isPartitioned ? partitionBytes + this.#topSizeBytes : partitionBytes;
  }

  /** Begins the row of a data block; `endBlock` completes it. */
  beginBlock(key: Uint8Array, start: number, separatorLength: number): void {
    if (this.#rowCount > 0 && this.#currentSizeBytes >= this.#partitionSizeBytes) {
      this.#sealPartition();
      this.#topSeparators.appendRange(key, start, separatorLength);
    } else this.#separators.appendRange(key, start, separatorLength);
    this.#rowCount++;
    this.#blockCount++;
  }

  endBlock(endOffset: number): void {
    this.#rows.appendUint32(this.#separators.length);
    this.#rows.appendUint32(endOffset);
    this.#dataEnd = endOffset;
  }

  /** What stands between data blocks and filter: nothing in most tables. */
  appendPartitions(output: GrowableBytes): void {
    if (!this.#isPartitioned) return;
    this.#sealPartition();
    output.appendRange(this.#partitions.bytes, 0, this.#partitions.length);
  }

  /** The index block; after `appendPartitions`. */
  appendTo(output: GrowableBytes): void {
    if (this.#isPartitioned) this.#appendTop(output);
    else this.#appendRows(output);
  }

  get #isPartitioned(): boolean {
    return this.#sealed.length > 0;
  }

  get #currentSizeBytes(): number {
    if (this.#rowCount === 0) return 0;
    return rowsOffset + blockRowSizeBytes * this.#rowCount + this.#separators.length + trailerSizeBytes;
  }

  get #topSizeBytes(): number {
    const partitionCount = this.#sealed.length + (this.#rowCount > 0 ? 1 : 0);
    const rowBytes = partitionRowSizeBytes * partitionCount;
    return rowsOffset + rowBytes + this.#topSeparators.length + trailerSizeBytes;
  }

  #sealPartition(): void {
    this.#appendRows(this.#partitions);
    this.#sealed.push({
      separatorEnd: this.#topSeparators.length,
      blocksEnd: this.#blockCount,
      dataEnd: this.#dataEnd,
      end: this.#partitions.length,
    });
    this.#rows.clear();
    this.#separators.clear();
    this.#rowCount = 0;
  }

  #appendRows(output: GrowableBytes): void {
    const start = output.length;
    output.appendByte(indexKinds.singleLevel);
    output.appendUint32(this.#rowCount);
    output.appendRange(this.#rows.bytes, 0, this.#rows.length);
    output.appendRange(this.#separators.bytes, 0, this.#separators.length);
    sealBlock(output, start);
  }

  #appendTop(output: GrowableBytes): void {
    const start = output.length;
    output.appendByte(indexKinds.twoLevel);
    output.appendUint32(this.#sealed.length);
    for (const { separatorEnd, blocksEnd, dataEnd, end } of this.#sealed) {
      output.appendUint32(separatorEnd);
      output.appendUint32(blocksEnd);
      output.appendUint32(dataEnd);
      output.appendUint32(this.#dataEnd + end);
    }
    output.appendRange(this.#topSeparators.bytes, 0, this.#topSeparators.length);
    sealBlock(output, start);
  }
}
