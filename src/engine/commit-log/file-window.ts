/**
 * The part of a file that is in memory while the file is read from front to back; a chunk is read at a time. Long
 * stretches are searched by the runtime's own code: preallocated space is megabytes of zeros.
 */
import { corruption, messageOf } from "../../base/errors.ts";
import type { File } from "../../platform/file-system.ts";

const chunkBytes = 1 << 20;
let zeroChunk: Uint8Array | undefined;

function isZero(chunk: Uint8Array, start: number, end: number): boolean {
  zeroChunk ??= new Uint8Array(chunkBytes);
  return Buffer.prototype.compare.call(chunk, zeroChunk, 0, end - start, start, end) === 0;
}

/** Some byte is not zero. */
function afterLastNonZero(chunk: Uint8Array): number {
  let low = 0;
  let high = chunk.length;
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if (isZero(chunk, middle, high)) high = middle;
    else low = middle;
  }
  return high;
}

export class FileWindow {
  readonly sizeBytes: number;
  /** Changes, and moves, with every `load`. */
  bytes = new Uint8Array(0);
  readonly #file: File;
  #start = 0;
  #length = 0;

  /** The file's size is taken now, and must not shrink. */
  constructor(file: File) {
    this.#file = file;
    this.sizeBytes = file.sizeBytes();
  }

  /** Brings a range of the file, which must not reach beyond its end, into `bytes`; returns where it starts there. */
  load(offset: number, length: number): number {
    if (offset < this.#start || offset + length > this.#start + this.#length) this.#move(offset, length);
    return offset - this.#start;
  }

  /** Where `needle` first begins at or after `offset`; `undefined` for nowhere. */
  indexOf(needle: Uint8Array, offset: number): number | undefined {
    for (let at = offset; at + needle.length <= this.sizeBytes; ) {
      const length = Math.min(chunkBytes, this.sizeBytes - at);
      const chunk = this.#view(at, length);
      const found = Buffer.prototype.indexOf.call(chunk, needle);
      if (found >= 0) return at + found;
      at += length - needle.length + 1;
    }
    return undefined;
  }

  /** The offset after the last byte from `offset` on that is not zero; `offset` where all are. */
  contentEnd(offset: number): number {
    for (let end = this.sizeBytes; end > offset; ) {
      const length = Math.min(chunkBytes, end - offset);
      const chunk = this.#view(end - length, length);
      if (!isZero(chunk, 0, length)) return end - length + afterLastNonZero(chunk);
      end -= length;
    }
    return offset;
  }

  #view(offset: number, length: number): Uint8Array {
    const start = this.load(offset, length);
    return this.bytes.subarray(start, start + length);
  }

  #move(offset: number, length: number): void {
    const wanted = Math.min(Math.max(length, chunkBytes), this.sizeBytes - offset);
    const kept = this.#keepFrom(offset, wanted);
    this.#start = offset;
    this.#length = wanted;
    const target = this.bytes.subarray(kept, wanted);
    if (this.#read(target, offset + kept) < target.length) {
      throw corruption(this.#file.path, offset + kept, "the file became shorter while it was read");
    }
  }

  /** Makes room for `wanted` bytes from `offset` on; returns how many of them are there already. */
  #keepFrom(offset: number, wanted: number): number {
    const from = offset - this.#start;
    const kept = from >= 0 && from < this.#length ? Math.min(this.#length - from, wanted) : 0;
    const source = this.bytes;
    if (source.length < wanted) this.bytes = new Uint8Array(wanted);
    if (kept > 0) this.bytes.set(source.subarray(from, from + kept));
    return kept;
  }

  #read(target: Uint8Array, offset: number): number {
    try {
      return this.#file.readAt(target, offset);
    } catch (error) {
      this.#length = 0;
      throw corruption(this.#file.path, offset, `cannot be read: ${messageOf(error)}`);
    }
  }
}
