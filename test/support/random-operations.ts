import { emptyBytes, Slice } from "../../src/base/bytes.ts";
import { type EntryKind, entryKinds } from "../../src/engine/internal-key.ts";
import type { Random } from "../../src/platform/random.ts";
import { encodedRecordLength, encodeRecord } from "../../src/versions/record.ts";
import { emptyClock, incrementClock } from "../../src/versions/vector-clock.ts";
import type { HistoryEntry, HistoryRange } from "./store-history.ts";

export function below(random: Random, bound: number): number {
  return random.uint32() % bound;
}

export function oneIn(random: Random, count: number): boolean {
  return below(random, count) === 0;
}

/** Keys of different lengths, some of them prefixes of others, some with bytes above 127. */
export function randomKey(random: Random, keyCount: number): string {
  const number = below(random, keyCount);
  return (
    ["t:", `t:${"k".repeat(number % 5)}`, `t:\xff${number}`, `u:key-${number}`][number % 4]! + (number >> 2)
  );
}

/** A range to delete, never empty: mostly the keys that begin with one key, else up to another one or to the end. */
export function randomRange(random: Random, keyCount: number): HistoryRange {
  const start = randomKey(random, keyCount);
  const other = randomKey(random, keyCount);
  if (oneIn(random, 48)) return { start, end: undefined };
  if (start === other || !oneIn(random, 16)) return { start, end: `${start}\xff` };
  return start < other ? { start, end: other } : { start: other, end: start };
}

/** A record of one version whose clock counts to `count`, as text of its bytes; a tombstone where it has a time. */
export function recordText({
  count = 1,
  deletedAtSeconds,
}: {
  count?: number;
  deletedAtSeconds?: number;
}): string {
  const clock = incrementClock(emptyClock, "n", BigInt(count));
  const isTombstone = deletedAtSeconds !== undefined;
  const record = [
    { clock, timestampSeconds: deletedAtSeconds ?? 0, isTombstone, value: new Slice(emptyBytes) },
  ];
  const bytes = new Uint8Array(encodedRecordLength(record));
  encodeRecord(record, bytes);
  return Buffer.from(bytes).toString("latin1");
}

export const expiredRecord = recordText({ deletedAtSeconds: 1, count: 5 });
/** Deleted long after the time of every test. */
export const freshRecord = recordText({ deletedAtSeconds: 2_000_000_000, count: 5 });

/** Whether the engine may have dropped the entry, or not yet: it has expired. */
export function isExpiredEntry(kind: EntryKind, value: string): boolean {
  return kind === entryKinds.tombstone && value === expiredRecord;
}

/** A tombstone that compaction can read, expired in two of three cases. */
export function randomTombstone(random: Random, keyCount: number): HistoryEntry {
  return {
    key: randomKey(random, keyCount),
    kind: entryKinds.tombstone,
    value: oneIn(random, 3) ? freshRecord : expiredRecord,
  };
}

export function randomEntry(random: Random, keyCount: number, maxValueBytes: number): HistoryEntry {
  const isTombstone = oneIn(random, 6);
  const length = isTombstone ? 8 : oneIn(random, 20) ? maxValueBytes : below(random, maxValueBytes / 8);
  const value = String.fromCharCode(97 + below(random, 26)).repeat(length) + below(random, 1e6);
  return {
    key: randomKey(random, keyCount),
    kind: isTombstone ? entryKinds.tombstone : entryKinds.value,
    value,
  };
}
