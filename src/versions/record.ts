/**
 * The record: all that a node holds of one key, as one string of bytes.
 *
 * A record holds one version, or several siblings whose clocks are concurrent.
 *
 *   record  := format(u8 = 1)  varint(version count)  version*
 *   version := flags(u8; bit 0: tombstone)  varint(timestamp, Unix seconds)
 *              varint(clock length)  varint(value length)  clock  value
 *
 * The clock's bytes are those of clock-encoding.ts. The lengths stand before the contents, so that a reader finds
 * the value of the first version, which is what most reads want, without looking at the clock.
 *
 * Invariants:
 * 1. At least one version; the highest rank (conflict.ts) comes first, so a record whose first version is a
 *    tombstone holds tombstones only.
 * 2. A tombstone has no value.
 * 3. Nothing follows the last version, and every varint is the shortest: a record has one encoding.
 */
import { copyRange, Slice } from "../base/bytes.ts";
import { assert, StorageError } from "../base/errors.ts";
import { VarintReader, varintLength, writeVarint } from "../base/varint.ts";
import { decodeClock, encodeClock, encodedClockLength } from "./clock-encoding.ts";
import { emptyClock, mergeClocks, type VectorClock } from "./vector-clock.ts";

export interface Version {
  readonly clock: VectorClock;
  /** Unix seconds. Of a live version: when it arrived, for information only. Of a tombstone: when it was deleted. */
  readonly timestampSeconds: number;
  readonly isTombstone: boolean;
  /** Empty for a tombstone. A range of someone else's bytes: valid as long as those are. */
  readonly value: Slice;
}

/** The versions of one key, the highest rank first; never empty. */
export type VersionedRecord = readonly Version[];

const formatVersion = 1;
const tombstoneFlag = 1;

/** The merged clock of all versions: what a writer has to have seen to replace them all. */
export function recordClock(record: VersionedRecord): VectorClock {
  let clock = record[0]?.clock ?? emptyClock;
  for (let i = 1; i < record.length; i++) clock = mergeClocks(clock, record[i]!.clock);
  return clock;
}

export function encodedRecordLength(record: VersionedRecord): number {
  let length = 1 + varintLength(record.length);
  for (const version of record) {
    const clockLength = encodedClockLength(version.clock);
    length += 1 + varintLength(version.timestampSeconds) + varintLength(clockLength) + clockLength;
    length += varintLength(version.value.length) + version.value.length;
  }
  return length;
}

/** Writes the record to the start of `target`, which holds at least `encodedRecordLength`; returns its length. */
export function encodeRecord(record: VersionedRecord, target: Uint8Array): number {
  assert(record.length > 0, "a record holds at least one version");
  target[0] = formatVersion;
  let position = writeVarint(target, 1, record.length);
  for (const version of record) {
    const { clock, value } = version;
    target[position++] = version.isTombstone ? tombstoneFlag : 0;
    position = writeVarint(target, position, version.timestampSeconds);
    position = writeVarint(target, position, encodedClockLength(clock));
    position = writeVarint(target, position, value.length);
    position = encodeClock(clock, target, position);
    copyRange(value.bytes, value.start, value.length, target, position);
    position += value.length;
  }
  return position;
}

/** What `encodeSingleVersion` writes. */
export function singleVersionLength(
  timestampSeconds: number,
  clockLength: number,
  valueLength: number,
): number {
  const lengths = varintLength(timestampSeconds) + varintLength(clockLength) + varintLength(valueLength);
  return 3 + lengths + clockLength + valueLength;
}

/** As `encodeRecord` of one version whose clock is encoded already. */
export function encodeSingleVersion(
  isTombstone: boolean,
  timestampSeconds: number,
  clock: Uint8Array,
  value: Slice,
  target: Uint8Array,
): number {
  target[0] = formatVersion;
  target[1] = 1;
  target[2] = isTombstone ? tombstoneFlag : 0;
  let position = writeVarint(target, 3, timestampSeconds);
  position = writeVarint(target, position, clock.length);
  position = writeVarint(target, position, value.length);
  copyRange(clock, 0, clock.length, target, position);
  position += clock.length;
  copyRange(value.bytes, value.start, value.length, target, position);
  return position + value.length;
}

