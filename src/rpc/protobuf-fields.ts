/**
 * Fields of protobuf messages by hand, for the shortcuts of the hottest messages. Reading takes the usual forms only,
 * and sets `reader.ok` to false at the rest.
 */
import { copyRange, type Slice } from "../base/bytes.ts";
import { readUtf8, utf8Length, writeUtf8 } from "../base/utf8.ts";
import { VarintReader, varintLength, writeVarint } from "../base/varint.ts";
import type { VectorClock, VectorClockEntry } from "../gen/storage/storage_node_pb.ts";

/** One for all: nobody waits between the steps of reading a message. */
export const reader = new VarintReader();

/** The tag of a field whose content has a length. */
export function bytesTag(field: number): number {
  return (field << 3) | 2;
}

export function varintTag(field: number): number {
  return field << 3;
}

const entryTag = bytesTag(1);
const nodeIdTag = bytesTag(1);
const timestampTag = varintTag(2);

export function readText(): string {
  const length = readLength();
  const start = reader.position;
  reader.position += length;
  const text = readUtf8(reader.bytes, start, length);
  if (text === undefined) reader.ok = false;
  return text ?? "";
}

/** As `readText`, for a text that most often is the same as last time: then no other one is made. */
export function readTextLike(last: string | undefined): string {
  if (last === undefined || !isNextText(last)) return readText();
  reader.position += 1 + last.length;
  return last;
}

/** Whether a short ASCII text comes next, its length in one byte before it. */
function isNextText(text: string): boolean {
  const { bytes, position, end } = reader;
  if (text.length >= 0x80 || bytes[position] !== text.length || position + text.length >= end) return false;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    if (unit >= 0x80 || unit !== bytes[position + 1 + index]) return false;
  }
  return true;
}

/** Where the content lies. */
export function readSlice(target: Slice): void {
  const length = readLength();
  target.set(reader.bytes, reader.position, length);
  reader.position += length;
}

/** A copy, unless the bytes may be kept. */
export function readBytes(isOwn: boolean): Uint8Array {
  const length = readLength();
  const start = reader.position;
  reader.position += length;
  const end = start + length;
  return isOwn ? reader.bytes.subarray(start, end) : reader.bytes.slice(start, end);
}

export function readClock(): VectorClock {
  const length = readLength();
  const end = reader.position + length;
  const entries: VectorClockEntry[] = [];
  while (reader.ok && reader.position < end) entries.push(readEntry());
  if (reader.position !== end) reader.ok = false;
  return { $typeName: "storage.VectorClock", entries };
}

/** With both of its fields, in order. */
function readEntry(): VectorClockEntry {
  const isEntry = reader.read() === entryTag;
  const length = readLength();
  const end = reader.position + length;
  const hasNodeId = reader.read() === nodeIdTag;
  const coordinatorNodeId = hasNodeId ? readText() : "";
  const hasTimestamp = reader.read() === timestampTag;
  const logicalTimestamp = BigInt(reader.read());
  if (!isEntry || !hasNodeId || !hasTimestamp || reader.position !== end) reader.ok = false;
  return { $typeName: "storage.VectorClockEntry", coordinatorNodeId, logicalTimestamp };
}

/** Of a content that lies before the end; else 0. */
function readLength(): number {
  const length = reader.read();
  if (reader.ok && length <= reader.end - reader.position) return length;
  reader.ok = false;
  return 0;
}

/** Steps into a nested message, whose end is then the reader's; returns what `endNested` needs. */
export function beginNested(): number {
  const length = readLength();
  const outerEnd = reader.end;
  reader.end = reader.position + length;
  return outerEnd;
}

/** Steps out again. */
export function endNested(outerEnd: number): void {
  if (reader.position !== reader.end) reader.ok = false;
  reader.end = outerEnd;
}

/** What a field takes whose content has so many bytes, with a tag of one byte. */
export function bytesFieldLength(contentBytes: number): number {
  return 1 + varintLength(contentBytes) + contentBytes;
}

/** These return the position after what they wrote; there is room. */
export function writeBytes(target: Uint8Array, position: number, tag: number, content: Uint8Array): number {
  const start = writeBytesHead(target, position, tag, content.length);
  copyRange(content, 0, content.length, target, start);
  return start + content.length;
}

export function writeVarintField(target: Uint8Array, position: number, tag: number, value: number): number {
  return writeVarint(target, writeVarint(target, position, tag), value);
}

/** Of a field whose content follows. */
export function writeBytesHead(target: Uint8Array, position: number, tag: number, length: number): number {
  return writeVarint(target, writeVarint(target, position, tag), length);
}

/** As the wire's messages have it; the library's initializers leave everything open. */
interface ClockInit {
  readonly entries?: readonly EntryInit[];
}

interface EntryInit {
  readonly coordinatorNodeId?: string;
  readonly logicalTimestamp?: bigint;
}

const maxSafe = BigInt(Number.MAX_SAFE_INTEGER);

/** Bytes of a clock's content, or -1 where an entry is not a usual one: an id, and a timestamp from 1 to 2^53 - 1. */
export function clockLength({ entries = [] }: ClockInit): number {
  let length = 0;
  for (const { coordinatorNodeId: id = "", logicalTimestamp: timestamp = 0n } of entries) {
    if (id === "" || timestamp < 1n || timestamp > maxSafe) return -1;
    length += bytesFieldLength(entryLength(id, Number(timestamp)));
  }
  return length;
}

function entryLength(nodeId: string, timestamp: number): number {
  return bytesFieldLength(utf8Length(nodeId)) + 1 + varintLength(timestamp);
}

export function writeClock(
  target: Uint8Array,
  position: number,
  tag: number,
  { entries = [] }: ClockInit,
  length: number,
): number {
  position = writeBytesHead(target, position, tag, length);
  for (const { coordinatorNodeId = "", logicalTimestamp = 0n } of entries) {
    const timestamp = Number(logicalTimestamp);
    position = writeBytesHead(target, position, entryTag, entryLength(coordinatorNodeId, timestamp));
    position = writeBytesHead(target, position, nodeIdTag, utf8Length(coordinatorNodeId));
    position = writeUtf8(target, position, coordinatorNodeId);
    position = writeVarintField(target, position, timestampTag, timestamp);
  }
  return position;
}
