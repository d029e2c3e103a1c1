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
import { entryKinds, type FoundEntry } from "../engine/internal-key.ts";
import { type Resolution, resolve } from "../versions/conflict.ts";
import type { RaisedClock } from "../versions/own-clock.ts";
import {
  encodeRecord,
  encodeSingleVersion,
  readFirstVersion,
  singleVersionLength,
  VersionLayout,
} from "../versions/record.ts";
import { type ClockEntry, clockFrom } from "../versions/vector-clock.ts";
import { BatchEntries, type BatchEntry } from "./batch-entries.ts";
import { BatchKeys } from "./batch-keys.ts";
import { atPlace } from "./batch-place.ts";
import { BatchTurn } from "./batch-turn.ts";
import { heldRecord, tellObserver, type WriteResult, writeResult } from "./change.ts";
import { locateCorruption } from "./corruption.ts";
import type { StorageNodeEnvironment, StorageNodeOptions } from "./environment.ts";
import { EngineKeyBuffer } from "./keys.ts";
import {
  checkBatchBytes,
  checkBatchCount,
  checkClock,
  checkClockGrowth,
  checkKey,
  checkReplicated,
  checkTenantId,
  checkValueLength,
} from "./validation.ts";

/** One entry as it came. */
export interface BatchItem {
  readonly tenantId: string;
  readonly key: string;
  readonly value: Slice;
  readonly clock: readonly ClockEntry[];
  readonly isTombstone: boolean;
  /** Unix seconds; counts for replicated batches alone. */
  readonly timestampSeconds: number;
}

interface CheckedBatch {
  readonly items: readonly BatchItem[];
  readonly isReplicated: boolean;
  /** For each item the place of its key among the different ones, in the order in which they come first. */
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
  readonly #key = new EngineKeyBuffer();
  readonly #entries = new BatchEntries();

  constructor(environment: StorageNodeEnvironment, options: StorageNodeOptions) {
    this.#environment = environment;
    this.#options = options;
  }

  /** See `StorageNode.writeBatch`. */
  async write(items: readonly BatchItem[], isReplicated: boolean): Promise<WriteResult[]> {
    checkBatchCount(items.length, this.#options.batchLimits);
    if (items.length === 0) return [];
    const batch = this.#check(items, isReplicated);
    const resident = this.#whenResident(items);
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
    return this.#results(batch, resolutions);
  }

  /** Items that came to the same share one result. */
  #results({ items, isReplicated }: CheckedBatch, resolutions: readonly Resolution[]): WriteResult[] {
    const reportsStale = !isReplicated && this.#options.staleWrite === "report";
    const results: WriteResult[] = [];
    for (let index = 0; index < items.length; index++) {
      const { tenantId, key } = items[index]!;
      const isLikeLast = index > 0 && resolutions[index] === resolutions[index - 1];
      results.push(
        isLikeLast ? results[index - 1]! : writeResult(resolutions[index]!, tenantId, key, reportsStale),
      );
    }
    return results;
  }

  #check(items: readonly BatchItem[], isReplicated: boolean): CheckedBatch {
    const keys = new BatchKeys();
    const keyIndexes: number[] = [];
    let sizeBytes = 0;
    let liveValueBytes: number | undefined;
    let tenantId: string | undefined;
    let tenantIdBytes = 0;
    forEach(items, (item) => {
      if (item.tenantId !== tenantId) {
        checkTenantId(item.tenantId);
        ({ tenantId } = item);
        tenantIdBytes = utf8Length(tenantId);
      }
      checkItem(item, isReplicated);
      const { key, value, isTombstone } = item;
      sizeBytes += tenantIdBytes + utf8Length(key) + value.length;
      if (!isTombstone) liveValueBytes = (liveValueBytes ?? 0) + value.length;
      keyIndexes.push(keys.indexOf(tenantId, key));
    });
    checkBatchBytes(sizeBytes, this.#options.batchLimits);
    return { items, isReplicated, keyIndexes, sizeBytes, liveValueBytes };
  }

