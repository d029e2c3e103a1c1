/**
 * The bytes of frames (RFC 9113, sections 4 and 6). Integers are big-endian.
 *
 *     0  u24  length of the payload
 *     3  u8   type
 *     4  u8   flags
 *     5  u31  stream, 0 for the connection; the highest bit is reserved
 *     9       payload
 *
 * Nothing here makes an object: frames are read where they lie and written where they leave from.
 */

import { writeUint32BigEndian } from "../base/integers.ts";

export const frameHeaderBytes = 9;

export const frameTypes = {
  DATA: 0x0,
  HEADERS: 0x1,
  PRIORITY: 0x2,
  RST_STREAM: 0x3,
  SETTINGS: 0x4,
  PUSH_PROMISE: 0x5,
  PING: 0x6,
  GOAWAY: 0x7,
  WINDOW_UPDATE: 0x8,
  CONTINUATION: 0x9,
} as const;

export const frameFlags = {
  /** DATA, HEADERS */
  END_STREAM: 0x1,
  /** SETTINGS, PING */
  ACK: 0x1,
  /** HEADERS, CONTINUATION */
  END_HEADERS: 0x4,
  /** DATA, HEADERS */
  PADDED: 0x8,
  /** HEADERS */
  PRIORITY: 0x20,
} as const;

/** What a client sends before its first frame. */
export const clientPreface: Uint8Array = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");

/** The longest payload that every peer takes, and the one that we take. */
export const defaultMaxFrameBytes = 16_384;

/** The highest stream number, and the largest window. */
export const maxUint31 = 0x7fff_ffff;

/** Of a PRIORITY frame, and of the same fields in HEADERS. */
export const priorityBytes = 5;

export const pingBytes = 8;

export function readUint16(bytes: Uint8Array, position: number): number {
  return (bytes[position]! << 8) | bytes[position + 1]!;
}

export function readUint24(bytes: Uint8Array, position: number): number {
  return (bytes[position]! << 16) | (bytes[position + 1]! << 8) | bytes[position + 2]!;
}

/** Without the reserved bit. */
export function readUint31(bytes: Uint8Array, position: number): number {
  return ((bytes[position]! & 0x7f) << 24) | readUint24(bytes, position + 1);
}

export function writeUint16(target: Uint8Array, position: number, value: number): void {
  target[position] = value >>> 8;
  target[position + 1] = value;
}

export function writeFrameHeader(
  target: Uint8Array,
  position: number,
  payloadLength: number,
  type: number,
  flags: number,
  streamId: number,
): void {
  target[position] = payloadLength >>> 16;
  target[position + 1] = payloadLength >>> 8;
  target[position + 2] = payloadLength;
  target[position + 3] = type;
  target[position + 4] = flags;
  writeUint32BigEndian(target, position + 5, streamId);
}
