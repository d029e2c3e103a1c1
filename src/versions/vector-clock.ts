/**
 * Vector clocks: which writes a version has seen.
 *
 * A clock maps node ids to logical timestamps; an id that is not there counts as 0. One clock is *before* another
 * when no timestamp of it is larger and one is smaller; clocks of which neither is before the other are
 * *concurrent*.
 *
 * Invariants of every `VectorClock` (the canonical form, so that equal clocks have equal bytes):
 * 1. Sorted by the UTF-8 bytes of the node id, no id twice.
 * 2. No timestamp is 0.
 * Clocks are never changed in place.
 */
import { assert, StorageError } from "../base/errors.ts";
import { compareUtf8 } from "../base/utf8.ts";

export interface ClockEntry {
  readonly nodeId: string;
  /** 0 to 2^63 - 1. */
  readonly timestamp: bigint;
}

declare const canonical: unique symbol;

/** Entries in canonical form; `clockFrom` makes one of any entries. */
export type VectorClock = readonly ClockEntry[] & { readonly [canonical]: true };

export type ClockOrder = "before" | "after" | "equal" | "concurrent";

export const maxClockTimestamp = 2n ** 63n - 1n;

export const emptyClock = [] as readonly ClockEntry[] as VectorClock;

/** The clock that these entries, in any order, stand for. No id may be there twice. */
export function clockFrom(entries: readonly ClockEntry[]): VectorClock {
  if (isCanonical(entries)) return entries;
  const sorted = entries
    .filter((entry) => entry.timestamp !== 0n)
    .sort((a, b) => compareUtf8(a.nodeId, b.nodeId));
  assert(isCanonical(sorted), "a clock has a node id twice");
  return sorted;
}

function isCanonical(entries: readonly ClockEntry[]): entries is VectorClock {
  for (let i = 0; i < entries.length; i++) {
    if (entries[i]!.timestamp === 0n) return false;
    if (i > 0 && compareUtf8(entries[i - 1]!.nodeId, entries[i]!.nodeId) >= 0) return false;
  }
  return true;
}

/** How `a` stands to `b`. */
export function compareClocks(a: VectorClock, b: VectorClock): ClockOrder {
  let aAhead = false;
  let bAhead = false;
  let i = 0;
  let j = 0;
  while (i < a.length && j < b.length && !(aAhead && bAhead)) {
    const entryA = a[i]!;
    const entryB = b[j]!;
    const order = compareUtf8(entryA.nodeId, entryB.nodeId);
    if (order < 0 || (order === 0 && entryA.timestamp > entryB.timestamp)) aAhead = true;
    if (order > 0 || (order === 0 && entryA.timestamp < entryB.timestamp)) bAhead = true;
    if (order <= 0) i++;
    if (order >= 0) j++;
  }
  if (i < a.length) aAhead = true;
  if (j < b.length) bAhead = true;
  if (aAhead) return bAhead ? "concurrent" : "after";
  return bAhead ? "before" : "equal";
}

/** The least clock that has seen all that either has: the larger timestamp of every id. */
export function mergeClocks(a: VectorClock, b: VectorClock): VectorClock {
  const merged: ClockEntry[] = [];
  let i = 0;
  let j = 0;
  while (i < a.length && j < b.length) {
    const entryA = a[i]!;
    const entryB = b[j]!;
    const order = compareUtf8(entryA.nodeId, entryB.nodeId);
    if (order < 0) merged.push(entryA);
    else if (order > 0) merged.push(entryB);
    else merged.push(entryA.timestamp >= entryB.timestamp ? entryA : entryB);
    if (order <= 0) i++;
    if (order >= 0) j++;
  }
  while (i < a.length) merged.push(a[i++]!);
  while (j < b.length) merged.push(b[j++]!);
  return merged as readonly ClockEntry[] as VectorClock;
}

/** The clock with this entry in the place of the node's former one, if it had any. */
function withEntry(clock: VectorClock, entry: ClockEntry): VectorClock {
  const entries: ClockEntry[] = [];
  let i = 0;
  while (i < clock.length && compareUtf8(clock[i]!.nodeId, entry.nodeId) < 0) entries.push(clock[i++]!);
  entries.push(entry);
  if (clock[i]?.nodeId === entry.nodeId) i++;
  while (i < clock.length) entries.push(clock[i++]!);
  return entries as readonly ClockEntry[] as VectorClock;
}

/** The timestamp of a node; 0 where the clock does not know it. */
export function clockTimestamp(clock: VectorClock, nodeId: string): bigint {
  for (let i = 0; i < clock.length; i++) {
    const entry = clock[i]!;
    if (entry.nodeId === nodeId) return entry.timestamp;
  }
  return 0n;
}

/** The clock with the node's timestamp raised by one, or to `least` where that is more. */
export function incrementClock(clock: VectorClock, nodeId: string, least = 1n): VectorClock {
  const next = clockTimestamp(clock, nodeId) + 1n;
  const timestamp = next > least ? next : least;
  if (timestamp > maxClockTimestamp) {
    throw new StorageError(
      "RESOURCE_EXHAUSTED",
      `the clock entry of node ${JSON.stringify(nodeId)} is ${maxClockTimestamp}, the largest there is; ` +
        "write with a clock that raises another node's entry",
      { isCallersFault: true },
    );
  }
  return withEntry(clock, { nodeId, timestamp });
}

/** The exact sum of all timestamps. */
export function clockSum(clock: VectorClock): bigint {
  let sum = 0n;
  for (const entry of clock) sum += entry.timestamp;
  return sum;
}

/** Any total order of clocks that every replica shares; says nothing about causality. */
export function orderClocks(a: VectorClock, b: VectorClock): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) {
    const entryA = a[i]!;
    const entryB = b[i]!;
    const order = compareUtf8(entryA.nodeId, entryB.nodeId);
    if (order !== 0) return order;
    if (entryA.timestamp !== entryB.timestamp) return entryA.timestamp < entryB.timestamp ? -1 : 1;
  }
  return a.length - b.length;
}
