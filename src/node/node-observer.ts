/**
 * What the node tells the outside. It calls these as things happen, on the main thread; an observer returns at
 * once and never throws.
 */
import type { DiskState } from "./disk-guard.ts";

export interface NodeObserver {
  /** A write or repair whose clock is before that of a version held: nothing was stored. */
  staleWrite(tenantId: string, key: string): void;
  /**
   * Two writes with one clock and different contents, which a correct client never sends: the larger content
   * stays, `kept` says whether that is the one already held.
   */
  equalClockConflict(tenantId: string, key: string, kept: "held" | "incoming"): void;
  /** A version was stored beside others; `siblingCount` is how many there are now. */
  siblingStored(tenantId: string, key: string, siblingCount: number): void;
  /** A limit on siblings or record size made versions leave; their clocks stay known. */
  siblingsDropped(tenantId: string, key: string, droppedCount: number): void;
  /** The file system's usage passed a threshold; `usedShare` is 0 to 1. */
  diskStateChanged(state: DiskState, usedShare: number): void;
}

const ignore = (): void => {};

export const silentNodeObserver: NodeObserver = {
  staleWrite: ignore,
  equalClockConflict: ignore,
  siblingStored: ignore,
  siblingsDropped: ignore,
  diskStateChanged: ignore,
};
