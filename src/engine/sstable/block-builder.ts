/**
 * Builds a data block at the end of an output.
 *
 *     entry … entry   restart offset (uint32) …   number of restarts (uint32)   trailer
 *
 * All before the trailer is the block's content, which closing the block may compress.
 *
 * An entry:
 *
 *     varint  length of the prefix shared with the key before
 *     varint  length of the rest of the key
 *     varint  length of the value
 *     varint  sequence number
 *     uint8   kind
 *             rest of the key, value
 *
 * Every `restartInterval` entries a key is stored whole (its shared length is 0) and the entry's offset in the
 * block is noted: readers search these restart points, then go on entry by entry.
 *
 * Invariant: except at restart points the shared prefix is the longest one, so that in ascending keys the first
 * byte of the rest decides their order.
 */
import { copyRange, type Slice } from "../../base/bytes.ts";
import { GrowableBytes } from "../../base/growable-bytes.ts";
import { maxVarintBytes, writeVarint } from "../../base/varint.ts";
import type { EntryKind, SequenceNumber } from "../internal-key.ts";
import { compressContent } from "./compression.ts";
import { type Compression, sealBlock, trailerSizeBytes } from "./format.ts";

/** What stands before an entry's key: four varints and the kind. */
const entryHeaderMaxBytes = 4 * maxVarintBytes + 1;

export interface BlockOptions {
  readonly restartIntervalEntries: number;
  readonly compression: Compression;
  readonly zstdLevel: number;
}

export class BlockBuilder {
  readonly #output: GrowableBytes;
  readonly #options: BlockOptions;
  readonly #restarts = new GrowableBytes(1024);
  #start = 0;
  #entryCount = 0;

  constructor(output: GrowableBytes, options: BlockOptions) {
    this.#output = output;
    this.#options = options;
  }

  get isEmpty(): boolean {
    return this.#entryCount === 0;
  }

  /** The most that closing the block would add to the output: its restart points and trailer. */
  get closingSizeBytes(): number {
    return this.isEmpty ? 0 : this.#restarts.length + 4 + trailerSizeBytes;
  }

  /** Bytes of the entries so far. */
  get entriesSizeBytes(): number {
    return this.isEmpty ? 0 : this.#output.length - this.#start;
  }

  /** `sharedLength`: the prefix that the key has in common with the one before, in whatever block. */
  add(key: Slice, sharedLength: number, sequence: SequenceNumber, kind: EntryKind, value: Slice): void {
    const output = this.#output;
    if (this.isEmpty) this.#start = output.length;
    let shared = sharedLength;
    if (this.#entryCount % this.#options.restartIntervalEntries === 0) {
      this.#restarts.appendUint32(output.length - this.#start);
      shared = 0;
    }
    output.reserve(entryHeaderMaxBytes + key.length + value.length);
    const { bytes } = output;
    let position = writeVarint(bytes, output.length, shared);
    position = writeVarint(bytes, position, key.length - shared);
    position = writeVarint(bytes, position, value.length);
    position = writeVarint(bytes, position, sequence);
    bytes[position++] = kind;
    copyRange(key.bytes, key.start + shared, key.length - shared, bytes, position);
    position += key.length - shared;
    copyRange(value.bytes, value.start, value.length, bytes, position);
    output.length = position + value.length;
    this.#entryCount++;
  }

  /** Closes the block and returns how many bytes compression has saved; the next `add` begins another. */
  finish(): number {
    const output = this.#output;
    const { compression, zstdLevel } = this.#options;
    output.appendRange(this.#restarts.bytes, 0, this.#restarts.length);
    output.appendUint32(this.#restarts.length / 4);
    const uncompressedEnd = output.length;
    const stored = compressContent(output, this.#start, compression, zstdLevel);
    const savedBytes = uncompressedEnd - output.length;
    sealBlock(output, this.#start, stored);
    this.#restarts.clear();
    this.#entryCount = 0;
    return savedBytes;
  }
}
