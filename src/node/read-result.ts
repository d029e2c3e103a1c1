/** What a read answers, made from the bytes of a record. */
import { emptyBytes, Slice } from "../base/bytes.ts";
import { isExpired } from "../versions/conflict.ts";
import {
  decodeClockAt,
  decodeRecord,
  readFirstVersion,
  recordClock,
  type Version,
  VersionLayout,
} from "../versions/record.ts";
import { emptyClock, type VectorClock } from "../versions/vector-clock.ts";

export interface ReadResult {
  /** False for an absent key and for one that holds only tombstones. */
  readonly found: boolean;
  /** The value of the highest rank; empty where nothing was found. It may lie in the bytes of the record. */
  readonly value: Uint8Array;
  /** The merged clock of all versions held, tombstones too; empty for an absent key. */
  readonly clock: VectorClock;
  /** Unix seconds, of the highest rank; 0 for an absent key. */
  readonly timestampSeconds: number;
  /** Versions held, tombstones too; 0 for an absent key. */
  readonly siblingCount: number;
  /** Where asked for and there are several: all versions, the highest rank first; copies. Else empty. */
  readonly siblings: readonly Version[];
}

export const absentResult: ReadResult = {
  found: false,
  value: emptyBytes,
  clock: emptyClock,
  timestampSeconds: 0,
  siblingCount: 0,
  siblings: [],
};

/** One for all: used within one turn. */
const layout = new VersionLayout();

/** Its value may lie in the bytes of `record`; all else is copied. */
export function readResultOf(
  record: Slice,
  includeSiblings: boolean,
  nowMs: number,
  gcGraceMs: number,
): ReadResult {
  const siblingCount = readFirstVersion(record, layout);
  if (siblingCount > 1 || layout.isTombstone) {
    return fullResult(record, includeSiblings, nowMs, gcGraceMs);
  }
  return {
    found: true,
    value: record.bytes.subarray(layout.valueStart, layout.valueStart + layout.valueLength),
    clock: decodeClockAt(record, layout),
    timestampSeconds: layout.timestampSeconds,
    siblingCount,
    siblings: [],
  };
}

/** For all but the usual single live version: siblings, tombstones, expired records. */
function fullResult(bytes: Slice, includeSiblings: boolean, nowMs: number, gcGraceMs: number): ReadResult {
  const record = decodeRecord(bytes);
  if (isExpired(record, nowMs, gcGraceMs)) return absentResult;
  const highest = record[0]!;
  return {
    found: !highest.isTombstone,
    value: highest.value.copy(),
    clock: recordClock(record),
    timestampSeconds: highest.timestampSeconds,
    siblingCount: record.length,
    siblings: includeSiblings && record.length > 1 ? record.map(ownCopy) : [],
  };
}

function ownCopy(version: Version): Version {
  return { ...version, value: new Slice(version.value.copy()) };
}
