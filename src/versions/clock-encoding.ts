/**
 * The bytes of a vector clock.
 *
 *   clock := entry*
 *   entry := 0x0a  varint(length of the rest of the entry)
 *            0x0a  varint(length of the node id)  node id in UTF-8
 *            0x10  varint(timestamp)
 *
 * These are the bytes of the wire's protobuf message `VectorClock`, so that an answer can carry a stored clock
 * without taking it apart. Protobuf allows several encodings of one message; here there is exactly one, which
 * the decoder insists on.
 *
 * Invariants:
 * 1. The entries are those of a canonical clock, in its order.
 * 2. Every varint is the shortest one, every field is there: equal clocks have equal bytes.
 */
import { compareUtf8, readUtf8, utf8Length, writeUtf8 } from "../base/utf8.ts";
import { VarintReader, varintLength, writeVarint } from "../base/varint.ts";
import type { ClockEntry, VectorClock } from "./vector-clock.ts";

/** Protobuf's field 1 with length-delimited content: the entry in the clock, and the id in the entry. */
const lengthDelimitedField1 = 0x0a;
/** Protobuf's field 2 as a varint: the timestamp. */
const varintField2 = 0x10;

export function encodedClockLength(clock: VectorClock): number {
  let length = 0;
  for (const entry of clock) {
    const body = encodedBodyLength(entry, utf8Length(entry.nodeId));
    length += 1 + varintLength(body) + body;
  }
  return length;
}

/** Bytes of an entry after its own length. */
function encodedBodyLength(entry: ClockEntry, idLength: number): number {
  return 1 + varintLength(idLength) + idLength + 1 + timestampLength(entry.timestamp);
}

/** Writes the clock at `position`, where room is known to be; returns the position after it. */
export function encodeClock(clock: VectorClock, target: Uint8Array, position: number): number {
  for (const entry of clock) {
    const idLength = utf8Length(entry.nodeId);
    target[position++] = lengthDelimitedField1;
    position = writeVarint(target, position, encodedBodyLength(entry, idLength));
    target[position++] = lengthDelimitedField1;
    position = writeVarint(target, position, idLength);
    position = writeUtf8(target, position, entry.nodeId);
    target[position++] = varintField2;
    position = writeTimestamp(target, position, entry.timestamp);
  }
  return position;
}

const reader = new VarintReader();

/** The clock in a range of bytes; `undefined` where they are not exactly what `encodeClock` writes. */
export function decodeClock(bytes: Uint8Array, start: number, length: number): VectorClock | undefined {
  const entries: ClockEntry[] = [];
  reader.reset(bytes, start, start + length);
  while (reader.position < reader.end) {
    const entry = decodeEntry();
    const previous = entries.at(-1);
    if (entry === undefined) return undefined;
    if (previous !== undefined && compareUtf8(previous.nodeId, entry.nodeId) >= 0) return undefined;
    entries.push(entry);
  }
  return entries as readonly ClockEntry[] as VectorClock;
}

function decodeEntry(): ClockEntry | undefined {
  const bodyLength = readLength();
  const bodyStart = reader.position;
  if (bodyLength === undefined) return undefined;
  const idLength = readLength();
  if (idLength === undefined) return undefined;
  const nodeId = readUtf8(reader.bytes, reader.position, idLength);
  reader.position += idLength;
  const timestamp = readTimestamp();
  if (nodeId === undefined || timestamp === undefined) return undefined;
  return reader.position === bodyStart + bodyLength ? { nodeId, timestamp } : undefined;
}

/** The length of a field whose content lies wholly before the reader's end. */
function readLength(): number | undefined {
  if (reader.bytes[reader.position] !== lengthDelimitedField1) return undefined;
  const start = ++reader.position;
  const length = reader.read();
  if (!reader.ok || reader.position - start !== varintLength(length)) return undefined;
  return length <= reader.end - reader.position ? length : undefined;
}

const maxSafe = BigInt(Number.MAX_SAFE_INTEGER);
/** Seven bits each: the most that a timestamp below 2^63 takes. */
const maxTimestampBytes = 9;

function timestampLength(timestamp: bigint): number {
  if (timestamp <= maxSafe) return varintLength(Number(timestamp));
  return timestamp < 1n << 56n ? 8 : maxTimestampBytes;
}

function writeTimestamp(target: Uint8Array, position: number, timestamp: bigint): number {
  if (timestamp <= maxSafe) return writeVarint(target, position, Number(timestamp));
  let rest = timestamp;
  while (rest >= 0x80n) {
    target[position++] = Number(rest & 0x7fn) | 0x80;
    rest >>= 7n;
  }
  target[position++] = Number(rest);
  return position;
}

/** A timestamp from 1 to 2^63 - 1. A number holds 53 bits exactly; only what is larger needs big integers. */
function readTimestamp(): bigint | undefined {
  const { bytes, end } = reader;
  if (bytes[reader.position++] !== varintField2) return undefined;
  let low = 0;
  let scale = 1;
  let high = 0n;
  for (let i = 0; i < maxTimestampBytes; i++) {
    if (reader.position >= end) return undefined;
    const byte = bytes[reader.position++]!;
    if (i < 7 || (i === 7 && byte < 0x10)) low += (byte & 0x7f) * scale;
    else high |= BigInt(byte & 0x7f) << BigInt(7 * i);
    scale *= 0x80;
    if (byte >= 0x80) continue;
    // A last byte of 0 is either the timestamp 0, which no clock holds, or a longer form of a smaller one.
    if (byte === 0) return undefined;
    return high === 0n ? BigInt(low) : high | BigInt(low);
  }
  return undefined;
}
