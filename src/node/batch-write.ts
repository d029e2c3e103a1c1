/**
 * Batches of writes: all entries of a call are stored together, or none is.
 *
 * Everything that can be wrong with an entry is found first. Then, in one turn, every entry meets the record that its
 * key holds, which for the second entry of a key is what the first one made of it, and the records that come out go
 * to the store as one batch. Where there is no room yet it is waited for, and the turn begins anew.
 *
 * Invariants:
 * 1. Between the first look-up and the batch there is no await: no other call comes between them, so the outcome is
 *    that of single writes, one after the other, with nothing in between.
 * 2. Nothing is answered before all that the results rest on is durable.
 * 3. A refused batch has stored nothing; the refusal says which entry is to blame, if one is.
 */
import { Slice } from "../base/bytes.ts";
import { StorageError } from "../base/errors.ts";
import { utf8Length } from "../base/utf8.ts";
import { entryKinds, type FoundEntry, type SequenceNumber } from "../engine/internal-key.ts";
import { type IncomingVersion, type Resolution, resolve } from "../versions/conflict.ts";
import { encodeRecord, type VersionedRecord } from "../versions/record.ts";
import type { ClockEntry, VectorClock } from "../versions/vector-clock.ts";
import { atPlace } from "./batch-place.ts";
import { heldRecord, tellObserver, type WriteResult, writeResult } from "./change.ts";
import type { StorageNodeEnvironment, StorageNodeOptions } from "./environment.ts";
import { EngineKeyBuffer, encodeEngineKey } from "./keys.ts";
import type { StoreEntry } from "./record-store.ts";
import {
  checkBatchBytes,
  checkBatchCount,
  checkClock,
  checkClockGrowth,
  checkKey,
  checkReplicated,
  checkTenantId,
  checkValue,
} from "./validation.ts";

/** One entry as it came. */
export interface BatchItem {
  readonly tenantId: string;
  readonly key: string;
  readonly value: Uint8Array;
  readonly clock: readonly ClockEntry[];
  readonly isTombstone: boolean;
  /** Unix seconds; counts for replicated batches alone. */
  readonly timestampSeconds: number;
}

interface CheckedBatch {
  readonly items: readonly BatchItem[];
  /** One for each item. */
  readonly versions: readonly IncomingVersion[];
  /** Of tenant ids, keys and values, at least. */
  readonly sizeBytes: number;
  /** Of the values that are not those of tombstones; undefined where all are tombstones. */
  readonly liveValueBytes: number | undefined;
}

interface AppliedBatch {
  /** One for each item. */
  readonly resolutions: readonly Resolution[];
  /** Undefined where nothing has to be waited for. */
  readonly durable: Promise<void> | undefined;
}

export class BatchWriter {
  readonly #environment: StorageNodeEnvironment;
  readonly #options: StorageNodeOptions;
  readonly #key = new EngineKeyBuffer();
  readonly #found: FoundEntry = { value: new Slice(), sequence: 0, kind: entryKinds.value };

  constructor(environment: StorageNodeEnvironment, options: StorageNodeOptions) {
    this.#environment = environment;
    this.#options = options;
  }

