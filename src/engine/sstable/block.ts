/**
 * Reads a data block where it lies (layout: block-builder.ts), a map or a buffer; a compressed one in memory of its
 * own.
 *
 * `find` and `seek` search the restart points, then walk entries without putting keys together: while `matched`
 * bytes of the target equal the key before, and that key sorts before the target,
 *
 * - an entry that shares more than `matched` bytes with it differs from the target at the same byte, the same
 *   way, and is passed over;
 * - any other entry begins as the target does, and only its rest is compared.
 *
 * Invariants:
 * 1. The caller has verified the block's checksum. Lengths are checked all the same before they are followed:
 *    nothing outside the block is ever read, and what does not fit throws CORRUPTED_DATA.
 * 2. Nothing is allocated but for a longer key, or a longer compressed block, than any before.
 */
import { compareRanges, copyRange, emptyBytes } from "../../base/bytes.ts";
import { corruption, type StorageError } from "../../base/errors.ts";
import { readUint32 } from "../../base/integers.ts";
import { VarintReader } from "../../base/varint.ts";
import { type EntryKind, entryKinds, isEntryKind, type SequenceNumber } from "../internal-key.ts";
import { decompressContent, uncompressedLength } from "./compression.ts";
import { compressions, maxKeySizeBytes, trailerSizeBytes } from "./format.ts";

const sharesTooMuch = "an entry shares more than the key before it has";
const malformedEntry = "a malformed entry";
/** Sequence numbers of so many bits are put together in 32-bit arithmetic. */
const smallSequenceBits = 28;

export class BlockReader {
  readonly file: string;
  /** The current entry's key after `next` or `seek`, in the first `keyLength` bytes; `find` leaves it alone. */
  key = new Uint8Array(1536);
  keyLength = 0;
  /** Bytes that the current entry takes over from the key before it. */
  sharedLength = 0;
  /** Position of the current entry's value in `bytes`. */
  valueStart = 0;
  valueLength = 0;
  sequence: SequenceNumber = 0;
  kind: EntryKind = entryKinds.value;

  /** Where the block's content lies; positions count from its start. */
  bytes: Uint8Array = emptyBytes;
  /** Of the content, uncompressed. */
  contentLength = 0;
  readonly #header = new VarintReader();
  /** Room for the content of compressed blocks. */
  #own: Uint8Array = emptyBytes;
  /** File offset of the first of `bytes`, or of the whole block where these are its content uncompressed. */
  #base = 0;
  #wasCompressed = false;
  #start = 0;
  #entriesEnd = 0;
  #restartCount = 0;
  #restStart = 0;
  #restLength = 0;
  /** Where the entry after the current one begins. */
  #nextEntry = 0;

  constructor(file: string) {
    this.file = file;
  }

