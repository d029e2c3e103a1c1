/** Integers of fixed width, little-endian but for those that say otherwise, at any alignment, without a `DataView`. */

export function readUint32(bytes: Uint8Array, position: number): number {
  const low = bytes[position]! | (bytes[position + 1]! << 8) | (bytes[position + 2]! << 16);
  return (low | (bytes[position + 3]! << 24)) >>> 0;
}

export function writeUint32(target: Uint8Array, position: number, value: number): void {
  target[position] = value;
  target[position + 1] = value >>> 8;
  target[position + 2] = value >>> 16;
  target[position + 3] = value >>> 24;
}

/** Above `Number.MAX_SAFE_INTEGER` the result is rounded: callers that read such a field check for it. */
export function readUint64(bytes: Uint8Array, position: number): number {
  return readUint32(bytes, position) + readUint32(bytes, position + 4) * 2 ** 32;
}

export function writeUint64(target: Uint8Array, position: number, value: number): void {
  writeUint32(target, position, value);
  writeUint32(target, position + 4, Math.floor(value / 2 ** 32));
}

export function readUint32BigEndian(bytes: Uint8Array, position: number): number {
  const high = (bytes[position]! << 24) | (bytes[position + 1]! << 16);
  return (high | (bytes[position + 2]! << 8) | bytes[position + 3]!) >>> 0;
}

export function writeUint32BigEndian(target: Uint8Array, position: number, value: number): void {
  target[position] = value >>> 24;
  target[position + 1] = value >>> 16;
  target[position + 2] = value >>> 8;
  target[position + 3] = value;
}
