/**
 * The storage node: what it means to write, read, delete, repair and scan a tenant's records.
 *
 * A write goes: validation, whether writes are taken (drain, disk guard), room in the store; then look-up, conflict rule
 * and put in one turn (from the start again where the record turns out to need more room); then the wait for durability.
 *
 * Invariants:
 * 1. Between the look-up of a record and its replacement there is no await, so no other call comes between them.
 * 2. Nothing is answered before it is durable, as far as the sync mode promises: not the version returned, not
 *    the tombstones that make a key absent, not the held version that made a write a no-op.
 * 3. A refused call has stored nothing.
 *
 * Other calls may run at every `await`; the buffers that all calls share are never used across one.
 */
import { emptyBytes, Slice } from "../base/bytes.ts";
import { entryKinds, type FoundEntry } from "../engine/internal-key.ts";
import type { Clock } from "../platform/clock.ts";
import { type IncomingVersion, type Resolution, resolve } from "../versions/conflict.ts";
import { encodeRecord, type VersionedRecord } from "../versions/record.ts";
import type { ClockEntry, VectorClock } from "../versions/vector-clock.ts";
import { BatchReader, type RecordVisitor } from "./batch-read.ts";
import { type BatchItem, BatchWriter } from "./batch-write.ts";
import { heldRecord, tellObserver, type WriteResult, writeResult } from "./change.ts";
import { locateCorruption } from "./corruption.ts";
import type { DiskGuard } from "./disk-guard.ts";
import type { Drain } from "./drain.ts";
import type { StorageNodeEnvironment, StorageNodeOptions } from "./environment.ts";
import { EngineKeyBuffer, engineKeyRange } from "./keys.ts";
import type { NodeObserver } from "./node-observer.ts";
import { absentResult, type ReadResult, readResultOf } from "./read-result.ts";
import type { RecordStore } from "./record-store.ts";
import { RecordWalk, type WalkRequest } from "./record-walk.ts";
import { type ScanChunk, type ScanRequest, type ScanVisitor, scanRecords } from "./scan.ts";
import {
  checkClock,
  checkClockGrowth,
  checkKey,
  checkNodeId,
  checkRepairClock,
  checkTenantId,
  checkValueLength,
} from "./validation.ts";

export type { WriteResult } from "./change.ts";
export type { StorageNodeEnvironment, StorageNodeOptions } from "./environment.ts";
export type { ReadResult } from "./read-result.ts";

type ChangeKind = "write" | "delete" | "repair";

/** What a read-modify-write came to. */
interface Applied {
  readonly resolution: Resolution;
  /** Undefined where nothing has to be waited for. */
  readonly durable: Promise<void> | undefined;
}

/** Records up to this size are encoded in one buffer that is kept; a larger one gets its own. */
const keptRecordBytes = 64 * 1024;

export class StorageNode {
  /** What takes the node out of service for writes. */
  readonly drain: Drain;
  readonly #store: RecordStore;
  readonly #diskGuard: DiskGuard;
  readonly #clock: Clock;
  readonly #observer: NodeObserver;
  readonly #options: StorageNodeOptions;
  readonly #key = new EngineKeyBuffer();
  readonly #found: FoundEntry = { value: new Slice(), sequence: 0, kind: entryKinds.value };
  readonly #recordBuffer = new Uint8Array(keptRecordBytes);
  readonly #batchWriter: BatchWriter;
  readonly #batchReader: BatchReader;

  constructor(environment: StorageNodeEnvironment, options: StorageNodeOptions) {
    checkNodeId(options.nodeId);
    this.drain = environment.drain;
    this.#store = environment.store;
    this.#diskGuard = environment.diskGuard;
    this.#clock = environment.clock;
    this.#observer = environment.observer;
    this.#options = options;
    this.#batchWriter = new BatchWriter(environment, options);
    this.#batchReader = new BatchReader(environment, options);
  }

  /**
   * Stores a value. `clock` may be in any order; an empty one stands for a client without causality. The node
   * reads `value` until the promise settles. Resolves when everything that the answer rests on is durable;
   * after COMMIT_LOG_FAILED the write may or may not have happened.
   */
  write(
    tenantId: string,
    key: string,
    value: Uint8Array,
    clock: readonly ClockEntry[],
  ): Promise<WriteResult> {
    return this.#change("write", tenantId, key, value, clock);
  }

