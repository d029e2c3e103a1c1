import { entryKinds } from "../../src/engine/internal-key.ts";
import type { Random } from "../../src/platform/random.ts";
import type { HistoryEntry } from "./store-history.ts";

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
