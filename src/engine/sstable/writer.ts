/**
 * Writes a table from entries in ascending order of their keys, front to back, in one pass.
 *
 * Blocks grow at the end of one buffer, which goes to the file whenever it holds `chunkSizeBytes`. Per entry
 * there stay eight bytes of hashes for the filter, per data block a row of the index.
 *
 * Invariants:
 * 1. Keys ascend strictly, so a table holds at most one entry for a key.
 * 2. `sizeBytes` is at least what the file would measure if the table were finished now, and exactly that but for what
 *    the open block may still gain by compression.
 * 3. A table is finished or worthless: its footer is written last.
 */
import { emptyBytes, type Slice } from "../../base/bytes.ts";
import { assert, StorageError } from "../../base/errors.ts";
import { GrowableBytes } from "../../base/growable-bytes.ts";
import type { File } from "../../platform/file-system.ts";
import { type EntryKind, entryKinds, type SequenceNumber } from "../internal-key.ts";
import type { TableOptions } from "../options.ts";
import { BlockBuilder } from "./block-builder.ts";
import { BloomFilterBuilder } from "./bloom-filter.ts";
import { appendFooter, checkEntrySize, footerSizeBytes, maxTableSizeBytes } from "./format.ts";
import { IndexBuilder } from "./index-builder.ts";
import { appendProperties, propertiesSizeBytes } from "./properties.ts";

/** What a finished table holds: the material of a manifest edit. */
export interface TableSummary {
  readonly sizeBytes: number;
  readonly entryCount: number;
  readonly tombstoneCount: number;
  readonly smallestKey: Uint8Array;
  readonly largestKey: Uint8Array;
  readonly smallestSequence: SequenceNumber;
  readonly largestSequence: SequenceNumber;
  /** What the file would measure had no block been compressed. */
  readonly uncompressedSizeBytes: number;
  /** Unix milliseconds: all tombstones in the table are older. */
  readonly createdAtMs: number;
}

const chunkSizeBytes = 256 * 1024;
/** More than the lengths, numbers, rows and filter bits of one entry come to, its key and value aside. */
const entryOverheadBytes = 128;

/** The file stays the caller's: it closes it, and removes it where the table is not finished. */
export class TableWriter {
  readonly #file: File;
  readonly #options: TableOptions;
  readonly #createdAtMs: number;
  readonly #output = new GrowableBytes(2 * chunkSizeBytes);
  readonly #block: BlockBuilder;
  readonly #index: IndexBuilder;
  readonly #filter: BloomFilterBuilder;
  readonly #lastKey = new GrowableBytes(1536);
  #smallestKey: Uint8Array = emptyBytes;
  #smallestSequence: SequenceNumber = Number.MAX_SAFE_INTEGER;
  #largestSequence: SequenceNumber = 0;
  #entryCount = 0;
  #tombstoneCount = 0;
  /** By compression, in the closed data blocks. */
  #savedBytes = 0;
  /** Bytes that the file has already. */
  #writtenBytes = 0;
  /** At least so much may be added. */
  #roomBytes = 0;
  #finished = false;

  /** Over an empty file. `createdAtMs`: Unix milliseconds, for the table's properties. */
  constructor(file: File, options: TableOptions, createdAtMs: number) {
    this.#file = file;
    this.#options = options;
    this.#createdAtMs = Math.floor(createdAtMs);
    this.#block = new BlockBuilder(this.#output, options);
    this.#index = new IndexBuilder(options.indexPartitionBytes);
    this.#filter = new BloomFilterBuilder(options.bloomFalsePositiveRate);
  }