  /** To before the first entry of the block that lies from `start` to `end`, where its trailer ends. */
  open(bytes: Uint8Array, start: number, end: number, baseOffset: number): void {
    const contentEnd = end - trailerSizeBytes;
    if (bytes[contentEnd] === compressions.none) {
      this.#wasCompressed = false;
      this.#openContent(bytes, start, contentEnd, baseOffset);
      return;
    }
    const blockOffset = baseOffset + start;
    const length = uncompressedLength(this.file, blockOffset, bytes, start, contentEnd);
    if (length > this.#own.length) this.#own = new Uint8Array(length);
    decompressContent(this.file, blockOffset, bytes, start, contentEnd, this.#own, 0);
    this.openUncompressed(this.#own, 0, length, blockOffset);
  }

  /** The same for the block at `blockOffset` of the file whose content somebody has decompressed. */
  openUncompressed(bytes: Uint8Array, start: number, end: number, blockOffset: number): void {
    this.#wasCompressed = true;
    this.#openContent(bytes, start, end, blockOffset);
  }

  #openContent(bytes: Uint8Array, start: number, end: number, baseOffset: number): void {
    this.bytes = bytes;
    this.#base = baseOffset;
    this.#start = start;
    const length = end - start;
    this.contentLength = length;
    const restartCount = length < 4 ? 0 : readUint32(bytes, end - 4);
    this.#restartCount = restartCount;
    this.#entriesEnd = end - 4 - 4 * restartCount;
    if (restartCount === 0 || this.#entriesEnd <= start || this.restart(0) !== start) {
      throw this.#corruption(
        start,
        `a block of ${length} bytes cannot have these ${restartCount} restart points`,
      );
    }
    this.#nextEntry = start;
    this.keyLength = 0;
  }

  get restartCount(): number {
    return this.#restartCount;
  }

  /** Position in `bytes` of the entry at a restart point. */
  restart(index: number): number {
    return this.#start + readUint32(this.bytes, this.#entriesEnd + 4 * index);
  }

  /** Position in `bytes` of the entry that `next` goes to. */
  get nextEntry(): number {
    return this.#nextEntry;
  }

  /** File offset of a position in `bytes`; of the block, where that was compressed. */
  offsetOf(position: number): number {
    return this.#wasCompressed ? this.#base : this.#base + position;
  }

  /** To the next entry, with its key put together; false past the last. */
  next(): boolean {
    const position = this.#nextEntry;
    if (position >= this.#entriesEnd) return false;
    this.#decode(position);
    const shared = this.sharedLength;
    if (shared > this.keyLength) throw this.#corruption(position, sharesTooMuch);
    const tail = this.keyLength - shared;
    const order = compareRanges(this.bytes, this.#restStart, this.#restLength, this.key, shared, tail);
    if (order <= 0 && position > this.#start) throw this.#corruption(position, "keys are out of order");
    this.#completeKey(this.key);
    return true;
  }

  /** To the first entry at or after `key`, with its key put together; false where all are before. */
  seek(key: Uint8Array, keyLength: number): boolean {
    if (this.#walkTo(key, keyLength) < 0) return false;
    this.#completeKey(key);
    return true;
  }

  /** To the entry of exactly this key, without its key; false where there is none. */
  find(key: Uint8Array, keyLength: number): boolean {
    return this.#walkTo(key, keyLength) === 0;
  }

  /** Decodes the first entry at or after the target: 0 when equal, positive when after; negative: none. */
  #walkTo(key: Uint8Array, keyLength: number): number {
    const bytes = this.bytes;
    let position = this.#lastRestartUpTo(key, keyLength);
    let matched = 0;
    let lengthBefore = 0;
    while (position < this.#entriesEnd) {
      this.#decode(position);
      const shared = this.sharedLength;
      if (shared > lengthBefore) throw this.#corruption(position, sharesTooMuch);
      if (shared <= matched) {
        const rest = this.#restStart;
        const keyRestLength = keyLength - shared;
        const limit = Math.min(this.#restLength, keyRestLength);
        let equal = 0;
        while (equal < limit && bytes[rest + equal] === key[shared + equal]) equal++;
        if (equal === limit && this.#restLength >= keyRestLength) return this.#restLength - keyRestLength;
        if (equal < limit && bytes[rest + equal]! > key[shared + equal]!) return 1;
        matched = shared + equal;
      }
      lengthBefore = shared + this.#restLength;
      position = this.#nextEntry;
    }
    return -1;
  }

  /** Position of the last restart point at or before the target, or of the first one. */
  #lastRestartUpTo(key: Uint8Array, keyLength: number): number {
    let low = 0;
    let high = this.#restartCount - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      const position = this.restart(middle);
      this.#decode(position);
      if (this.sharedLength !== 0) throw this.#corruption(position, "a restart point's key is not whole");
      const order = compareRanges(this.bytes, this.#restStart, this.#restLength, key, 0, keyLength);
      if (order <= 0) low = middle;
      else high = middle - 1;
    }
    return this.restart(low);
  }

  /** Nearly every entry has a small header, which is read without a call. */
  #decode(position: number): void {
    const bytes = this.bytes;
    let at = position;
    const shared = bytes[at++]!;
    const rest = bytes[at++]!;
    const value = bytes[at++]!;
    let sequence = 0;
    let byte = 0;
    for (let shift = 0; shift < smallSequenceBits; shift += 7) {
      byte = bytes[at++]!;
      sequence |= (byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    if ((shared | rest | value | byte) >= 0x80 || at >= this.#entriesEnd) {
      this.#decodeAny(position);
      return;
    }
    this.sharedLength = shared;
    this.#restLength = rest;
    this.valueLength = value;
    this.sequence = sequence;
    this.#standAt(position, at);
  }

  #decodeAny(position: number): void {
    const header = this.#header.reset(this.bytes, position, this.#entriesEnd);
    this.sharedLength = header.read();
    this.#restLength = header.read();
    this.valueLength = header.read();
    this.sequence = header.read();
    if (!header.ok || header.position >= this.#entriesEnd) throw this.#corruption(position, malformedEntry);
    this.#standAt(position, header.position);
  }

  /** At the entry at `position`, whose numbers are read, and whose kind stands at `kindPosition`. */
  #standAt(position: number, kindPosition: number): void {
    const kind = this.bytes[kindPosition]!;
    this.#restStart = kindPosition + 1;
    this.valueStart = this.#restStart + this.#restLength;
    this.#nextEntry = this.valueStart + this.valueLength;
    if (this.#nextEntry > this.#entriesEnd || !isEntryKind(kind)) {
      throw this.#corruption(position, malformedEntry);
    }
    this.kind = kind;
  }

  /** Puts the current key together from its rest and the first `sharedLength` bytes of `before`. */
  #completeKey(before: Uint8Array): void {
    const shared = this.sharedLength;
    this.keyLength = shared + this.#restLength;
    if (this.keyLength > this.key.length) this.#growKey();
    if (before !== this.key) copyRange(before, 0, shared, this.key, 0);
    copyRange(this.bytes, this.#restStart, this.#restLength, this.key, shared);
  }

  /** Gives the key a larger buffer; the old one keeps its bytes. */
  #growKey(): void {
    if (this.keyLength > maxKeySizeBytes) {
      throw this.#corruption(this.#restStart, `a key of ${this.keyLength} bytes is longer than allowed`);
    }
    this.key = new Uint8Array(Math.min(maxKeySizeBytes, 2 * this.keyLength));
  }

  #corruption(position: number, message: string): StorageError {
    return corruption(this.file, this.offsetOf(position), message);
  }
}
