/**
 * Verifies a table by ordinary reads and goes on past what is wrong, to find its extent.
 *
 * Every checksum; the keys' order within and across blocks; restart points; each separator against the keys
 * beside it; every key in the filter; the properties against what the data blocks hold.
 */
import { compareBytes, compareRanges } from "../../base/bytes.ts";
import { errnoOf, messageOf, StorageError } from "../../base/errors.ts";
import type { File, FileSystem } from "../../platform/file-system.ts";
import type { Finding } from "../finding.ts";
import { entryKinds } from "../internal-key.ts";
import { BlockReader } from "./block.ts";
import type { BloomFilter } from "./bloom-filter.ts";
import { trailerSizeBytes } from "./format.ts";
import type { TableIndex } from "./index.ts";
import type { TableProperties } from "./properties.ts";
import { TableFile } from "./table-file.ts";

/** Called after each block; both are bytes of data blocks. */
export type VerifyProgress = (doneBytes: number, totalBytes: number) => void;

/** What is wrong with a table, nothing if it is whole. Throws only what the file system throws. */
export function verifyTable(files: FileSystem, path: string, onProgress?: VerifyProgress): Finding[] {
  const file = files.open(path, "read");
  try {
    const verification = new Verification(file, onProgress);
    verification.run();
    return verification.findings;
  } finally {
    file.close();
  }
}

class Verification {
  readonly findings: Finding[] = [];
  readonly #file: File;
  readonly #onProgress: VerifyProgress | undefined;
  #filter: BloomFilter | undefined;
  #entryCount = 0;
  #tombstoneCount = 0;
  #uncompressedDataBytes = 0;
  #smallestSequence = Number.MAX_SAFE_INTEGER;
  #largestSequence = 0;
  #smallestKey: Uint8Array | undefined;
  /** Of the last block that could be read to its end. */
  #lastKey: Uint8Array | undefined;

  constructor(file: File, onProgress: VerifyProgress | undefined) {
    this.#file = file;
    this.#onProgress = onProgress;
  }

  run(): void {
    const table = this.#attempt(0, () => new TableFile(this.#file));
    if (table === undefined) return;
    const { filterOffset, indexOffset, propertiesOffset } = table.footer;
    this.#filter = this.#attempt(filterOffset, () => table.filter());
    const properties = this.#attempt(propertiesOffset, () => table.properties());
    const index = this.#attempt(indexOffset, () => table.index());
    if (index === undefined) return;
    const allReadable = this.#checkBlocks(table, index);
    // Counts and ranges say nothing where a block is missing from them.
    if (allReadable && properties !== undefined) this.#checkProperties(table, index, properties);
  }