  /** The most that the file would measure if the table were finished now. */
  get sizeBytes(): number {
    if (this.#finished) return this.#writtenBytes;
    return (
      this.#offset +
      this.#block.closingSizeBytes +
      this.#filter.sizeBytes +
      this.#index.sizeBytes +
      propertiesSizeBytes(this.#smallestKey.length, this.#lastKey.length, this.#maySave) +
      footerSizeBytes
    );
  }

  /**
   * Adds an entry, whose key sorts after all before; key and value are copied. Throws KEY_TOO_LARGE,
   * VALUE_TOO_LARGE, or SSTABLE_FAILED where the table would grow past 4 GiB; nothing is added then.
   */
  add(key: Slice, sequence: SequenceNumber, kind: EntryKind, value: Slice): void {
    assert(!this.#finished, "an entry for a finished table");
    this.#checkSizes(key.length, value.length);
    const shared = this.#sharedWithLastKey(key);
    const entrySize = key.length + value.length;
    if (!this.#block.isEmpty && entrySize >= this.#options.blockSizeBytes) this.#closeBlock();
    if (this.#block.isEmpty) {
      this.#index.beginBlock(key.bytes, key.start, this.#entryCount === 0 ? 0 : shared + 1);
    }
    this.#block.add(key, shared, sequence, kind, value);
    this.#filter.add(key.bytes, key.start, key.length);
    this.#count(key, shared, sequence, kind);
    if (this.#block.entriesSizeBytes >= this.#options.blockSizeBytes) this.#closeBlock();
  }

  /** Writes the rest and syncs the file; syncing its directory is the caller's. At least one entry was added. */
  async finish(): Promise<TableSummary> {
    assert(!this.#finished && this.#entryCount > 0, "a table is finished once, with at least one entry");
    if (!this.#block.isEmpty) this.#closeBlock();
    const summary = this.#summary();
    this.#finished = true;
    const output = this.#output;
    const dataSizeBytes = this.#offset;
    const uncompressedDataBytes = dataSizeBytes + this.#savedBytes;
    this.#index.appendPartitions(output);
    const filterOffset = this.#offset;
    this.#filter.appendTo(output);
    const indexOffset = this.#offset;
    this.#index.appendTo(output);
    const propertiesOffset = this.#offset;
    appendProperties(output, { ...summary, dataSizeBytes, uncompressedDataBytes });
    appendFooter(output, { filterOffset, indexOffset, propertiesOffset });
    this.#flush();
    assert(this.#writtenBytes === summary.sizeBytes, "a table's size differs from what was announced");
    await this.#file.sync();
    return summary;
  }

  /** Whether a data block is compressed, or may be when it is closed. */
  get #maySave(): boolean {
    return this.#savedBytes > 0 || (!this.#block.isEmpty && this.#options.compression !== "none");
  }

  /** File offset of the next byte of output. */
  get #offset(): number {
    return this.#writtenBytes + this.#output.length;
  }

  /** Counts what the entry takes of the table's room, at most; the table's size is put together only where that is short. */
  #checkSizes(keyLength: number, valueLength: number): void {
    checkEntrySize(keyLength, valueLength);
    // The key may count three times: in its block, as a separator and as the largest key.
    const mostBytes = 3 * keyLength + valueLength + entryOverheadBytes;
    if (mostBytes > this.#roomBytes) this.#roomBytes = maxTableSizeBytes - this.sizeBytes;
    if (mostBytes > this.#roomBytes) {
      const { path } = this.#file;
      throw new StorageError(
        "SSTABLE_FAILED",
        `${path}: the table is full: it may not grow past ${maxTableSizeBytes} bytes`,
        { file: path },
      );
    }
    this.#roomBytes -= mostBytes;
  }

  /** Length of the prefix that the key has in common with the one before, which it must sort after. */
  #sharedWithLastKey(key: Slice): number {
    const last = this.#lastKey.bytes;
    const lastLength = this.#lastKey.length;
    const limit = Math.min(lastLength, key.length);
    let shared = 0;
    while (shared < limit && last[shared] === key.bytes[key.start + shared]) shared++;
    const ascends =
      this.#entryCount === 0 ||
      (shared === limit ? key.length > lastLength : key.bytes[key.start + shared]! > last[shared]!);
    assert(ascends, "a table's keys ascend strictly");
    return shared;
  }

  #count(key: Slice, shared: number, sequence: SequenceNumber, kind: EntryKind): void {
    if (this.#entryCount === 0) this.#smallestKey = key.copy();
    this.#lastKey.length = shared;
    this.#lastKey.appendRange(key.bytes, key.start + shared, key.length - shared);
    this.#smallestSequence = Math.min(this.#smallestSequence, sequence);
    this.#largestSequence = Math.max(this.#largestSequence, sequence);
    this.#entryCount++;
    if (kind === entryKinds.tombstone) this.#tombstoneCount++;
  }

  #closeBlock(): void {
    this.#savedBytes += this.#block.finish();
    this.#index.endBlock(this.#offset);
    if (this.#output.length >= chunkSizeBytes) this.#flush();
  }

  #flush(): void {
    this.#file.writeAt(this.#output.bytes.subarray(0, this.#output.length), this.#writtenBytes);
    this.#writtenBytes += this.#output.length;
    this.#output.clear();
  }

  #summary(): TableSummary {
    return {
      sizeBytes: this.sizeBytes,
      entryCount: this.#entryCount,
      tombstoneCount: this.#tombstoneCount,
      smallestKey: this.#smallestKey,
      largestKey: this.#lastKey.bytes.slice(0, this.#lastKey.length),
      smallestSequence: this.#smallestSequence,
      largestSequence: this.#largestSequence,
      uncompressedSizeBytes: this.sizeBytes + this.#savedBytes,
      createdAtMs: this.#createdAtMs,
    };
  }
}
