/** A byte string under construction: appends grow it, `clear` keeps its room for the next one. */
import { copyRange } from "./bytes.ts";
import { writeUint32, writeUint64 } from "./integers.ts";
import { maxVarintBytes, writeVarint } from "./varint.ts";

export class GrowableBytes {
  /** The first `length` bytes count; appending may replace the array. */
  bytes: Uint8Array;
  length = 0;

  constructor(roomBytes: number) {
    this.bytes = new Uint8Array(roomBytes);
  }

  /** Makes room for `extraBytes` more, at least doubling where it is too small. */
  reserve(extraBytes: number): void {
    const needed = this.length + extraBytes;
    if (needed <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(needed, 2 * this.bytes.length));
    grown.set(this.bytes.subarray(0, this.length));
    this.bytes = grown;
  }

  appendRange(source: Uint8Array, start: number, length: number): void {
    this.reserve(length);
    copyRange(source, start, length, this.bytes, this.length);
    this.length += length;
  }

  appendByte(value: number): void {
    this.reserve(1);
    this.bytes[this.length++] = value;
  }

  appendVarint(value: number): void {
    this.reserve(maxVarintBytes);
    this.length = writeVarint(this.bytes, this.length, value);
  }

  appendUint32(value: number): void {
    this.reserve(4);
    writeUint32(this.bytes, this.length, value);
    this.length += 4;
  }

  appendUint64(value: number): void {
    this.reserve(8);
    writeUint64(this.bytes, this.length, value);
    this.length += 8;
  }

  clear(): void {
    this.length = 0;
  }
}