  /** True if every block could be read to its end. */
  #checkBlocks(table: TableFile, index: TableIndex): boolean {
    const { topLevel } = index;
    if (topLevel === undefined) return this.#checkRun(table, index, 0, index.blockCount);
    let allReadable = true;
    for (let partition = 0; partition < topLevel.partitionCount; partition++) {
      const readable = this.#attempt(topLevel.start(partition), () => {
        index.openPartition(partition);
        return true;
      });
      const first = topLevel.firstBlock(partition);
      const end = topLevel.blocksEnd(partition);
      if (readable === undefined || !this.#checkRun(table, index, first, end)) allReadable = false;
    }
    return allReadable;
  }

  /** The same for a run of blocks that the index knows. */
  #checkRun(table: TableFile, index: TableIndex, first: number, end: number): boolean {
    const block = new BlockReader(this.#file.path);
    let allReadable = true;
    for (let number = first; number < end; number++) {
      const readable = this.#attempt(index.blockStart(number), () => {
        table.openBlock(index, number, block);
        this.#checkBlock(index, number, block);
        return true;
      });
      if (readable === undefined) allReadable = false;
      this.#onProgress?.(index.blockEnd(number), index.dataSizeBytes);
    }
    return allReadable;
  }

  #checkBlock(index: TableIndex, number: number, block: BlockReader): void {
    const offset = index.blockStart(number);
    this.#uncompressedDataBytes += block.contentLength + trailerSizeBytes;
    let restart = 0;
    for (let position = block.nextEntry; block.next(); position = block.nextEntry) {
      if (position === 0) this.#checkBorder(index, number, block);
      const isRestart = restart < block.restartCount && block.restart(restart) === position;
      if (isRestart && block.sharedLength === 0) restart++;
      this.#count(block);
      if (this.#filter?.mayContain(block.key, 0, block.keyLength) === false) {
        this.#report(block.offsetOf(position), "the filter does not know the entry's key");
      }
    }
    if (restart < block.restartCount) {
      this.#report(offset, `restart point ${restart} is not where an entry with a whole key begins`);
    }
    this.#lastKey = block.key.slice(0, block.keyLength);
  }

  /** At a block's first entry: its key, the separator, and the last key of the block before. */
  #checkBorder(index: TableIndex, number: number, block: BlockReader): void {
    const { key, keyLength } = block;
    const separator = index.separator(number);
    const last = this.#lastKey;
    const offset = index.blockStart(number);
    if (compareRanges(separator, 0, separator.length, key, 0, keyLength) > 0) {
      this.#report(offset, "the block's first key sorts before its separator in the index");
    }
    if (number === 0) {
      if (separator.length > 0) this.#report(offset, "the first block's separator is not empty");
      this.#smallestKey = key.slice(0, keyLength);
    } else if (last !== undefined && compareBytes(last, separator) >= 0) {
      this.#report(offset, "the block's separator does not sort after the key before it");
    }
  }

  #count(block: BlockReader): void {
    this.#entryCount++;
    if (block.kind === entryKinds.tombstone) this.#tombstoneCount++;
    this.#smallestSequence = Math.min(this.#smallestSequence, block.sequence);
    this.#largestSequence = Math.max(this.#largestSequence, block.sequence);
  }

  #checkProperties(table: TableFile, index: TableIndex, properties: TableProperties): void {
    const offset = table.footer.propertiesOffset;
    const facts: [string, number, number][] = [
      ["number of entries", properties.entryCount, this.#entryCount],
      ["number of tombstones", properties.tombstoneCount, this.#tombstoneCount],
      ["smallest sequence number", properties.smallestSequence, this.#smallestSequence],
      ["largest sequence number", properties.largestSequence, this.#largestSequence],
      ["size of the data blocks", properties.dataSizeBytes, index.dataSizeBytes],
      ["size of the data blocks uncompressed", properties.uncompressedDataBytes, this.#uncompressedDataBytes],
    ];
    for (const [what, stated, actual] of facts) {
      if (stated !== actual) this.#report(offset, `${what}: the properties say ${stated}, it is ${actual}`);
    }
    const keys: [string, Uint8Array, Uint8Array][] = [
      ["smallest key", properties.smallestKey, this.#smallestKey!],
      ["largest key", properties.largestKey, this.#lastKey!],
    ];
    for (const [what, stated, actual] of keys) {
      if (compareBytes(stated, actual) !== 0)
        this.#report(offset, `${what}: the properties name another one`);
    }
  }

  /** Turns what the part at `offset` throws, damaged or unreadable, into a finding. */
  #attempt<Result>(offset: number, step: () => Result): Result | undefined {
    try {
      return step();
    } catch (error) {
      if (!(error instanceof StorageError) && errnoOf(error) === undefined) throw error;
      const at = (error instanceof StorageError ? error.offset : undefined) ?? offset;
      // A finding says where by itself; the message need not repeat it.
      this.#report(at, messageOf(error).replace(`${this.#file.path} at byte ${at}: `, ""));
      return undefined;
    }
  }

  #report(offset: number, message: string): void {
    this.findings.push({ file: this.#file.path, offset, message });
  }
}
