/**
 * The little that compaction knows of values, chosen by name since functions do not travel to a worker.
 *
 * `opaque`: nothing; tombstones stay for ever. `versioned`: records of `versions`, so that expired tombstones can go
 * and clocks can be compared.
 *
 * A value that cannot be decoded is never a reason to drop anything: it is written on as it is.
 */
import type { Slice } from "../../base/bytes.ts";
import { StorageError } from "../../base/errors.ts";
import { isExpired } from "../../versions/conflict.ts";
import { decodeRecord, recordClock } from "../../versions/record.ts";
import { compareClocks } from "../../versions/vector-clock.ts";

export type RecordFormat = "opaque" | "versioned";

export interface RecordRules {
  /** Whether a tombstone's record counts as absent. */
  isExpired(value: Slice): boolean;
  /** Whether the newer record lacks what the older one had seen, though that had not expired: never in a sound store. */
  goesBack(newer: Slice, older: Slice): boolean;
}

const opaque: RecordRules = { isExpired: () => false, goesBack: () => false };

export function recordRules(format: RecordFormat, nowMs: number, gcGraceMs: number): RecordRules {
  if (format === "opaque") return opaque;
  return {
    isExpired: (value) => ifDecodable(() => isExpired(decodeRecord(value), nowMs, gcGraceMs)),
    goesBack: (newer, older) =>
      ifDecodable(() => {
        const olderRecord = decodeRecord(older);
        const order = compareClocks(recordClock(decodeRecord(newer)), recordClock(olderRecord));
        return order === "before" && !isExpired(olderRecord, nowMs, gcGraceMs);
      }),
  };
}

function ifDecodable(question: () => boolean): boolean {
  try {
    return question();
  } catch (error) {
    if (error instanceof StorageError && error.code === "CORRUPTED_DATA") return false;
    throw error;
  }
}