  /** Stores a tombstone under the same rules as `write`; goes on while the disk is full. */
  delete(tenantId: string, key: string, clock: readonly ClockEntry[]): Promise<WriteResult> {
    return this.#change("delete", tenantId, key, emptyBytes, clock);
  }

  /** Stores what another replica holds: as `write`, but never without a clock, and a stale one always succeeds. */
  repair(
    tenantId: string,
    key: string,
    value: Uint8Array,
    clock: readonly ClockEntry[],
  ): Promise<WriteResult> {
    return this.#change("repair", tenantId, key, value, clock);
  }

  /**
   * Stores several entries, all or none, each as `write` or `delete` would, in their order; entries of one key meet what
   * those before them made of it. Replicated ones keep their timestamps, need clocks, and succeed where they are stale,
   * as repairs do. One result for each entry. The node reads the values until the promise settles. A refusal names the
   * entry that is to blame, and has stored nothing. Throws INVALID_ARGUMENT past a limit of batches, and as `write`.
   */
  writeBatch(items: readonly BatchItem[], isReplicated = false): Promise<WriteResult[]> {
    return this.#batchWriter.write(items, isReplicated);
  }

  /**
   * What the key holds. Answers at once where that is durable already, else with a promise that waits for it;
   * refuses a bad request by throwing at once. Who may borrow gets, with an answer at once, a value that is the store's
   * own: good until the node is asked again or the turn ends.
   */
  read(
    tenantId: string,
    key: string,
    includeSiblings = false,
    mayBorrow = false,
  ): ReadResult | Promise<ReadResult> {
    checkTenantId(tenantId);
    checkKey(key);
    this.#key.set(tenantId, key);
    const resident = this.#store.whenResident(this.#key.bytes, this.#key.length);
    if (resident === undefined) return this.#readNow(tenantId, key, includeSiblings, mayBorrow);
    return resident.then(() => this.#readNow(tenantId, key, includeSiblings, false));
  }

  /**
   * What each of several keys holds, all as of one moment: `visit` is called for every key in order, at once or before
   * the promise resolves. What it saw may be told when that has happened, or at once where there is no promise. A bad
   * request throws at once.
   */
  readBatch(tenantId: string, keys: readonly string[], visit: RecordVisitor): Promise<void> | undefined {
    return this.#batchReader.read(tenantId, keys, visit);
  }

  #readNow(
    tenantId: string,
    key: string,
    includeSiblings: boolean,
    mayBorrow: boolean,
  ): ReadResult | Promise<ReadResult> {
    const found = this.#found;
    this.#key.set(tenantId, key);
    const result = this.#store.get(this.#key.bytes, this.#key.length, found)
      ? this.#readResult(tenantId, key, includeSiblings)
      : absentResult;
    const durable = this.#store.whenDurable(found.sequence);
    if (mayBorrow && durable === undefined) return result;
    const own = { ...result, value: result.value.slice() };
    return durable === undefined ? own : durable.then(() => own);
  }

  /**
   * Deletes all that this node holds of a tenant, in a time that does not depend on how much that is; goes on while the
   * disk is full. Resolves when it is durable; the space comes back later, with compactions. It is a local act: it makes
   * no clocks, so other replicas keep what they hold, and a write or repair that they send brings records back here.
   */
  async deleteTenant(tenantId: string): Promise<void> {
    checkTenantId(tenantId);
    const { start, end } = engineKeyRange(tenantId, "", "", "");
    const ask = () => this.#store.whenWritable(start.length + end.length);
    for (let room = ask(); room !== undefined; room = ask()) await room;
    await this.#store.deleteRange(start, end).durable;
  }

