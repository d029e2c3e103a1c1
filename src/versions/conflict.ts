/**
 * The conflict rule: what becomes of a key's record when a version comes in.
 *
 * The incoming clock against what is held:
 *
 *   empty                            merges all held clocks and raises this node's entry:
 *                                    replaces everything                                     stored
 *   after every held version         replaces everything                                     stored
 *   after some                       replaces those, stands beside the rest                  sibling
 *   concurrent with all              stands beside them                                      sibling
 *   equals one, same content         nothing to do, a retry                                  duplicate
 *   equals one, other content        the larger content stays, on every replica alike        replaced or outranked
 *   before one                       nothing is stored                                       stale
 *
 * *Content order*: a live value above a tombstone, then the value's bytes. Two tombstones have the same content; of
 * two with one clock the later time of deletion stays.
 * *Rank* among siblings: live before tombstone, then the larger exact sum of timestamps, then content order, then
 * `orderClocks`. Times of arrival and deletion play no part, since they differ between replicas.
 *
 * Why replicas agree: the clocks that stay are the maximal ones of all that came in, whatever the order. A
 * maximal clock, once held, is never replaced, so every content that came with it is weighed, and the largest of
 * a set does not depend on the order either.
 *
 * Invariants of every record that comes out:
 * 1. The clocks of its versions are pairwise concurrent, and the highest rank comes first.
 * 2. Its merged clock is at or after that of the record that went in, and of the incoming version.
 * 3. It keeps both limits: when it has to shrink, the lowest rank leaves and its clock goes into that of the
 *    highest, so that neither it nor anything before it comes back.
 */
import { compareSlices, type Slice } from "../base/bytes.ts";
import { StorageError } from "../base/errors.ts";
import { ownTimestamp } from "./own-clock.ts";
import { encodedRecordLength, recordClock, type Version, type VersionedRecord } from "./record.ts";
import {
  clockSum,
  compareClocks,
  emptyClock,
  incrementClock,
  mergeClocks,
  orderClocks,
  type VectorClock,
} from "./vector-clock.ts";

export interface ConflictLimits {
  readonly maxSiblings: number;
  /** Of the whole encoded record. */
  readonly maxRecordBytes: number;
}

/** A version on its way in. */
export interface IncomingVersion {
  /** Empty: from a client without causality. */
  readonly clock: VectorClock;
  readonly isTombstone: boolean;
  readonly value: Slice;
  /** Handed on from where the version was first accepted; `undefined` where that is here and now. */
  readonly timestampSeconds: number | undefined;
}

export interface ConflictContext {
  readonly nodeId: string;
  readonly nowMs: number;
  readonly limits: ConflictLimits;
}

/**
 * `stored`: alone, in the place of all that was held. `sibling`: beside other versions. `duplicate`: held already.
 * `replaced`: in the place of a smaller content with the same clock. `outranked`: a larger content is held under
 * the same clock. `stale`: something that has seen it is held.
 */
export type ConflictOutcome = "stored" | "sibling" | "duplicate" | "replaced" | "outranked" | "stale";

export interface Resolution {
  readonly outcome: ConflictOutcome;
  /** To be stored in the place of what is held; `undefined` where that stays as it is. */
  readonly record: VersionedRecord | undefined;
  /** Encoded length of `record`; 0 without one. */
  readonly recordBytes: number;
  /** The merged clock of what is held in the end. */
  readonly clock: VectorClock;
  /** Versions that are held in the end. */
  readonly siblingCount: number;
  /** Versions that left for the limits; the incoming one may be among them. */
  readonly droppedCount: number;
}

/**
 * Applies the rule. `held` is `undefined` where the key is absent or its record expired. Throws VALUE_TOO_LARGE where
 * the record would pass its size limit with one version alone, RESOURCE_EXHAUSTED where the node's own entry in
 * the clock cannot be raised any more.
 */
export function resolve(
  held: VersionedRecord | undefined,
  incoming: IncomingVersion,
  context: ConflictContext,
): Resolution {
  const versions = held ?? [];
  if (incoming.clock.length === 0) {
    return store("stored", [accept(incoming, recordClock(versions), context)], context);
  }
  const remaining: Version[] = [];
  for (const version of versions) {
    const order = compareClocks(incoming.clock, version.clock);
    if (order === "before") return unchanged("stale", versions);
    // The other held clocks are concurrent with this one, so they are with the incoming one.
    if (order === "equal") return resolveEqual(versions, version, incoming, context);
    if (order === "concurrent") remaining.push(version);
  }
  const outcome = remaining.length === 0 ? "stored" : "sibling";
  remaining.push(accept(incoming, emptyClock, context));
  return store(outcome, remaining, context);
}

