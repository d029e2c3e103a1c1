/** What a read answers, made from the bytes of a record. */
import { emptyBytes, Slice } from "../base/bytes.ts";
import { readClock, recordClock, type Version } from "../versions/record.ts";
import { emptyClock, type VectorClock } from "../versions/vector-clock.ts";
import { ShownRecord } from "./shown-record.ts";

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
const shown = new ShownRecord();

/** Its value may lie in the bytes of `record`; all else is copied. */
export function readResultOf(
  record: Slice,
  includeSiblings: boolean,
  nowMs: number,
  gcGraceMs: number,
): ReadResult {
  shown.show(record, nowMs, gcGraceMs);
  const { isFound, siblingCount, timestampSeconds, versions } = shown;
  if (siblingCount === 0) return absentResult;
  return {
    found: isFound,
    value: shown.value.bytes.subarray(shown.value.start, shown.value.start + shown.value.length),
    clock:
      versions === undefined
        ? readClock(shown.clock.bytes, shown.clock.start, shown.clock.length)
        : recordClock(versions),
    timestampSeconds,
    siblingCount,
    siblings: versions !== undefined && includeSiblings && siblingCount > 1 ? versions.map(ownCopy) : [],
  };
}

function ownCopy(version: Version): Version {
  return { ...version, value: new Slice(version.value.copy()) };
}
