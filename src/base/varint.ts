/**
 * Unsigned little-endian base-128 integers (protobuf's varint), up to `Number.MAX_SAFE_INTEGER`.
 * Arithmetic instead of shifts above 28 bits, since JavaScript's shifts are 32 bits wide.
 */
import { InvariantViolation } from "./errors.ts";

/** The most bytes that a safe integer takes. */
export const maxVarintBytes = 8;

export function varintLength(value: number): number {
  let length = 1;
  while (value >= 0x80) {
    value = Math.floor(value / 0x80);
    length++;
  }
  return length;
}

/** Writes `value` at `position`; returns the position after it. */
export function writeVarint(target: Uint8Array, position: number, value: number): number {
  // Not `assert`: its message would be put together on every call.
  if (!(value >= 0 && Number.isSafeInteger(value)))
    throw new InvariantViolation(`varint out of range: ${value}`);
  while (value >= 0x80) {
    target[position++] = (value % 0x80) | 0x80;
    value = Math.floor(value / 0x80);
  }
  target[position++] = value;
  return position;
}

/** Reads varints one after the other without allocating; `ok` turns false at a malformed or cut one. */
export class VarintReader {
  bytes: Uint8Array = new Uint8Array(0);
  position = 0;
  /** First byte that does not belong to the input. */
  end = 0;
  ok = true;

  reset(bytes: Uint8Array, position: number, end: number): this {
    this.bytes = bytes;
    this.position = position;
    this.end = end;
    this.ok = true;
    return this;
  }

  /** The next integer; 0 with `ok` false where there is none. */
  read(): number {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < maxVarintBytes; i++) {
      if (this.position >= this.end) break;
      const byte = this.bytes[this.position++]!;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (value > Number.MAX_SAFE_INTEGER) break;
        return value;
      }
      scale *= 0x80;
    }
    this.ok = false;
    return 0;
  }
}
