/**
 * Scans: the live records of a range, in key order, in chunks.
 *
 * A scan reads one pinned view, so it shows the store as of its start, whatever is written meanwhile. It holds
 * one chunk and one record in memory, and lets other work run between chunks, and after every stretch of entries
 * that gave no record, such as a long run of tombstones.
 *
 * Invariants:
 * 1. What is handed out are copies; a cursor's bytes are never used after an await, since the view may end there.
 * 2. The view is closed however the scan ends.
 */
import { emptyBytes } from "../base/bytes.ts";
import { nextTurn } from "../base/next-turn.ts";
import { type EntryCursor, entryKinds } from "../engine/internal-key.ts";
import { decodeRecord, recordClock } from "../versions/record.ts";
import { emptyClock, type VectorClock } from "../versions/vector-clock.ts";
import { locateCorruption } from "./corruption.ts";
import { type EngineKeyRange, engineKeyRange, splitEngineKey } from "./keys.ts";
import type { RecordStore, RecordView } from "./record-store.ts";
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
  /** Leaves values and clocks empty. */
  readonly keysOnly?: boolean;
}

export interface ScanRecord {
  readonly key: string;
  /** The value of the highest rank, a copy that its receiver owns. */
  readonly value: Uint8Array;
  /** The merged clock of all versions. */
  readonly clock: VectorClock;
  /** Unix seconds, of the highest rank. */
  readonly timestampSeconds: number;
  readonly siblingCount: number;
}

export interface ScanChunk {
  /** In byte order of their keys; empty only in a chunk that ends the scan. */
  readonly records: readonly ScanRecord[];
  /** The key of the next record: a scan that starts there goes on after this chunk. `undefined` at the end. */
  readonly resumeKey: string | undefined;
}

const maxChunkRecords = 256;
/** Of keys and encoded records; a single record may be larger. */
const maxChunkBytes = 256 * 1024;
/** Entries that may be passed over in one turn of the event loop. */
const maxEntriesPerTurn = 1024;

/** Checks the request at once; the view is taken when the first chunk is asked for. See `StorageNode.scan`. */
export function scanRecords(
  store: RecordStore,
  request: ScanRequest,
  signal?: AbortSignal,
): AsyncGenerator<ScanChunk, void, void> {
  const { tenantId, startKey, endKey, prefix = "" } = request;
  checkTenantId(tenantId);
  checkKeyBound(startKey);
  checkKeyBound(endKey);
  checkKeyBound(prefix);
  checkLimit(request.limit);
  return scanRange(store, engineKeyRange(tenantId, startKey, endKey, prefix), request, signal);
}

async function* scanRange(
  store: RecordStore,
  range: EngineKeyRange,
  request: ScanRequest,
  signal: AbortSignal | undefined,
): AsyncGenerator<ScanChunk, void, void> {
  if (range.isEmpty) {
    yield { records: [], resumeKey: undefined };
    return;
  }
  const view = store.view();
  try {
    await view.whenStretchResident(range.start);
    yield* chunksOf(view, range, request, signal);
  } finally {
    view.close();
  }
}

async function* chunksOf(
  view: RecordView,
  range: EngineKeyRange,
  request: ScanRequest,
  signal: AbortSignal | undefined,
): AsyncGenerator<ScanChunk, void, void> {
  const cursor = view.cursor(range.start, range.end);
  let records: ScanRecord[] = [];
  let chunkBytes = 0;
  let takenCount = 0;
  let entriesInTurn = 0;
  for (cursor.rewind(); cursor.valid; cursor.next()) {
    if (cursor.kind === entryKinds.value) {
      const sizeBytes = cursor.key.length + (request.keysOnly ? 0 : cursor.value.length);
      const record = readRecord(cursor, request);
      const isLimitReached = request.limit > 0 && takenCount === request.limit;
      const isChunkFull = records.length === maxChunkRecords || chunkBytes + sizeBytes > maxChunkBytes;
      if (isLimitReached || (isChunkFull && records.length > 0)) {
        const reached = cursor.key.copy();
        yield { records, resumeKey: record.key };
        if (isLimitReached) return;
        records = [];
        chunkBytes = 0;
        // Also where the chunk's reader does not wait for anything.
        await pauseAt(view, reached);
        entriesInTurn = 0;
      }
      records.push(record);
      chunkBytes += sizeBytes;
      takenCount++;
    }
    if (++entriesInTurn > maxEntriesPerTurn) {
      await pauseAt(view, cursor.key.copy());
      entriesInTurn = 0;
    }
    signal?.throwIfAborted();
  }
  yield { records, resumeKey: undefined };
}

/** Lets other work run, and goes on when what comes next is in memory, so that the disk stops nobody else. */
async function pauseAt(view: RecordView, reached: Uint8Array): Promise<void> {
  await nextTurn();
  await view.whenStretchResident(reached);
}

/** The live record at the cursor. An entry of kind `value` holds at least one live version, and that comes first. */
function readRecord(cursor: EntryCursor, request: ScanRequest): ScanRecord {
  const { key } = splitEngineKey(cursor.key);
  if (request.keysOnly) {
    return { key, value: emptyBytes, clock: emptyClock, timestampSeconds: 0, siblingCount: 0 };
  }
  try {
    const record = decodeRecord(cursor.value);
    const highest = record[0]!;
    return {
      key,
      value: highest.value.copy(),
      clock: recordClock(record),
      timestampSeconds: highest.timestampSeconds,
      siblingCount: record.length,
    };
  } catch (error) {
    throw locateCorruption(error, request.tenantId, key);
  }
}