  /** See `StorageNode.writeBatch`. */
  async write(items: readonly BatchItem[], isReplicated: boolean): Promise<WriteResult[]> {
    checkBatchCount(items.length, this.#options.batchLimits);
    if (items.length === 0) return [];
    const batch = this.#check(items, isReplicated);
    await this.#whenResident(items);
    let applied = this.#apply(batch);
    while (applied instanceof Promise) {
      await applied;
      applied = this.#apply(batch);
    }
    const { resolutions, durable } = applied;
    for (let index = 0; index < items.length; index++) {
      const { tenantId, key } = items[index]!;
      tellObserver(this.#environment.observer, resolutions[index]!, tenantId, key);
    }
    if (durable !== undefined) await durable;
    const reportsStale = !isReplicated && this.#options.staleWrite === "report";
    return items.map(({ tenantId, key }, index) =>
      writeResult(resolutions[index]!, tenantId, key, reportsStale),
    );
  }

  #check(items: readonly BatchItem[], isReplicated: boolean): CheckedBatch {
    const versions: IncomingVersion[] = [];
    let sizeBytes = 0;
    let liveValueBytes: number | undefined;
    forEach(items, (item) => {
      const { tenantId, key, value, isTombstone, timestampSeconds } = item;
      const clock = checkItem(item, isReplicated);
      sizeBytes += utf8Length(tenantId) + utf8Length(key) + value.length;
      if (!isTombstone) liveValueBytes = (liveValueBytes ?? 0) + value.length;
      const timestamp = isReplicated ? timestampSeconds : undefined;
      versions.push({ clock, isTombstone, value: new Slice(value), timestampSeconds: timestamp });
    });
    checkBatchBytes(sizeBytes, this.#options.batchLimits);
    return { items, versions, sizeBytes, liveValueBytes };
  }

  /** Waits until look-ups of all keys will hardly have to wait for the disk. */
  async #whenResident(items: readonly BatchItem[]): Promise<void> {
    const waits: Promise<void>[] = [];
    for (const { tenantId, key } of items) {
      this.#key.set(tenantId, key);
      const resident = this.#environment.store.whenResident(this.#key.bytes, this.#key.length);
      if (resident !== undefined) waits.push(resident);
    }
    if (waits.length > 0) await Promise.all(waits);
  }

  /** In one turn; where the store has no room it has stored nothing, and is to be called again after the promise. */
  #apply(batch: CheckedBatch): AppliedBatch | Promise<void> {
    const { store, diskGuard, clock } = this.#environment;
    const { items, versions, sizeBytes, liveValueBytes } = batch;
    if (liveValueBytes !== undefined) diskGuard.check(liveValueBytes);
    // At least this much; how large the records become only the look-ups tell.
    const room = store.whenWritable(sizeBytes, items.length);
    if (room !== undefined) return room;
    const changes = new BatchChanges();
    const resolutions: Resolution[] = [];
    const nowMs = clock.nowMs();
    forEach(items, (item, index) => {
      // No tenant id holds ":".
      const id = `${item.tenantId}:${item.key}`;
      const held = this.#held(id, item, changes, nowMs);
      checkClockGrowth(item.clock, held);
      const { nodeId, limits } = this.#options;
      const resolution = resolve(held, versions[index]!, { nodeId, nowMs, limits });
      // Encodes at once: the record may point into the held one, which the store lends only until it is asked again.
      if (resolution.record !== undefined) changes.set(id, item, resolution.record, resolution.recordBytes);
      resolutions.push(resolution);
    });
    const entries = changes.entries();
    if (entries.length === 0) return { resolutions, durable: store.whenDurable(changes.heldSequence) };
    const roomForRecords = store.whenWritable(changes.entryBytes, entries.length);
    if (roomForRecords !== undefined) return roomForRecords;
    return { resolutions, durable: store.write(entries).durable };
  }

  /** What the key holds by now: what this batch made of it, or what the store has. */
  #held(
    id: string,
    { tenantId, key }: BatchItem,
    changes: BatchChanges,
    nowMs: number,
  ): VersionedRecord | undefined {
    const { gcGraceMs } = this.#options;
    const changed = changes.recordOf(id);
    if (changed !== undefined) return heldRecord(changed, tenantId, key, nowMs, gcGraceMs);
    this.#key.set(tenantId, key);
    const found = this.#found;
    const isFound = this.#environment.store.get(this.#key.bytes, this.#key.length, found);
    changes.heldSequence = Math.max(changes.heldSequence, found.sequence);
    return isFound ? heldRecord(found.value, tenantId, key, nowMs, gcGraceMs) : undefined;
  }
}

/** What a batch comes to while it is put together: one entry of the store for each key that changes. */
class BatchChanges {
  /** The newest entry of the store that results rest on. */
  heldSequence: SequenceNumber = 0;
  /** Of the keys and values of all entries. */
  entryBytes = 0;
  /** By tenant and key, in the order in which they first changed. */
  readonly #entries = new Map<string, StoreEntry>();

  entries(): StoreEntry[] {
    return [...this.#entries.values()];
  }

  /** The record that the batch has made of the key so far. */
  recordOf(id: string): Slice | undefined {
    const entry = this.#entries.get(id);
    return entry === undefined ? undefined : new Slice(entry.value);
  }

  set(id: string, { tenantId, key }: BatchItem, record: VersionedRecord, recordBytes: number): void {
    const value = new Uint8Array(recordBytes);
    encodeRecord(record, value);
    const kind = record[0]!.isTombstone ? entryKinds.tombstone : entryKinds.value;
    const former = this.#entries.get(id);
    const engineKey = former?.key ?? encodeEngineKey(tenantId, key);
    this.#entries.set(id, { kind, key: engineKey, value });
    this.entryBytes += former === undefined ? engineKey.length : -former.value.length;
    this.entryBytes += recordBytes;
  }
}

/** Visits the items in order; a failure says at which one it happened. */
function forEach(items: readonly BatchItem[], visit: (item: BatchItem, index: number) => void): void {
  let index = 0;
  try {
    for (; index < items.length; index++) visit(items[index]!, index);
  } catch (error) {
    throw atPlace("entries", index, error);
  }
}

/** The item's clock, where all of the item is as it should be. */
function checkItem(item: BatchItem, isReplicated: boolean): VectorClock {
  checkTenantId(item.tenantId);
  checkKey(item.key);
  checkValue(item.value);
  if (item.isTombstone && item.value.length > 0) {
    throw new StorageError(
      "INVALID_ARGUMENT",
      `a tombstone has no value; this one has ${item.value.length} bytes`,
    );
  }
  const clock = checkClock(item.clock);
  if (isReplicated) checkReplicated(clock, item.isTombstone, item.timestampSeconds);
  return clock;
}
