/**
 * Reads the dialect of MessagePack that memberlist speaks.
 *
 * Strings and byte strings share one family there ("raw"), so every such value is read as bytes, and only what is known
 * to be text becomes text. `bin` and `str8` are accepted, though memberlist never writes them.
 *
 * Invariants:
 * 1. Nothing throws, and nothing is read or allocated beyond the bytes that are there: a length that lies makes the
 *    reader fail.
 * 2. A failure stays: every later read gives an empty value, so callers look once, at the end.
 * 3. `short` means that more bytes could make it whole, `malformed` that none could.
 */
import { emptyBytes } from "../../base/bytes.ts";
import { readUtf8 } from "../../base/utf8.ts";

export type ReadFailure = "short" | "malformed";

/** Values inside values that are skipped; memberlist's messages have none. */
const maxSkippedDepth = 8;

export class MessagePackReader {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  #position: number;
  #failure: ReadFailure | undefined;

  constructor(bytes: Uint8Array, position = 0, end = bytes.length) {
    this.#bytes = bytes;
    this.#position = position;
    this.#end = end;
  }

  /** Of the next byte to read. */
  get position(): number {
    return this.#position;
  }

  get failure(): ReadFailure | undefined {
    return this.#failure;
  }

  fail(failure: ReadFailure = "malformed"): void {
    this.#failure ??= failure;
  }

  /** The number of pairs that follow. */
  readMapHeader(): number {
    const tag = this.readByte();
    if ((tag & 0xf0) === 0x80) return tag & 0x0f;
    if (tag === 0xde) return this.#readBigEndian(2);
    if (tag === 0xdf) return this.#readBigEndian(4);
    this.fail();
    return 0;
  }

  /** A whole number from 0 to `max`, in any of the forms that hold it. */
  readUnsigned(max: number): number {
    const tag = this.readByte();
    const value = tag < 0x80 ? tag : this.#readNumber(tag);
    if (value >= 0 && value <= max) return value;
    this.fail();
    return 0;
  }

  readBoolean(): boolean {
    const tag = this.readByte();
    if (tag === 0xc3 || tag === 0x01) return true;
    if (tag !== 0xc2 && tag !== 0x00) this.fail();
    return false;
  }

  /** A copy that its receiver owns; nil is the empty string. */
  readBytes(maxBytes: number): Uint8Array {
    const length = this.#readRawLength(maxBytes);
    const start = this.#position;
    if (!this.#skip(length) || length === 0) return emptyBytes;
    return this.#bytes.slice(start, start + length);
  }

  /** Like `readBytes`, for UTF-8. */
  readText(maxBytes: number): string {
    const length = this.#readRawLength(maxBytes);
    const start = this.#position;
    if (!this.#skip(length)) return "";
    const text = readUtf8(this.#bytes, start, length);
    if (text === undefined) this.fail();
    return text ?? "";
  }

  /** Passes over one value of any kind. */
  skipValue(depth = 0): void {
    if (depth > maxSkippedDepth) this.fail();
    if (this.#failure !== undefined) return;
    const tag = this.readByte();
    if (tag < 0x80 || tag >= 0xe0 || tag === 0xc0 || tag === 0xc2 || tag === 0xc3) return;
    const childCount = this.#childCountOf(tag);
    if (childCount === undefined) {
      this.#skip(this.#scalarLengthOf(tag));
      return;
    }
    // Each child takes a byte or more, so a count that lies ends at the end of the bytes.
    for (let i = 0; i < childCount && this.#failure === undefined; i++) this.skipValue(depth + 1);
  }

  /** 0 where there is none left. */
  readByte(): number {
    const start = this.#position;
    return this.#skip(1) ? this.#bytes[start]! : 0;
  }

  /** False, and failed, where fewer bytes are left. */
  #skip(length: number): boolean {
    if (this.#failure !== undefined) return false;
    if (length > this.#end - this.#position) {
      this.fail("short");
      return false;
    }
    this.#position += length;
    return true;
  }

  #readRawLength(maxBytes: number): number {
    const tag = this.readByte();
    if (this.#failure !== undefined || tag === 0xc0) return 0;
    const length = this.#rawLengthOf(tag);
    if (length === undefined || length > maxBytes) this.fail();
    return this.#failure === undefined ? (length ?? 0) : 0;
  }

  /** Of a string of text or bytes; `undefined` for other tags. */
  #rawLengthOf(tag: number): number | undefined {
    if ((tag & 0xe0) === 0xa0) return tag & 0x1f;
    if (tag === 0xd9 || tag === 0xc4) return this.#readBigEndian(1);
    if (tag === 0xda || tag === 0xc5) return this.#readBigEndian(2);
    if (tag === 0xdb || tag === 0xc6) return this.#readBigEndian(4);
    return undefined;
  }

  /** Of an array or map; `undefined` for other tags. */
  #childCountOf(tag: number): number | undefined {
    if ((tag & 0xf0) === 0x90) return tag & 0x0f;
    if ((tag & 0xf0) === 0x80) return 2 * (tag & 0x0f);
    if (tag === 0xdc) return this.#readBigEndian(2);
    if (tag === 0xdd) return this.#readBigEndian(4);
    if (tag === 0xde) return 2 * this.#readBigEndian(2);
    if (tag === 0xdf) return 2 * this.#readBigEndian(4);
    return undefined;
  }

  /** Bytes that follow the tag, and the length after it, of numbers, strings and extensions. */
  #scalarLengthOf(tag: number): number {
    const rawLength = this.#rawLengthOf(tag);
    if (rawLength !== undefined) return rawLength;
    if (tag === 0xca || tag === 0xcb) return tag === 0xca ? 4 : 8;
    if (tag >= 0xcc && tag <= 0xd3) return 1 << (tag & 0x03);
    if (tag >= 0xd4 && tag <= 0xd8) return 1 + (1 << (tag - 0xd4));
    if (tag >= 0xc7 && tag <= 0xc9) return 1 + this.#readBigEndian(1 << (tag - 0xc7));
    this.fail();
    return 0;
  }

  /** What follows an integer's tag; -1 for what is no whole number of at most 2^53. */
  #readNumber(tag: number): number {
    if (tag < 0xcc || tag > 0xd3) return -1;
    const length = 1 << (tag & 0x03);
    const isNegative = tag >= 0xd0 && (this.#bytes[this.#position] ?? 0) >= 0x80;
    const value = this.#readBigEndian(length);
    return isNegative || !Number.isSafeInteger(value) ? -1 : value;
  }

  #readBigEndian(length: number): number {
    const start = this.#position;
    if (!this.#skip(length)) return 0;
    let value = 0;
    for (let i = 0; i < length; i++) value = value * 256 + this.#bytes[start + i]!;
    return value;
  }
}
