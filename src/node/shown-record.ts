/**
 * What a record shows its readers, as ranges of bytes: nothing is copied or taken apart for the usual record of one live
 * version. Reused by its owner; valid as long as the record's bytes are.
 */
import { emptyBytes, Slice } from "../base/bytes.ts";
import { encodeClock, encodedClockLength } from "../versions/clock-encoding.ts";
import { isExpired } from "../versions/conflict.ts";
import {
  decodeRecord,
  readClock,
  readFirstVersion,
  recordClock,
  type Version,
  type VersionedRecord,
  VersionLayout,
} from "../versions/record.ts";

export class ShownRecord {
  /** False for an absent key and for one that holds only tombstones. */
  isFound = false;
  /** Versions held, tombstones too; 0 for an absent key. */
  siblingCount = 0;
  /** Unix seconds, of the highest rank; 0 for an absent key. */
  timestampSeconds = 0;
  /** Of the highest rank; empty where nothing was found. */
  readonly value = new Slice();
  /** The merged clock of all versions, in the form of clock-encoding.ts, which is the wire's. */
  readonly clock = new Slice();
  /** All versions, the highest rank first, where there are several or the record is no live one; else undefined. */
  versions: VersionedRecord | undefined;
  readonly #layout = new VersionLayout();

  /** Shows a record; one that has expired is shown as absent. Throws CORRUPTED_DATA. */
  show(record: Slice, nowMs: number, gcGraceMs: number): void {
    const layout = this.#layout;
    const siblingCount = readFirstVersion(record, layout);
    if (siblingCount > 1 || layout.isTombstone) {
      this.#showAll(decodeRecord(record), nowMs, gcGraceMs);
      return;
    }
    this.isFound = true;
    this.siblingCount = siblingCount;
    this.timestampSeconds = layout.timestampSeconds;
    this.value.set(record.bytes, layout.valueStart, layout.valueLength);
    this.clock.set(record.bytes, layout.clockStart, layout.clockLength);
    this.versions = undefined;
  }

  /** All versions, the highest rank first; none of an absent key. They are as short-lived as what else is shown. */
  allVersions(): readonly Version[] {
    if (this.versions !== undefined || this.siblingCount === 0) return this.versions ?? [];
    const { bytes, start, length } = this.clock;
    const { timestampSeconds, value } = this;
    return [{ clock: readClock(bytes, start, length), timestampSeconds, isTombstone: false, value }];
  }

  showAbsent(): void {
    this.isFound = false;
    this.siblingCount = 0;
    this.timestampSeconds = 0;
    this.value.set(emptyBytes, 0, 0);
    this.clock.set(emptyBytes, 0, 0);
    this.versions = undefined;
  }

  #showAll(versions: VersionedRecord, nowMs: number, gcGraceMs: number): void {
    if (isExpired(versions, nowMs, gcGraceMs)) {
      this.showAbsent();
      return;
    }
    const highest = versions[0]!;
    const { value } = highest;
    const clock = recordClock(versions);
    const clockBytes = new Uint8Array(encodedClockLength(clock));
    encodeClock(clock, clockBytes, 0);
    this.isFound = !highest.isTombstone;
    this.siblingCount = versions.length;
    this.timestampSeconds = highest.timestampSeconds;
    this.value.set(value.bytes, value.start, value.length);
    this.clock.set(clockBytes, 0, clockBytes.length);
    this.versions = versions;
  }
}