  /**
   * Shows `visit` the records of a range in key order, in chunks of bounded size, as of the moment of the first
   * one. The view that it reads is closed when the generator ends, is returned from or throws: ABORTED where the view
   * grew too old (go on with a new scan from the last `resumeKey`), or the reason of `signal`.
   */
  scan(
    request: ScanRequest,
    visit: ScanVisitor,
    signal?: AbortSignal,
  ): AsyncGenerator<ScanChunk, void, void> {
    const expiry = { nowMs: this.#clock.nowMs(), gcGraceMs: this.#options.gcGraceMs };
    return scanRecords(this.#store, request, expiry, visit, signal);
  }

  /**
   * A walk over the records of a tenant or of all, as they are stored; see record-walk.ts. Whoever begins it closes it.
   * Throws INVALID_TENANT_ID.
   */
  walk(request: WalkRequest): RecordWalk {
    return new RecordWalk(this.#store, this.#clock, request);
  }

  /** Unix seconds: what was deleted before has expired by now. */
  get deletedBeforeSeconds(): number {
    return Math.max(0, Math.floor((this.#clock.nowMs() - this.#options.gcGraceMs) / 1000));
  }

  /** Applies the conflict rule to the key and waits until what it came to is durable. */
  async #change(
    kind: ChangeKind,
    tenantId: string,
    key: string,
    value: Uint8Array,
    clock: readonly ClockEntry[],
  ): Promise<WriteResult> {
    checkTenantId(tenantId);
    checkKey(key);
    checkValueLength(value.length);
    const incoming = incomingVersion(value, checkClock(clock), kind === "delete");
    if (kind === "repair") checkRepairClock(incoming.clock);
    this.#key.set(tenantId, key);
    const resident = this.#store.whenResident(this.#key.bytes, this.#key.length);
    if (resident !== undefined) await resident;
    let applied = this.#apply(tenantId, key, incoming, clock);
    while (applied instanceof Promise) {
      await applied;
      applied = this.#apply(tenantId, key, incoming, clock);
    }
    tellObserver(this.#observer, applied.resolution, tenantId, key);
    if (applied.durable !== undefined) await applied.durable;
    const reportsStale = kind !== "repair" && this.#options.staleWrite === "report";
    return writeResult(applied.resolution, tenantId, key, reportsStale);
  }

  /** In one turn; where the store has no room it has stored nothing, and is to be called again after the promise. */
  #apply(
    tenantId: string,
    key: string,
    incoming: IncomingVersion,
    clockAsSent: readonly ClockEntry[],
  ): Applied | Promise<void> {
    this.drain.check();
    if (!incoming.isTombstone) this.#diskGuard.check(incoming.value.length);
    // At least this much; how large the record becomes only the look-up tells.
    const room = this.#store.whenWritable(key.length + incoming.value.length);
    if (room !== undefined) return room;
    const { nodeId, limits } = this.#options;
    const nowMs = this.#clock.nowMs();
    this.#key.set(tenantId, key);
    const held = this.#heldRecord(tenantId, key, nowMs);
    checkClockGrowth(clockAsSent, held);
    const resolution = resolve(held, incoming, { nodeId, nowMs, limits });
    if (resolution.record === undefined) {
      return { resolution, durable: this.#store.whenDurable(this.#found.sequence) };
    }
    return this.#put(resolution, resolution.record);
  }

  /** The record of the key in `#key`, or `undefined`; its values are the store's bytes, valid until it is asked again. */
  #heldRecord(tenantId: string, key: string, nowMs: number): VersionedRecord | undefined {
    if (!this.#store.get(this.#key.bytes, this.#key.length, this.#found)) return undefined;
    return heldRecord(this.#found.value, tenantId, key, nowMs, this.#options.gcGraceMs);
  }

  #readResult(tenantId: string, key: string, includeSiblings: boolean): ReadResult {
    try {
      const { gcGraceMs } = this.#options;
      return readResultOf(this.#found.value, includeSiblings, this.#clock.nowMs(), gcGraceMs);
    } catch (error) {
      throw locateCorruption(error, tenantId, key);
    }
  }

  /** Encodes first: the record may point into the held one, whose bytes the store lends only until it is asked again. */
  #put(resolution: Resolution, record: VersionedRecord): Applied | Promise<void> {
    const { recordBytes } = resolution;
    const buffer = recordBytes <= keptRecordBytes ? this.#recordBuffer : new Uint8Array(recordBytes);
    const length = encodeRecord(record, buffer);
    const room = this.#store.whenWritable(this.#key.length + length);
    if (room !== undefined) return room;
    const kind = record[0]!.isTombstone ? entryKinds.tombstone : entryKinds.value;
    const { durable } = this.#store.put(this.#key.bytes, this.#key.length, kind, buffer, length);
    return { resolution, durable };
  }
}

function incomingVersion(value: Uint8Array, clock: VectorClock, isTombstone: boolean): IncomingVersion {
  return { clock, isTombstone, value: new Slice(value), timestampSeconds: undefined };
}
