/**
 * Reads a table through a map of its file: point look-ups and cursors.
 *
 * Opening verifies footer, filter, index and properties; a data block is verified before its first use, which a
 * bitmap remembers, and so is a partition of the index. A look-up goes filter → index → one block, all of them where
 * they lie in the map unless the block is compressed, and allocates nothing.
 *
 * Invariants:
 * 1. The file never changes under the map: tables are written once.
 * 2. Nothing is read through the map after `close`: each entry point asks the map for its bytes first, and that
 *    throws once it is unmapped.
 * 3. What is not as it was written throws CORRUPTED_DATA with file and offset; it is never answered.
 */
import { corruption, StorageError } from "../../base/errors.ts";
import type { FileSystem, MappedFile } from "../../platform/file-system.ts";
import type { EntryCursor, FoundEntry } from "../internal-key.ts";
import { keyPrefixBytes } from "../key-prefixes.ts";
import { TableReadCounters } from "../statistics/read-statistics.ts";
import { BlockReader } from "./block.ts";
import { BlockCache } from "./block-cache.ts";
import { BloomFilter } from "./bloom-filter.ts";
import { type BlockSource, TableCursor } from "./cursor.ts";
import { blockContent, blockProblem, readFooter } from "./format.ts";
import { TableIndex } from "./index.ts";
import type { IndexTopLevel } from "./index-top-level.ts";
import { readProperties, type TableProperties } from "./properties.ts";

type CorruptionListener = (error: StorageError) => void;

export class TableReader implements BlockSource {
  readonly path: string;
  readonly sizeBytes: number;
  readonly properties: TableProperties;
  /** Where the part of the file begins that look-ups in every block use: filter, index but for its partitions, properties. */
  readonly tailOffset: number;
  /** What of that is held in memory of its own, with what makes look-ups in the index fast. */
  readonly heldBytes: number;
  /** What is read here is counted in these; whoever opened the table may put others in their place. */
  counters = new TableReadCounters();
  readonly #map: MappedFile;
  readonly #filter: BloomFilter;
  readonly #index: TableIndex;
  readonly #verifiedBlocks: Uint8Array;
  readonly #block: BlockReader;
  readonly #blocks: BlockCache;
  /** In `#blocks`. */
  readonly #number: number;
  /** Some of its data blocks are. */
  readonly #isCompressed: boolean;
  readonly #corruptionFound: CorruptionListener;

  /**
   * Maps and checks a table; a size other than the expected one is corruption too. A missing file throws the
   * system's error. `corruptionFound` hears of damage found now, and of each damaged data block that somebody meets
   * later. Look-ups decompress into `blocks`. `holdsTail`: filter and index are copied, so that the system cannot throw
   * them out of memory.
   */
  static open(
    files: FileSystem,
    path: string,
    expectedSizeBytes?: number,
    corruptionFound: CorruptionListener = () => {},
    blocks = new BlockCache(0, 0),
    holdsTail = false,
  ): TableReader {
    const map = files.map(path);
    try {
      return new TableReader(map, expectedSizeBytes ?? map.bytes.length, corruptionFound, blocks, holdsTail);
    } catch (error) {
      map.unmap();
      if (error instanceof StorageError && error.code === "CORRUPTED_DATA") corruptionFound(error);
      throw error;
    }
  }

