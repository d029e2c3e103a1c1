/** The part of a file that is in memory while the file is read from front to back; a chunk is read at a time. */
import { corruption, messageOf } from "../../base/errors.ts";
import type { File } from "../../platform/file-system.ts";

const chunkBytes = 1 << 20;

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
