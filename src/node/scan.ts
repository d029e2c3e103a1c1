/**
 * Scans: the live records of a range, in key order, in chunks; with the deleted ones, where that is asked for.
 *
 * A scan reads one pinned view, so it shows the store as of its start, whatever is written meanwhile. Whoever asked
 * for it takes the records one after the other, as they lie in the store; the scan cuts them into chunks of bounded
 * size, and lets other work run between chunks, and after every stretch of entries that gave no record, such as a
 * long run of tombstones.
 *
 * Invariants:
 * 1. What is shown is valid until the visitor returns; a cursor's bytes are never used after an await, since the view
 *    may end there.
 * 2. The view is closed however the scan ends.
 */
import { Slice } from "../base/bytes.ts";
import { StorageError } from "../base/errors.ts";
import { compareUtf8, utf8Length } from "../base/utf8.ts";
import { type EntryCursor, entryKinds } from "../engine/internal-key.ts";
import { locateCorruption } from "./corruption.ts";
import { type EngineKeyRange, engineKeyRange, splitEngineKey } from "./keys.ts";
import type { RecordStore, RecordView } from "./record-store.ts";
import { nextScanTurn } from "./scan-turns.ts";
import { ShownRecord } from "./shown-record.ts";
import { checkKeyBound, checkLimit, checkTenantId } from "./validation.ts";

export interface ScanRequest {
  readonly tenantId: string;
  /** First key; empty: from the tenant's first. */
  readonly startKey: string;
  /** First key that is not wanted any more; empty: to the tenant's last. */
  readonly endKey: string;
  /** Only keys that begin with this; empty or absent: all. */
  readonly prefix?: string;
  /** The most records in all; 0: no limit. */
  readonly limit: number;
  /** Values do not count for the size of a chunk. */
  readonly keysOnly?: boolean;
  /** Shows deleted records as well, as long as they have not expired. */
  readonly withDeleted?: boolean;
}

/** When tombstones expire, as of a scan's start. */
export interface Expiry {
  readonly nowMs: number;
  readonly gcGraceMs: number;
}

/** Takes a record of a chunk; its key, in UTF-8, and the record are valid until it returns. */
export type ScanVisitor = (key: Slice, record: ShownRecord) => void;

/** The visitor has seen all records of a chunk: none only where it ends the scan. */
export interface ScanChunk {
  /** The key of the next record, in UTF-8: a scan that starts there goes on after this chunk. `undefined` at the end. */
  readonly resumeKey: Uint8Array | undefined;
}

const maxChunkRecords = 1024;
/** Of keys and encoded records; a single record may be larger. */
const maxChunkBytes = 128 * 1024;
/** Entries of any kind in one turn of the event loop. */
const maxEntriesPerTurn = 2048;

/** Checks the request at once; the view is taken when the first chunk is asked for. See `StorageNode.scan`. */
export function scanRecords(
  store: RecordStore,
  request: ScanRequest,
  expiry: Expiry,
  visit: ScanVisitor,
  signal?: AbortSignal,
): AsyncGenerator<ScanChunk, void, void> {
  const { tenantId, startKey, endKey, prefix = "" } = request;
  checkTenantId(tenantId);
  checkKeyBound(startKey);
  checkKeyBound(endKey);
  checkKeyBound(prefix);
  checkLimit(request.limit);
  checkOrder(startKey, endKey);
  const range = engineKeyRange(tenantId, startKey, endKey, prefix);
  return scanRange(store, range, new ScanRun(request, expiry, visit), signal);
}

/** Equal bounds are a range without keys; those that are upside down are a mistake. */
function checkOrder(startKey: string, endKey: string): void {
  if (endKey === "" || compareUtf8(startKey, endKey) <= 0) return;
  throw new StorageError(
    "INVALID_ARGUMENT",
    `the start of the range, ${JSON.stringify(startKey)}, is behind its end, ${JSON.stringify(endKey)}`,
  );
}