  #whenResident(items: readonly BatchItem[]): Promise<unknown> | undefined {
    const waits: Promise<void>[] = [];
    for (let index = 0; index < items.length; index++) {
      const { tenantId, key } = items[index]!;
      this.#key.set(tenantId, key);
      const resident = this.#environment.store.whenResident(this.#key.bytes, this.#key.length);
      if (resident !== undefined) waits.push(resident);
    }
    return waits.length === 0 ? undefined : Promise.all(waits);
  }

  /** In one turn; where the store has no room it has stored nothing, and is to be called again after the promise. */
  #apply(batch: CheckedBatch): AppliedBatch | Promise<void> {
    const { store, drain, diskGuard, clock } = this.#environment;
    const { items, keyIndexes, sizeBytes, liveValueBytes } = batch;
    drain.check();
    if (liveValueBytes !== undefined) diskGuard.check(liveValueBytes);
    // At least this much; how large the records become only the look-ups tell.
    const room = store.whenWritable(sizeBytes, items.length);
    if (room !== undefined) return room;
    this.#entries.clear();
    const { nodeId, limits } = this.#options;
    const turn = new BatchTurn({ nodeId, nowMs: clock.nowMs(), limits });
    const resolutions: Resolution[] = [];
    forEach(items, (item, index) => {
      const keyIndex = keyIndexes[index]!;
      if (keyIndex < this.#entries.count) {
        resolutions.push(this.#changeAgain(item, this.#entries.at(keyIndex), batch, turn));
        return;
      }
      const entry = this.#entries.add();
      entry.setKey(item.tenantId, item.key);
      resolutions.push(this.#change(item, entry, batch, turn));
    });
    const entries = this.#entries.changed();
    if (entries.length === 0) return { resolutions, durable: store.whenDurable(turn.heldSequence) };
    let entryBytes = 0;
    for (const { keyLength, valueLength } of entries) entryBytes += keyLength + valueLength;
    const roomForRecords = store.whenWritable(entryBytes, entries.length);
    if (roomForRecords !== undefined) return roomForRecords;
    return { resolutions, durable: store.write(entries).durable };
  }

  /** The first change of a key in this batch: of what the store holds. */
  #change(item: BatchItem, entry: BatchEntry, batch: CheckedBatch, turn: BatchTurn): Resolution {
    const found = this.#found;
    const isFound = this.#environment.store.get(entry.key, entry.keyLength, found);
    if (found.sequence > turn.heldSequence) turn.heldSequence = found.sequence;
    const held = isFound ? found.value : undefined;
    return this.#stamp(item, entry, held, turn) ?? this.#resolve(item, entry, held, batch, turn);
  }

  /** A further one: of what the batch made of the key. */
  #changeAgain(item: BatchItem, entry: BatchEntry, batch: CheckedBatch, turn: BatchTurn): Resolution {
    const held = entry.isChanged ? new Slice(entry.value, 0, entry.valueLength) : undefined;
    return held === undefined
      ? this.#change(item, entry, batch, turn)
      : this.#resolve(item, entry, held, batch, turn);
  }

  /**
   * The short way to what `resolve` comes to, for an item without a clock whose key holds one live version at most:
   * the new one takes its place, with its clock raised. Undefined where that is not so.
   */
  #stamp(
    item: BatchItem,
    entry: BatchEntry,
    held: Slice | undefined,
    turn: BatchTurn,
  ): Resolution | undefined {
    const { clock, isTombstone, value } = item;
    if (clock.length > 0) return undefined;
    const raised = held === undefined ? turn.clocks.first : this.#raised(item, held, turn);
    if (raised === undefined) return undefined;
    const { timestampSeconds, context } = turn;
    const recordBytes = singleVersionLength(timestampSeconds, raised.bytes.length, value.length);
    if (recordBytes > context.limits.maxRecordBytes) return undefined;
    const target = entry.takeRoom(isTombstone ? entryKinds.tombstone : entryKinds.value, recordBytes);
    encodeSingleVersion(isTombstone, timestampSeconds, raised.bytes, value, target);
    return turn.storedWith(raised);
  }

  #raised({ tenantId, key }: BatchItem, held: Slice, { clocks }: BatchTurn): RaisedClock | undefined {
    try {
      // Whether a tombstone counts depends on its age.
      if (readFirstVersion(held, layout) > 1 || layout.isTombstone) return undefined;
    } catch (error) {
      throw locateCorruption(error, tenantId, key);
    }
    return clocks.raise(held.bytes, layout.clockStart, layout.clockLength);
  }

  #resolve(
    item: BatchItem,
    entry: BatchEntry,
    heldBytes: Slice | undefined,
    { isReplicated }: CheckedBatch,
    { context }: BatchTurn,
  ): Resolution {
    const { tenantId, key, isTombstone, value } = item;
    const { gcGraceMs } = this.#options;
    const held =
      heldBytes === undefined ? undefined : heldRecord(heldBytes, tenantId, key, context.nowMs, gcGraceMs);
    checkClockGrowth(item.clock, held);
    const timestampSeconds = isReplicated ? item.timestampSeconds : undefined;
    const incoming = { clock: clockFrom(item.clock), isTombstone, value, timestampSeconds };
    const resolution = resolve(held, incoming, context);
    const { record, recordBytes } = resolution;
    // Encodes at once: the record may point into the held one, which the store lends only until it is asked again.
    if (record !== undefined) {
      const kind = record[0]!.isTombstone ? entryKinds.tombstone : entryKinds.value;
      encodeRecord(record, entry.takeRoom(kind, recordBytes));
    }
    return resolution;
  }
}

/** One for all: nothing waits between its steps. */
const layout = new VersionLayout();

/** Visits the items in order; a failure says at which one it happened. */
function forEach(items: readonly BatchItem[], visit: (item: BatchItem, index: number) => void): void {
  let index = 0;
  try {
    for (; index < items.length; index++) visit(items[index]!, index);
  } catch (error) {
    throw atPlace("entries", index, error);
  }
}

/** All of the item but its tenant. */
function checkItem(item: BatchItem, isReplicated: boolean): void {
  checkKey(item.key);
  checkValueLength(item.value.length);
  if (item.isTombstone && item.value.length > 0) {
    throw new StorageError(
      "INVALID_ARGUMENT",
      `a tombstone has no value; this one has ${item.value.length} bytes`,
    );
  }
  if (item.clock.length === 0 && !isReplicated) return;
  const clock = checkClock(item.clock);
  if (isReplicated) checkReplicated(clock, item.isTombstone, item.timestampSeconds);
}