  private constructor(
    map: MappedFile,
    expectedSizeBytes: number,
    corruptionFound: CorruptionListener,
    blocks: BlockCache,
    holdsTail: boolean,
  ) {
    const bytes = map.bytes;
    const path = map.path;
    if (bytes.length !== expectedSizeBytes) {
      throw corruption(path, 0, `the table has ${bytes.length} bytes instead of ${expectedSizeBytes}`);
    }
    const { filterOffset, indexOffset, propertiesOffset, footerOffset } = readFooter(
      path,
      bytes.length,
      bytes,
    );
    map.prefetch(filterOffset, footerOffset - filterOffset);
    const tail = holdsTail
      ? bytes.slice(filterOffset, footerOffset)
      : bytes.subarray(filterOffset, footerOffset);
    const content = (start: number, end: number) =>
      blockContent(path, start, tail.subarray(start - filterOffset, end - filterOffset));
    this.path = path;
    this.sizeBytes = bytes.length;
    this.#map = map;
    this.#filter = new BloomFilter(path, filterOffset, content(filterOffset, indexOffset));
    this.#index = new TableIndex(path, indexOffset, content(indexOffset, propertiesOffset), filterOffset, {
      load: (start, end, partition) => partition.set(map.bytes, start, end - start),
      isMapped: true,
      usesPrefixes: holdsTail,
      corruptionFound,
    });
    this.heldBytes = holdsTail ? tail.length + keyPrefixBytes * this.#index.blockCount : 0;
    this.properties = readProperties(path, propertiesOffset, content(propertiesOffset, footerOffset));
    this.tailOffset = filterOffset;
    this.#verifiedBlocks = new Uint8Array(Math.ceil(this.#index.blockCount / 8));
    this.#block = new BlockReader(path);
    this.#corruptionFound = corruptionFound;
    this.#blocks = blocks;
    this.#number = blocks.addTable();
    this.#isCompressed = this.properties.uncompressedDataBytes !== this.properties.dataSizeBytes;
  }

  /** False: the table certainly does not hold the key. */
  mayContain(key: Uint8Array, keyLength: number): boolean {
    this.#map.bytes;
    if (this.#filter.mayContain(key, 0, keyLength)) return true;
    this.counters.bloomNegatives++;
    return false;
  }

  /**
   * Looks the key up, tombstones included. `found.value` lies in the map or among the decompressed blocks: it holds
   * until the next look-up, in this table or another one, or until `close`.
   */
  get(key: Uint8Array, keyLength: number, found: FoundEntry): boolean {
    if (!this.mayContain(key, keyLength)) return false;
    const block = this.#block;
    const blockNumber = this.#index.findBlock(key, keyLength);
    this.counters.blockReads++;
    this.#enter(blockNumber);
    if (!block.find(key, keyLength)) {
      this.counters.bloomFalsePositives++;
      return false;
    }
    found.value.set(block.bytes, block.valueStart, block.valueLength);
    found.sequence = block.sequence;
    found.kind = block.kind;
    return true;
  }

  /**
   * About how many bytes of the file belong to the keys before this one: those in front of its block, with filter and
   * index shared out over the blocks. Reads the index alone.
   */
  approximateSizeBefore(key: Uint8Array, keyLength: number): number {
    const block = this.findBlock(key, keyLength);
    return Math.round((this.#index.blockStart(block) * this.sizeBytes) / this.dataSizeBytes);
  }

  /** False: a look-up of the key ends here. Counts nothing. */
  passesFilter(key: Uint8Array, keyLength: number): boolean {
    return this.#filter.mayContain(key, 0, keyLength);
  }

  /** Whether a block holds the key. Counts nothing. */
  blockHolds(block: number, key: Uint8Array, keyLength: number): boolean {
    this.#enter(block);
    return this.#block.find(key, keyLength);
  }

  /** File offset of a block's first byte. */
  blockStart(block: number): number {
    return this.#index.blockStart(block);
  }

  /** File offset after a block. */
  blockEnd(block: number): number {
    return this.#index.blockEnd(block);
  }

  /** File offset where the last data block ends. */
  get dataSizeBytes(): number {
    return this.#index.dataSizeBytes;
  }

  /** The index's levels, where it has two: then a part of it has to be in memory before blocks can be asked for. */
  get indexTopLevel(): IndexTopLevel | undefined {
    return this.#index.topLevel;
  }

  /** Whether a range of the file is in memory (`MappedFile.isResident`). */
  isResident(offset: number, length: number): boolean {
    return this.#map.isResident(offset, length);
  }

  /** A cursor that stands nowhere yet; any number may be in use at a time. */
  cursor(): EntryCursor {
    return new TableCursor(this);
  }

  /** Gives the map back; whatever was read from it and not copied is gone. A second call does nothing. */
  close(): void {
    this.#map.unmap();
  }

  get blockCount(): number {
    return this.#index.blockCount;
  }

  /** The map ends once, for good. */
  get generation(): number {
    this.#map.bytes;
    return 0;
  }

  findBlock(key: Uint8Array, keyLength: number): number {
    this.#map.bytes;
    return this.#index.findBlock(key, keyLength);
  }

  /** Verifies the block each time: what a cursor reads may be written on as a new table. */
  openBlock(block: number, into: BlockReader): void {
    this.#verify(block);
    this.counters.scanBlockReads++;
    into.open(this.#map.bytes, this.#index.blockStart(block), this.#index.blockEnd(block), 0);
  }

  /** For look-ups. */
  #enter(blockNumber: number): void {
    if (!this.#isVerified(blockNumber)) this.#verify(blockNumber);
    const start = this.#index.blockStart(blockNumber);
    const end = this.#index.blockEnd(blockNumber);
    const { bytes } = this.#map;
    if (this.#isCompressed) this.#blocks.open(this.#number, blockNumber, bytes, start, end, this.#block);
    else this.#block.open(bytes, start, end, 0);
  }

  #isVerified(block: number): boolean {
    return (this.#verifiedBlocks[block >>> 3]! & (1 << (block & 7))) !== 0;
  }

  #verify(block: number): void {
    const start = this.#index.blockStart(block);
    const problem = blockProblem(this.#map.bytes, start, this.#index.blockEnd(block));
    if (problem !== undefined) {
      const error = corruption(this.path, start, problem);
      this.#corruptionFound(error);
      throw error;
    }
    this.#verifiedBlocks[block >>> 3]! |= 1 << (block & 7);
  }
}
