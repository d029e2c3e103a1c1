/** What single writes and batches share: the record that is held, and what a change of it is told as. */
import type { Slice } from "../base/bytes.ts";
import { type ConflictOutcome, isExpired, type Resolution } from "../versions/conflict.ts";
import { decodeRecord, type VersionedRecord } from "../versions/record.ts";
import type { VectorClock } from "../versions/vector-clock.ts";
import { locateCorruption } from "./corruption.ts";
import type { NodeObserver } from "./node-observer.ts";

export interface WriteResult {
  readonly outcome: ConflictOutcome;
  /** The merged clock of what the key holds now. */
  readonly clock: VectorClock;
  /** Versions that the key holds now. */
  readonly siblingCount: number;
  /**
   * Begins with `stale write`; defined where the write was stale and the node reports that: the answer is then
   * in-band `success = false` with this message.
   */
  readonly staleMessage: string | undefined;
}

/** The record in these bytes, whose values stay ranges of them; `undefined` where it has expired. */
export function heldRecord(
  bytes: Slice,
  tenantId: string,
  key: string,
  nowMs: number,
  gcGraceMs: number,
): VersionedRecord | undefined {
  try {
    const record = decodeRecord(bytes);
    return isExpired(record, nowMs, gcGraceMs) ? undefined : record;
  } catch (error) {
    throw locateCorruption(error, tenantId, key);
  }
}

export function writeResult(
  resolution: Resolution,
  tenantId: string,
  key: string,
  reportsStale: boolean,
): WriteResult {
  const { outcome, clock, siblingCount } = resolution;
  const staleMessage =
    outcome === "stale" && reportsStale
      ? `stale write: key ${JSON.stringify(key)} of tenant ${JSON.stringify(tenantId)} holds a version ` +
        "whose clock has seen this one; nothing was stored"
      : undefined;
  return { outcome, clock, siblingCount, staleMessage };
}

export function tellObserver(
  observer: NodeObserver,
  resolution: Resolution,
  tenantId: string,
  key: string,
): void {
  const { outcome, siblingCount, droppedCount } = resolution;
  if (outcome === "stale") observer.staleWrite(tenantId, key);
  if (outcome === "outranked") observer.equalClockConflict(tenantId, key, "held");
  if (outcome === "replaced") observer.equalClockConflict(tenantId, key, "incoming");
  if (outcome === "sibling") observer.siblingStored(tenantId, key, siblingCount);
  if (droppedCount > 0) observer.siblingsDropped(tenantId, key, droppedCount);
}
