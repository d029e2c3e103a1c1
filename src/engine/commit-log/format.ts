/**
 * The bytes of a commit-log segment.
 *
 *     header | header again | frame | frame | … | end mark | zeros (preallocated space)
 *     0        4096           8192    every frame starts at a multiple of 8
 *
 * A header fills its 4096 bytes (integers are little-endian; u64 holds safe integers only):
 *
 *        0  8 bytes magic "PAIRDBCL"
 *        8  u32     format version
 *       12  u32     0
 *       16  u64     segment number, as in the file's name
 *       24  8 bytes salt: random, new for every segment
 *       32  u64     creation time, Unix milliseconds
 *       40  u64     first sequence number of a segment that begins a run of the node; 0 in one that continues
 *       48  zeros
 *     4092  u32     CRC32 of bytes 0 to 4091
 *
 * A frame is 72 bytes of header, the payload, and zeros up to the next multiple of 8:
 *
 *        0  8 bytes marker: "PAIRDBFR" xor the segment's salt
 *        8  u64     the frame's own offset in the segment
 *       16  u64     segment number
 *       24  u64     syncedThrough: bytes below this offset were synced before the frame was written
 *       32  u64     sequence number of the first entry; in an end mark: of the next entry to come
 *       40  u64     commit time, Unix milliseconds
 *       48  u32     kind: 1 group, 2 end mark
 *       52  u32     number of entries; entry i has the sequence number first + i
 *       56  u32     payload length
 *       60  u32     CRC32 of payload and padding
 *       64  u32     0
 *       68  u32     CRC32 of bytes 0 to 67
 *
 * A group's payload is its entries: kind u8, varint key length, varint value length, key, value. Kind 3 is a range
 * deletion: its key is the first key, its value the first one after the range, or empty where that has no end. An end
 * mark's payload is the u64 number of the segment that follows, 0 at the end of a run.
 *
 * Invariants:
 * 1. Both headers and the directory entry are durable before the first frame is written.
 * 2. Frames follow each other without gaps. What comes after the last one is zeros, or a group that a crash cut.
 * 3. An end mark is written only after everything before it was synced; its `syncedThrough` is its own offset.
 * 4. A frame goes into a segment only after the segment before it is synced with its end mark, and an end mark
 *    names a segment only when that one is durably there.
 * 5. No stored value can pass for a frame: the salt is unknown to clients, and even a copy of this very file,
 *    stored as a value, carries other offsets. So a reader that lost its place may scan for the marker.
 */
import { basename } from "node:path";
import { StorageError } from "../../base/errors.ts";
import { readUint32, readUint64, writeUint32, writeUint64 } from "../../base/integers.ts";
import { varintLength } from "../../base/varint.ts";
import type { FileSystem } from "../../platform/file-system.ts";
import type { Random } from "../../platform/random.ts";
import { parseFileName } from "../data-directory.ts";
import {
  type EntryKind,
  entryKinds,
  type FileNumber,
  isEntryKind,
  type SequenceNumber,
} from "../internal-key.ts";

export const formatVersion = 1;

export const headerSizeBytes = 4096;
/** Where both copies of the header begin: two places, so that one bad sector does not take the segment. */
export const headerOffsets = [0, headerSizeBytes] as const;
export const framesOffset = 2 * headerSizeBytes;

export const frameHeaderSizeBytes = 72;
export const endMarkSizeBytes = frameHeaderSizeBytes + 8;
export const frameAlignmentBytes = 8;

/** On-disk values: never renumber. */
export const frameKinds = { group: 1, endMark: 2 } as const;

export type FrameKind = (typeof frameKinds)[keyof typeof frameKinds];

/** What an entry of the log does. On-disk values: never renumber. */
export const logEntryKinds = { ...entryKinds, rangeDeletion: 3 } as const;

export type LogEntryKind = EntryKind | typeof logEntryKinds.rangeDeletion;

export function isLogEntryKind(value: number): value is LogEntryKind {
  return isEntryKind(value) || value === logEntryKinds.rangeDeletion;
}

const segmentMagic = new TextEncoder().encode("PAIRDBCL");
const frameMagic = new TextEncoder().encode("PAIRDBFR");
const saltSizeBytes = 8;

export interface SegmentHeader {
  readonly number: FileNumber;
  readonly salt: Uint8Array;
  readonly createdAtMs: number;
  /** 0: the segment continues the one before it. */
  readonly firstSequence: SequenceNumber;
}

/** One reused object per reader or writer, since a frame comes with every group. */
export class FrameHeader {
  offset = 0;
  segmentNumber: FileNumber = 0;
  syncedThrough = 0;
  firstSequence: SequenceNumber = 0;
  commitTimeMs = 0;
  kind: FrameKind = frameKinds.group;
  entryCount = 0;
  payloadLength = 0;
  payloadCrc = 0;

  /** First byte after the frame's padding. */
  get endOffset(): number {
    return this.offset + align(frameHeaderSizeBytes + this.payloadLength);
  }
}