async function* scanRange(
  store: RecordStore,
  range: EngineKeyRange,
  run: ScanRun,
  signal: AbortSignal | undefined,
): AsyncGenerator<ScanChunk, void, void> {
  if (range.isEmpty) {
    yield { resumeKey: undefined };
    return;
  }
  // Of many scans that begin at once, each takes its turn.
  await nextScanTurn();
  const view = store.view();
  try {
    await view.whenStretchResident(range.start);
    yield* chunksOf(view, range, run, signal);
  } finally {
    view.close();
  }
}

async function* chunksOf(
  view: RecordView,
  range: EngineKeyRange,
  run: ScanRun,
  signal: AbortSignal | undefined,
): AsyncGenerator<ScanChunk, void, void> {
  const cursor = view.cursor(range.start, range.end);
  for (cursor.rewind(); ; ) {
    const stop = run.advance(cursor);
    signal?.throwIfAborted();
    if (stop === "end") {
      yield { resumeKey: undefined };
      return;
    }
    const reached = cursor.key.copy();
    if (stop !== "pause") {
      yield { resumeKey: run.keyIn(reached) };
      if (stop === "limit") return;
    }
    // Also where the chunk's reader does not wait for anything.
    await nextScanTurn();
    // Goes on when what comes next is in memory, so that the disk stops nobody else.
    await view.whenStretchResident(reached);
    signal?.throwIfAborted();
    cursor.seek(reached);
  }
}

/** Why records are not shown any further for now: they end, or the limit, the chunk or the turn is full. */
type Stop = "end" | "limit" | "chunk" | "pause";

class ScanRun {
  readonly #request: ScanRequest;
  readonly #expiry: Expiry;
  readonly #visit: ScanVisitor;
  /** Bytes of an engine key before the key itself. */
  readonly #keyOffset: number;
  readonly #key = new Slice();
  readonly #shown = new ShownRecord();
  #takenCount = 0;
  #chunkRecords = 0;
  #chunkBytes = 0;

  constructor(request: ScanRequest, expiry: Expiry, visit: ScanVisitor) {
    this.#request = request;
    this.#expiry = expiry;
    this.#visit = visit;
    this.#keyOffset = utf8Length(request.tenantId) + 1;
  }

  /** Shows records from where the cursor stands; it then stands at the first that was not shown. */
  advance(cursor: EntryCursor): Stop {
    const { limit, keysOnly = false, withDeleted = false } = this.#request;
    for (let passed = 0; cursor.valid; cursor.next()) {
      if (++passed > maxEntriesPerTurn) return "pause";
      if (cursor.kind !== entryKinds.value && !withDeleted) continue;
      if (limit > 0 && this.#takenCount === limit) return "limit";
      const { key, value } = cursor;
      const sizeBytes = key.length + (keysOnly ? 0 : value.length);
      if (this.#isFull(sizeBytes)) {
        this.#chunkRecords = this.#chunkBytes = 0;
        return "chunk";
      }
      if (!this.#show(key, value)) continue;
      this.#chunkRecords++;
      this.#chunkBytes += sizeBytes;
      this.#takenCount++;
    }
    return "end";
  }

  /** The key in an engine key, as the visitor and the reader of chunks get it. */
  keyIn(engineKey: Uint8Array): Uint8Array {
    return engineKey.subarray(this.#keyOffset);
  }

  #isFull(sizeBytes: number): boolean {
    if (this.#chunkRecords === 0) return false;
    return this.#chunkRecords === maxChunkRecords || this.#chunkBytes + sizeBytes > maxChunkBytes;
  }

  /** False for a record that has expired. */
  #show(key: Slice, value: Slice): boolean {
    const { nowMs, gcGraceMs } = this.#expiry;
    try {
      this.#shown.show(value, nowMs, gcGraceMs);
    } catch (error) {
      throw locateCorruption(error, this.#request.tenantId, splitEngineKey(key).key);
    }
    if (this.#shown.siblingCount === 0) return false;
    this.#key.set(key.bytes, key.start + this.#keyOffset, key.length - this.#keyOffset);
    this.#visit(this.#key, this.#shown);
    return true;
  }
}
