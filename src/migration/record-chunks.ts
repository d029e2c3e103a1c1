/**
 * The records of a range or of a list of keys, read from a node in chunks of bounded size: all versions, tombstones
 * too. A chunk is read when it is asked for, so whoever takes them sets the pace.
 */
import type { Slice } from "../base/bytes.ts";
import { StorageError } from "../base/errors.ts";
import { readUtf8 } from "../base/utf8.ts";
import { atPlace } from "../node/batch-place.ts";
import type { ScanChunk } from "../node/scan.ts";
import type { ShownRecord } from "../node/shown-record.ts";
import type { StorageNode } from "../node/storage-node.ts";
import { checkKey, checkTenantId } from "../node/validation.ts";
import { ownVersions } from "./own-record.ts";
import type { ReplicatedRecord } from "./peer.ts";

export interface RecordSelection {
  readonly tenantId: string;
  /** These keys; empty: those of the range. */
  readonly keys: readonly string[];
  /** Inclusive; empty: from the tenant's first. */
  readonly startKey: string;
  /** Exclusive; empty: to the tenant's last. */
  readonly endKey: string;
}

/** Looked up in one turn. */
const maxKeysPerTurn = 128;
/** Of values of a chunk of keys; what would go beyond is looked up for the next one, unless it is the first. */
const maxChunkBytes = 256 * 1024;

/** Throws INVALID_ARGUMENT and its like at once for a selection that is none. */
export function recordChunks(
  node: StorageNode,
  selection: RecordSelection,
  signal: AbortSignal,
): AsyncGenerator<ReplicatedRecord[], void, void> {
  const { keys, startKey, endKey } = selection;
  if (keys.length === 0) return rangeChunks(node, selection, signal);
  if (startKey !== "" || endKey !== "") {
    throw new StorageError("INVALID_ARGUMENT", "both keys and a range are given; one of the two is allowed");
  }
  checkTenantId(selection.tenantId);
  for (const [index, key] of keys.entries()) {
    try {
      checkKey(key);
    } catch (error) {
      throw atPlace("keys", index, error);
    }
  }
  return keyChunks(node, selection.tenantId, [...new Set(keys)], signal);
}

async function* keyChunks(
  node: StorageNode,
  tenantId: string,
  keys: readonly string[],
  signal: AbortSignal,
): AsyncGenerator<ReplicatedRecord[], void, void> {
  for (let start = 0; start < keys.length; ) {
    signal.throwIfAborted();
    const asked = keys.slice(start, start + maxKeysPerTurn);
    const chunk: ReplicatedRecord[] = [];
    let takenCount = 0;
    let sizeBytes = 0;
    const durable = node.readBatch(tenantId, asked, (index, shown) => {
      if (index > takenCount || (index > 0 && sizeBytes + sizeOf(shown) > maxChunkBytes)) return;
      takenCount++;
      sizeBytes += sizeOf(shown);
      const versions = ownVersions(shown);
      if (versions.length > 0) chunk.push({ tenantId, key: asked[index]!, versions });
    });
    if (durable !== undefined) await durable;
    start += takenCount;
    yield chunk;
  }
}

/** Of the values. */
function sizeOf({ versions, value }: ShownRecord): number {
  if (versions === undefined) return value.length;
  return versions.reduce((sum, version) => sum + version.value.length, 0);
}

type ScanFrom = (startKey: string) => AsyncGenerator<ScanChunk, void, void>;

function rangeChunks(
  node: StorageNode,
  { tenantId, startKey, endKey }: RecordSelection,
  signal: AbortSignal,
): AsyncGenerator<ReplicatedRecord[], void, void> {
  const gathered: ReplicatedRecord[] = [];
  const gather = (key: Slice, shown: ShownRecord) =>
    void gathered.push({
      tenantId,
      key: readUtf8(key.bytes, key.start, key.length) ?? "",
      versions: ownVersions(shown),
    });
  const scanFrom: ScanFrom = (from) =>
    node.scan({ tenantId, startKey: from, endKey, limit: 0, withDeleted: true }, gather, signal);
  // The first one here, so that a bad range is refused at once.
  return scannedChunks(scanFrom(startKey), scanFrom, gathered);
}

/** Where a view grew too old it goes on with a new one, from where it was. */
async function* scannedChunks(
  first: ReturnType<ScanFrom>,
  scanFrom: ScanFrom,
  gathered: ReplicatedRecord[],
): AsyncGenerator<ReplicatedRecord[], void, void> {
  for (let scan = first; ; ) {
    let resumeKey: Uint8Array | undefined;
    try {
      for await (const chunk of scan) {
        resumeKey = chunk.resumeKey;
        yield gathered.splice(0);
      }
      return;
    } catch (error) {
      const isOutdated = error instanceof StorageError && error.code === "ABORTED";
      if (!isOutdated || resumeKey === undefined) throw error;
      // What was shown of the chunk that is not complete comes again.
      gathered.length = 0;
      scan = scanFrom(readUtf8(resumeKey, 0, resumeKey.length) ?? "");
    }
  }
}