/** Numbers of the segments in a directory, ascending. */
export function listSegments(files: FileSystem, directory: string): FileNumber[] {
  return files
    .list(directory)
    .flatMap((name) => segmentNumberOf(name) ?? [])
    .sort((a, b) => a - b);
}

/** The number in a segment's path; `undefined` for any other file. */
export function segmentNumberOf(path: string): FileNumber | undefined {
  const parsed = parseFileName(basename(path));
  return parsed?.kind === "segment" ? parsed.number : undefined;
}

export function align(position: number): number {
  return Math.ceil(position / frameAlignmentBytes) * frameAlignmentBytes;
}

export function entryLength(keyLength: number, valueLength: number): number {
  return 1 + varintLength(keyLength) + varintLength(valueLength) + keyLength + valueLength;
}

export function newSalt(random: Random): Uint8Array {
  const salt = new Uint8Array(saltSizeBytes);
  writeUint32(salt, 0, random.uint32());
  writeUint32(salt, 4, random.uint32());
  return salt;
}

/** What every frame of the segment with this salt begins with. */
export function frameMarker(salt: Uint8Array): Uint8Array {
  return frameMagic.map((byte, i) => byte ^ salt[i]!);
}

/** Both copies, as they stand at the start of the file. */
export function encodeSegmentHeaders(header: SegmentHeader): Uint8Array {
  const bytes = new Uint8Array(framesOffset);
  bytes.set(segmentMagic);
  writeUint32(bytes, 8, formatVersion);
  writeUint64(bytes, 16, header.number);
  bytes.set(header.salt, 24);
  writeUint64(bytes, 32, header.createdAtMs);
  writeUint64(bytes, 40, header.firstSequence);
  writeUint32(bytes, headerSizeBytes - 4, Bun.hash.crc32(bytes.subarray(0, headerSizeBytes - 4)));
  bytes.copyWithin(headerSizeBytes, 0, headerSizeBytes);
  return bytes;
}

/**
 * Reads one copy; `undefined` where it is not as it was written. A good one of another format version is
 * COMMIT_LOG_FAILED: nothing of the file may be judged by this program.
 */
export function decodeSegmentHeader(path: string, bytes: Uint8Array): SegmentHeader | undefined {
  if (bytes.length < headerSizeBytes || segmentMagic.some((byte, i) => bytes[i] !== byte)) return undefined;
  const crc = Bun.hash.crc32(bytes.subarray(0, headerSizeBytes - 4));
  if (crc !== readUint32(bytes, headerSizeBytes - 4)) return undefined;
  const version = readUint32(bytes, 8);
  if (version !== formatVersion) {
    throw new StorageError(
      "COMMIT_LOG_FAILED",
      `${path} has commit-log format ${version}; this program reads format ${formatVersion}: use a newer one`,
      { file: path, offset: 8 },
    );
  }
  return {
    number: readUint64(bytes, 16),
    salt: bytes.slice(24, 24 + saltSizeBytes),
    createdAtMs: readUint64(bytes, 32),
    firstSequence: readUint64(bytes, 40),
  };
}

/** Writes `header` at `position` of `target`, where the frame's payload and padding already follow. */
export function encodeFrameHeader(
  header: FrameHeader,
  marker: Uint8Array,
  target: Uint8Array,
  position: number,
): void {
  target.set(marker, position);
  writeUint64(target, position + 8, header.offset);
  writeUint64(target, position + 16, header.segmentNumber);
  writeUint64(target, position + 24, header.syncedThrough);
  writeUint64(target, position + 32, header.firstSequence);
  writeUint64(target, position + 40, header.commitTimeMs);
  writeUint32(target, position + 48, header.kind);
  writeUint32(target, position + 52, header.entryCount);
  writeUint32(target, position + 56, header.payloadLength);
  writeUint32(target, position + 60, header.payloadCrc);
  writeUint32(target, position + 64, 0);
  writeUint32(target, position + 68, Bun.hash.crc32(target.subarray(position, position + 68)));
}

/**
 * Reads the frame header at `position` of `source` (all 72 bytes must be there) into `header`; false where it is
 * not one of the segment with this marker, written for `offset`.
 */
export function decodeFrameHeader(
  source: Uint8Array,
  position: number,
  marker: Uint8Array,
  offset: number,
  header: FrameHeader,
): boolean {
  for (let i = 0; i < marker.length; i++) if (source[position + i] !== marker[i]) return false;
  if (Bun.hash.crc32(source.subarray(position, position + 68)) !== readUint32(source, position + 68)) {
    return false;
  }
  header.offset = readUint64(source, position + 8);
  header.segmentNumber = readUint64(source, position + 16);
  header.syncedThrough = readUint64(source, position + 24);
  header.firstSequence = readUint64(source, position + 32);
  header.commitTimeMs = readUint64(source, position + 40);
  const kind = readUint32(source, position + 48);
  header.kind = kind === frameKinds.endMark ? frameKinds.endMark : frameKinds.group;
  header.entryCount = readUint32(source, position + 52);
  header.payloadLength = readUint32(source, position + 56);
  header.payloadCrc = readUint32(source, position + 60);
  return header.offset === offset && (kind === frameKinds.group || kind === frameKinds.endMark);
}