/** Whether the record counts as absent: nothing but tombstones, all deleted longer ago than `gcGraceMs`. */
export function isExpired(record: VersionedRecord, nowMs: number, gcGraceMs: number): boolean {
  const cutOffMs = nowMs - gcGraceMs;
  return record.every((version) => version.isTombstone && version.timestampSeconds * 1000 < cutOffMs);
}

/** The version as it is stored; without a clock of its own it gets one that has seen `heldClock`. */
function accept(incoming: IncomingVersion, heldClock: VectorClock, context: ConflictContext): Version {
  const { clock, isTombstone, value } = incoming;
  const timestampSeconds = incoming.timestampSeconds ?? Math.floor(context.nowMs / 1000);
  if (clock.length > 0) return { clock, timestampSeconds, isTombstone, value };
  const ownClock = incrementClock(heldClock, context.nodeId, ownTimestamp(context.nowMs));
  return { clock: ownClock, timestampSeconds, isTombstone, value };
}

/** One clock, two contents, or twice the same one. */
function resolveEqual(
  held: VersionedRecord,
  version: Version,
  incoming: IncomingVersion,
  context: ConflictContext,
): Resolution {
  const order = compareContents(incoming, version);
  if (order < 0) return unchanged("outranked", held);
  if (order === 0 && !isDeletedLater(incoming, version)) return unchanged("duplicate", held);
  const accepted = accept(incoming, emptyClock, context);
  const versions = held.map((each) => (each === version ? accepted : each));
  return store(order === 0 ? "duplicate" : "replaced", versions, context);
}

/** A deletion that is accepted here only now is a retry, and moves no time. */
function isDeletedLater(incoming: IncomingVersion, version: Version): boolean {
  const { isTombstone, timestampSeconds } = incoming;
  return isTombstone && timestampSeconds !== undefined && timestampSeconds > version.timestampSeconds;
}

function compareContents(
  a: Pick<Version, "isTombstone" | "value">,
  b: Pick<Version, "isTombstone" | "value">,
): number {
  if (a.isTombstone !== b.isTombstone) return a.isTombstone ? -1 : 1;
  return compareSlices(a.value, b.value);
}

function unchanged(outcome: ConflictOutcome, held: VersionedRecord): Resolution {
  return {
    outcome,
    record: undefined,
    recordBytes: 0,
    clock: recordClock(held),
    siblingCount: held.length,
    droppedCount: 0,
  };
}

function store(outcome: ConflictOutcome, versions: Version[], context: ConflictContext): Resolution {
  const record = shrink(rank(versions), context.limits);
  const recordBytes = encodedRecordLength(record);
  if (recordBytes > context.limits.maxRecordBytes) throw tooLarge(recordBytes, context.limits);
  return {
    outcome,
    record,
    recordBytes,
    clock: recordClock(record),
    siblingCount: record.length,
    droppedCount: versions.length - record.length,
  };
}

/** The versions with the highest rank first. */
function rank(versions: Version[]): Version[] {
  if (versions.length < 2) return versions;
  const ranked = versions.map((version) => ({ version, sum: clockSum(version.clock) }));
  ranked.sort((a, b) => {
    if (a.version.isTombstone !== b.version.isTombstone) return a.version.isTombstone ? 1 : -1;
    if (a.sum !== b.sum) return a.sum > b.sum ? -1 : 1;
    return compareContents(b.version, a.version) || orderClocks(b.version.clock, a.version.clock);
  });
  return ranked.map(({ version }) => version);
}

/** Lets the lowest rank go until both limits are kept, or one version is left. */
function shrink(ranked: Version[], limits: ConflictLimits): Version[] {
  let versions = ranked;
  while (versions.length > 1 && isOverLimit(versions, limits)) {
    const [highest, ...others] = versions as [Version, ...Version[]];
    const lowest = others.pop()!;
    const clock = mergeClocks(highest.clock, lowest.clock);
    // Together the two clocks may have seen a third version, which would count as stale elsewhere: it leaves too.
    const concurrent = others.filter((version) => compareClocks(version.clock, clock) === "concurrent");
    versions = [{ ...highest, clock }, ...concurrent];
  }
  return versions;
}

function isOverLimit(versions: Version[], limits: ConflictLimits): boolean {
  return versions.length > limits.maxSiblings || encodedRecordLength(versions) > limits.maxRecordBytes;
}

function tooLarge(recordBytes: number, limits: ConflictLimits): StorageError {
  return new StorageError(
    "VALUE_TOO_LARGE",
    `the record would have ${recordBytes} bytes, its vector clock included; ` +
      `at most ${limits.maxRecordBytes} are allowed (conflict.max_record_bytes)`,
  );
}
