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
import { encodeEngineKey } from "./keys.ts";
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
  /** As the store has them, each once, in the order in which they come first. */
  readonly keys: readonly Uint8Array[];
  /** For each item the place of its key. */
  readonly keyIndexes: readonly number[];
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
    const resident = this.#environment.store.whenAllResident(batch.keys);
    if (resident !== undefined) await resident;
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
    const keys = new BatchKeys();
    const keyIndexes: number[] = [];
    let sizeBytes = 0;
    let liveValueBytes: number | undefined;
    forEach(items, (item) => {
      const { tenantId, key, value, isTombstone, timestampSeconds } = item;
      const clock = checkItem(item, isReplicated);
      sizeBytes += utf8Length(tenantId) + utf8Length(key) + value.length;
      if (!isTombstone) liveValueBytes = (liveValueBytes ?? 0) + value.length;
      const timestamp = isReplicated ? timestampSeconds : undefined;
      versions.push({ clock, isTombstone, value: new Slice(value), timestampSeconds: timestamp });
      keyIndexes.push(keys.indexOf(tenantId, key));
    });
    checkBatchBytes(sizeBytes, this.#options.batchLimits);
    return { items, versions, keys: keys.encoded, keyIndexes, sizeBytes, liveValueBytes };
  }

  /** In one turn; where the store has no room it has stored nothing, and is to be called again after the promise. */
  #apply(batch: CheckedBatch): AppliedBatch | Promise<void> {
    const { store, drain, diskGuard, clock } = this.#environment;
    const { items, versions, keys, keyIndexes, sizeBytes, liveValueBytes } = batch;
    drain.check();
    if (liveValueBytes !== undefined) diskGuard.check(liveValueBytes);
    // At least this much; how large the records become only the look-ups tell.
    const room = store.whenWritable(sizeBytes, items.length);
    if (room !== undefined) return room;
    const changes = new BatchChanges(keys);
    const resolutions: Resolution[] = [];
    const { nodeId, limits } = this.#options;
    const context = { nodeId, nowMs: clock.nowMs(), limits };
    forEach(items, (item, index) => {
      const keyIndex = keyIndexes[index]!;
      const held = this.#held(item, keyIndex, changes, context.nowMs);
      checkClockGrowth(item.clock, held);
      const resolution = resolve(held, versions[index]!, context);
      // Encodes at once: the record may point into the held one, which the store lends only until it is asked again.
      if (resolution.record !== undefined) changes.set(keyIndex, resolution.record, resolution.recordBytes);
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
    { tenantId, key }: BatchItem,
    keyIndex: number,
    changes: BatchChanges,
    nowMs: number,
  ): VersionedRecord | undefined {
    const { gcGraceMs } = this.#options;
    const changed = changes.recordOf(keyIndex);
    if (changed !== undefined) return heldRecord(new Slice(changed), tenantId, key, nowMs, gcGraceMs);
    const found = this.#found;
    const engineKey = changes.keys[keyIndex]!;
    const isFound = this.#environment.store.get(engineKey, engineKey.length, found);
    if (found.sequence > changes.heldSequence) changes.heldSequence = found.sequence;
    return isFound ? heldRecord(found.value, tenantId, key, nowMs, gcGraceMs) : undefined;
  }
}

/** The keys of a batch, each once. */
class BatchKeys {
  readonly encoded: Uint8Array[] = [];
  readonly #indexes = new Map<string, number>();

  indexOf(tenantId: string, key: string): number {
    // No tenant id holds ":".
    const id = `${tenantId}:${key}`;
    const known = this.#indexes.get(id);
    if (known !== undefined) return known;
    const index = this.encoded.length;
    this.#indexes.set(id, index);
    this.encoded.push(encodeEngineKey(tenantId, key));
    return index;
  }
}

/** What a batch comes to while it is put together: one entry of the store for each key that changes. */
class BatchChanges {
  readonly keys: readonly Uint8Array[];
  /** The newest entry of the store that results rest on. */
  heldSequence: SequenceNumber = 0;
  /** Of the keys and values of all entries. */
  entryBytes = 0;
  /** One for each key. */
  readonly #entries: (StoreEntry | undefined)[];

  constructor(keys: readonly Uint8Array[]) {
    this.keys = keys;
    this.#entries = new Array<StoreEntry | undefined>(keys.length).fill(undefined);
  }

  entries(): StoreEntry[] {
    return this.#entries.filter((entry) => entry !== undefined);
  }

  /** The record that the batch has made of the key so far. */
  recordOf(keyIndex: number): Uint8Array | undefined {
    return this.#entries[keyIndex]?.value;
  }

  set(keyIndex: number, record: VersionedRecord, recordBytes: number): void {
    const value = new Uint8Array(recordBytes);
    encodeRecord(record, value);
    const key = this.keys[keyIndex]!;
    const former = this.#entries[keyIndex];
    this.entryBytes += recordBytes + (former === undefined ? key.length : -former.value.length);
    const kind = record[0]!.isTombstone ? entryKinds.tombstone : entryKinds.value;
    this.#entries[keyIndex] = { kind, key, value };
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
