/**
 * LZW as Go's `compress/lzw` writes it: codes packed from the low bit up, literals of 8 bits.
 *
 *   codes      0 to 255 literals, 256 clear, 257 end, from 258 on the table
 *   width      9 bits after a clear, one more each time the next code to define needs it, at most 12
 *   stream     clear, codes, end; the last byte is filled up with zeros
 *
 * The encoder clears the table before code 4095 would be defined; the decoder takes streams that go on without.
 */
import { GrowableBytes } from "../../base/growable-bytes.ts";

const clearCode = 256;
const endCode = 257;
const minWidthBits = 9;
const maxWidthBits = 12;
const tableLength = 1 << maxWidthBits;

class CodeWriter {
  readonly output: GrowableBytes;
  #bits = 0;
  #bitCount = 0;

  constructor(roomBytes: number) {
    this.output = new GrowableBytes(roomBytes);
  }

  write(code: number, widthBits: number): void {
    this.#bits |= code << this.#bitCount;
    this.#bitCount += widthBits;
    while (this.#bitCount >= 8) {
      this.output.appendByte(this.#bits & 0xff);
      this.#bits >>>= 8;
      this.#bitCount -= 8;
    }
  }

  finish(): Uint8Array {
    if (this.#bitCount > 0) this.output.appendByte(this.#bits);
    return this.output.bytes.slice(0, this.output.length);
  }
}

export function compress(source: Uint8Array): Uint8Array {
  const writer = new CodeWriter(source.length + 16);
  // From a code and the byte after it to the code of both.
  const codes = new Map<number, number>();
  let highest = endCode;
  let widthBits = minWidthBits;

  /** Writes a code and takes the next one into use; false where that was the last, and the table begins anew. */
  function emit(code: number): boolean {
    writer.write(code, widthBits);
    highest++;
    if (highest === 1 << widthBits) widthBits++;
    if (highest !== tableLength - 1) return true;
    writer.write(clearCode, widthBits);
    widthBits = minWidthBits;
    highest = endCode;
    codes.clear();
    return false;
  }

  writer.write(clearCode, minWidthBits);
  if (source.length > 0) {
    let current = source[0]!;
    for (let i = 1; i < source.length; i++) {
      const pair = (current << 8) | source[i]!;
      const known = codes.get(pair);
      if (known === undefined && emit(current)) codes.set(pair, highest);
      current = known ?? source[i]!;
    }
    emit(current);
  }
  writer.write(endCode, widthBits);
  return writer.finish();
}

/** `undefined` where the stream is broken, ends before its end code or gives more than `maxBytes`. */
export function decompress(source: Uint8Array, maxBytes: number): Uint8Array | undefined {
  const output = new GrowableBytes(Math.min(maxBytes, 4 * source.length + 16));
  // Where in the output each code's expansion was written first, and how long it is.
  const starts = new Uint32Array(tableLength);
  const lengths = new Uint32Array(tableLength);
  let highest = endCode;
  let widthBits = minWidthBits;
  let previousStart = -1;
  let previousLength = 0;
  let bits = 0;
  let bitCount = 0;
  let position = 0;

  function expand(code: number): boolean {
    if (code < clearCode) {
      if (output.length === maxBytes) return false;
      output.appendByte(code);
      return true;
    }
    if (code > highest || (code === highest && previousStart < 0)) return false;
    const isNext = code === highest && highest < tableLength;
    const from = isNext ? previousStart : starts[code]!;
    const length = isNext ? previousLength + 1 : lengths[code]!;
    if (length === 0 || output.length + length > maxBytes) return false;
    output.reserve(length);
    // Byte by byte: the next code's expansion ends with the byte that it is about to write first.
    for (let i = 0; i < length; i++) output.bytes[output.length + i] = output.bytes[from + i]!;
    output.length += length;
    return true;
  }

  for (;;) {
    while (bitCount < widthBits) {
      if (position === source.length) return undefined;
      bits |= source[position++]! << bitCount;
      bitCount += 8;
    }
    const code = bits & ((1 << widthBits) - 1);
    bits >>>= widthBits;
    bitCount -= widthBits;

    if (code === endCode) return output.bytes.slice(0, output.length);
    if (code === clearCode) {
      highest = endCode;
      widthBits = minWidthBits;
      previousStart = -1;
      continue;
    }

    const start = output.length;
    if (!expand(code)) return undefined;
    // The entry is what came before and the first byte of this, which lie one after the other in the output.
    if (previousStart >= 0 && highest < tableLength) {
      starts[highest] = previousStart;
      lengths[highest] = previousLength + 1;
    }
    previousStart = start;
    previousLength = output.length - start;
    if (highest < tableLength) highest++;
    if (highest === 1 << widthBits && widthBits < maxWidthBits) widthBits++;
  }
}
