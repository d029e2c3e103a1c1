/** What a storage node is made of, and what is said to it when it is made. */
import type { Clock } from "../platform/clock.ts";
import type { ConflictLimits } from "../versions/conflict.ts";
import type { DiskGuard } from "./disk-guard.ts";
import type { Drain } from "./drain.ts";
import type { NodeObserver } from "./node-observer.ts";
import type { RecordStore } from "./record-store.ts";

export interface StorageNodeOptions {
  /** This node's id: its entry in the clocks of clients that send none. 1 to 128 bytes. */
  readonly nodeId: string;
  readonly limits: ConflictLimits;
  readonly batchLimits: BatchLimits;
  /** Whether a stale write is answered like any other, or told so. */
  readonly staleWrite: "accept" | "report";
  /** A record of tombstones older than this counts as absent. */
  readonly gcGraceMs: number;
}

export interface BatchLimits {
  /** Of a batch of writes, and keys of a batch of reads. */
  readonly maxEntries: number;
  /** Of the tenant ids, keys and values of a batch of writes. */
  readonly maxBytes: number;
}

export interface StorageNodeEnvironment {
  readonly store: RecordStore;
  readonly diskGuard: DiskGuard;
  readonly drain: Drain;
  readonly clock: Clock;
  readonly observer: NodeObserver;
}
