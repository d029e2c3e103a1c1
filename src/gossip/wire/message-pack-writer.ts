/**
 * Writes the dialect of MessagePack that memberlist speaks: text and bytes alike as "raw", never as `bin` or `str8`,
 * which old peers refuse; whole numbers in the shortest unsigned form.
 */
import { GrowableBytes } from "../../base/growable-bytes.ts";

const encoder = new TextEncoder();

/** The longest string that fits the tag itself. */
const fixRawMaxBytes = 31;

export class MessagePackWriter {
  readonly #target: GrowableBytes;

  constructor(target = new GrowableBytes(128)) {
    this.#target = target;
  }

  writeByte(value: number): void {
    this.#target.appendByte(value);
  }

  /** For maps of fewer than 16 pairs. */
  writeMapHeader(pairCount: number): void {
    this.writeByte(0x80 | pairCount);
  }

  writeNil(): void {
    this.writeByte(0xc0);
  }

  writeBoolean(value: boolean): void {
    this.writeByte(value ? 0xc3 : 0xc2);
  }

  /** A whole number below 2^32. */
  writeUnsigned(value: number): void {
    if (value < 0x80) {
      this.writeByte(value);
      return;
    }
    const length = value < 0x100 ? 1 : value < 0x10000 ? 2 : 4;
    this.writeByte(length === 1 ? 0xcc : length === 2 ? 0xcd : 0xce);
    this.writeBigEndian(value, length);
  }

  writeBytes(bytes: Uint8Array): void {
    if (bytes.length <= fixRawMaxBytes) this.writeByte(0xa0 | bytes.length);
    else {
      const isShort = bytes.length < 0x10000;
      this.writeByte(isShort ? 0xda : 0xdb);
      this.writeBigEndian(bytes.length, isShort ? 2 : 4);
    }
    this.writeVerbatim(bytes);
  }

  writeText(text: string): void {
    this.writeBytes(encoder.encode(text));
  }

  /** The bytes themselves, without a tag or a length. */
  writeVerbatim(bytes: Uint8Array): void {
    this.#target.appendRange(bytes, 0, bytes.length);
  }

  writeBigEndian(value: number, length: number): void {
    for (let shift = 8 * (length - 1); shift >= 0; shift -= 8) this.writeByte((value >>> shift) & 0xff);
  }

  /** A copy of what was written. */
  finish(): Uint8Array {
    return this.#target.bytes.slice(0, this.#target.length);
  }
}
