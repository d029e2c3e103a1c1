/**
 * A table read by ordinary reads, part by part: for what must survive damage and report it (verifying,
 * inspecting), where a map would stop at the first bad part or kill the process on a bad sector.
 */
import { corruption } from "../../base/errors.ts";
import type { File } from "../../platform/file-system.ts";
import type { BlockReader } from "./block.ts";
import { BloomFilter } from "./bloom-filter.ts";
import { blockContent, blockProblem, footerSizeBytes, type PlacedFooter, readFooter } from "./format.ts";
import { type PartitionSource, TableIndex } from "./index.ts";
import { readProperties, type TableProperties } from "./properties.ts";

export class TableFile {
  readonly sizeBytes: number;
  readonly footer: PlacedFooter;
  readonly #file: File;

  /** Reads and checks the footer. The file stays the caller's. */
  constructor(file: File) {
    this.#file = file;
    this.sizeBytes = file.sizeBytes();
    const tailSizeBytes = Math.min(this.sizeBytes, footerSizeBytes);
    const tail = this.#read(this.sizeBytes - tailSizeBytes, this.sizeBytes);
    this.footer = readFooter(file.path, this.sizeBytes, tail);
  }

  get path(): string {
    return this.#file.path;
  }

  filter(): BloomFilter {
    const { filterOffset, indexOffset } = this.footer;
    return new BloomFilter(this.path, filterOffset, this.#content(filterOffset, indexOffset));
  }

  /** Its partitions are read when it comes to them. */
  index(): TableIndex {
    const { filterOffset, indexOffset, propertiesOffset } = this.footer;
    const content = this.#content(indexOffset, propertiesOffset);
    const partitions: PartitionSource = {
      load: (start, end, partition) => partition.set(this.#read(start, end), 0, end - start),
      isMapped: false,
      usesPrefixes: false,
    };
    return new TableIndex(this.path, indexOffset, content, filterOffset, partitions);
  }

  properties(): TableProperties {
    const { propertiesOffset, footerOffset } = this.footer;
    return readProperties(this.path, propertiesOffset, this.#content(propertiesOffset, footerOffset));
  }

  /** Reads and verifies a data block, and opens it. */
  openBlock(index: TableIndex, block: number, into: BlockReader): void {
    const start = index.blockStart(block);
    const bytes = this.#read(start, index.blockEnd(block));
    const problem = blockProblem(bytes, 0, bytes.length);
    if (problem !== undefined) throw corruption(this.path, start, problem);
    into.open(bytes, 0, bytes.length, start);
  }

  #content(start: number, end: number): Uint8Array {
    return blockContent(this.path, start, this.#read(start, end));
  }

  #read(start: number, end: number): Uint8Array {
    const bytes = new Uint8Array(end - start);
    const count = this.#file.readAt(bytes, start);
    if (count < bytes.length)
      throw corruption(this.path, start + count, "the file ends before its last block");
    return bytes;
  }
}