/** Where the parts of a version lie in the bytes of its record. Reused by its owner; read without allocating. */
export class VersionLayout {
  isTombstone = false;
  timestampSeconds = 0;
  clockStart = 0;
  clockLength = 0;
  valueStart = 0;
  valueLength = 0;
}

/** One of each for all: nothing here waits or calls out between its steps. */
const reader = new VarintReader();
const layout = new VersionLayout();

/**
 * Finds the parts of the highest-ranked version and returns how many versions the record holds. Checks all
 * but the contents of the clock and the versions after the first.
 */
export function readFirstVersion(record: Slice, target: VersionLayout): number {
  const count = readHeader(record);
  readLayout(target);
  if (count === 1 && reader.position !== reader.end) throw malformed("bytes follow its last version");
  return count;
}

/** Where the parts of every version lie, the highest rank first; checks all but the contents of the clocks. */
export function readLayouts(record: Slice): VersionLayout[] {
  const count = readHeader(record);
  const layouts: VersionLayout[] = [];
  for (let i = 0; i < count; i++) {
    const target = new VersionLayout();
    readLayout(target);
    layouts.push(target);
  }
  if (reader.position !== reader.end) throw malformed("bytes follow its last version");
  return layouts;
}

/** All versions. Their values are ranges of the record's own bytes: nothing is copied. */
export function decodeRecord(record: Slice): Version[] {
  const count = readHeader(record);
  const versions: Version[] = [];
  for (let i = 0; i < count; i++) {
    readLayout(layout);
    versions.push({
      clock: readClock(record.bytes, layout.clockStart, layout.clockLength),
      timestampSeconds: layout.timestampSeconds,
      isTombstone: layout.isTombstone,
      value: new Slice(record.bytes, layout.valueStart, layout.valueLength),
    });
  }
  if (reader.position !== reader.end) throw malformed("bytes follow its last version");
  return versions;
}

/** The clock of a version, from its bytes in the record; throws CORRUPTED_DATA where they are none. */
export function readClock(bytes: Uint8Array, start: number, length: number): VectorClock {
  const clock = decodeClock(bytes, start, length);
  if (clock === undefined) throw malformed("a clock is not in its one form");
  return clock;
}

/** Leaves `reader` at the first version; returns the number of versions. */
function readHeader(record: Slice): number {
  reader.reset(record.bytes, record.start, record.start + record.length);
  if (record.length === 0) throw malformed("it is empty");
  const format = record.bytes[reader.position++]!;
  if (format !== formatVersion) throw malformed(`its format is ${format}, known is ${formatVersion}`);
  const count = readShortest();
  if (count === 0) throw malformed("it holds no version");
  return count;
}

/** Reads the head of the version at `reader` and steps over its contents. */
function readLayout(target: VersionLayout): void {
  if (reader.position >= reader.end) throw malformed("it ends before its last version");
  const flags = reader.bytes[reader.position++]!;
  if ((flags & ~tombstoneFlag) !== 0) throw malformed(`unknown flags ${flags}`);
  target.isTombstone = flags === tombstoneFlag;
  target.timestampSeconds = readShortest();
  target.clockLength = readShortest();
  target.valueLength = readShortest();
  target.clockStart = reader.position;
  target.valueStart = target.clockStart + target.clockLength;
  reader.position = target.valueStart + target.valueLength;
  if (reader.position > reader.end) throw malformed("a length points past its end");
  if (target.isTombstone && target.valueLength > 0) throw malformed("a tombstone has a value");
}

function readShortest(): number {
  const start = reader.position;
  const value = reader.read();
  if (!reader.ok) throw malformed("it is cut off in a number");
  if (reader.position - start !== varintLength(value))
    throw malformed("a number is longer than it has to be");
  return value;
}

function malformed(what: string): StorageError {
  return new StorageError("CORRUPTED_DATA", `malformed record: ${what}`);
}
