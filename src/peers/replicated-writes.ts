/**
 * Records on their way to a peer, in calls that it takes: batches of bounded size, cut in two as long as the peer finds
 * them too large; one Repair for each key where it knows no batches.
 */

import { StorageError } from "../base/errors.ts";
import type { KeyValueEntry, VectorClock as VectorClockMessage } from "../gen/storage/storage_node_pb.ts";
import { isUnimplemented, type ReplicatedRecord, type WriteOutcome } from "../migration/peer.ts";
import { WorkWindow } from "../migration/work-window.ts";
import type { Version } from "../versions/record.ts";
import type { VectorClock } from "../versions/vector-clock.ts";
import { isTooLarge } from "./peer-failures.ts";

export interface RepairInit {
  readonly tenantId: string;
  readonly key: string;
  readonly value: Uint8Array;
  readonly vectorClock: VectorClockMessage;
}

/** The calls that it takes; each throws a StorageError. */
export interface WriteCalls {
  batchWrite(entries: KeyValueEntry[]): Promise<void>;
  repair(request: RepairInit): Promise<void>;
}

/** What a peer with usual limits takes, and what holds up neither side for long. */
const maxBatchEntries = 512;
const maxBatchBytes = 512 * 1024;
const repairsInFlight = 16;
/** Of an entry beside its texts and its value, and of an entry of a clock beside its id, at most. */
const entryOverheadBytes = 32;
const clockOverheadBytes = 16;

/** Tells the peer all of them; see `Peer.writeReplicated`. */
export async function writeRecords(
  records: readonly ReplicatedRecord[],
  calls: WriteCalls,
): Promise<WriteOutcome> {
  let keysWritten = 0;
  for (const batch of batchesOf(records)) {
    try {
      await writeBatch(batch, calls);
    } catch (error) {
      if (!isUnimplemented(error)) throw error;
      return await repairRecords(records, calls);
    }
    keysWritten += batch.length;
  }
  return { keysWritten, deletedKeysLeft: [], siblingsLeft: 0 };
}

/** For a peer without batches: live records alone, their highest-ranked version each. */
export async function repairRecords(
  records: readonly ReplicatedRecord[],
  calls: WriteCalls,
): Promise<WriteOutcome> {
  const window = new WorkWindow(repairsInFlight);
  const deletedKeysLeft: string[] = [];
  let siblingsLeft = 0;
  for (const { tenantId, key, versions } of records) {
    const [highest] = versions;
    if (highest === undefined) continue;
    siblingsLeft += versions.length - 1;
    if (highest.isTombstone) deletedKeysLeft.push(key);
    else {
      const vectorClock = clockMessage(highest.clock);
      await window.add(() => calls.repair({ tenantId, key, value: bytesOf(highest), vectorClock }));
    }
  }
  await window.settle();
  return { keysWritten: records.length - deletedKeysLeft.length, deletedKeysLeft, siblingsLeft };
}

/** In as few calls as the peer takes. A key is parted only where it is too large by itself. */
async function writeBatch(batch: readonly ReplicatedRecord[], calls: WriteCalls): Promise<void> {
  try {
    await calls.batchWrite(batch.flatMap(entriesOf));
  } catch (error) {
    if (!isTooLarge(error)) throw error;
    const [half, otherHalf] = halvesOf(batch, error);
    await writeBatch(half, calls);
    await writeBatch(otherHalf, calls);
  }
}

function halvesOf(
  batch: readonly ReplicatedRecord[],
  refusal: unknown,
): [ReplicatedRecord[], ReplicatedRecord[]] {
  const [record] = batch;
  if (batch.length === 1 && record!.versions.length > 1) {
    const [versions, otherVersions] = halves(record!.versions);
    return [[{ ...record!, versions }], [{ ...record!, versions: otherVersions }]];
  }
  if (batch.length > 1) return halves(batch);
  const { message } = refusal as StorageError;
  const what = `the key ${JSON.stringify(record!.key)} of the tenant ${JSON.stringify(record!.tenantId)}`;
  throw new StorageError("VALUE_TOO_LARGE", `${what} does not fit a call: ${message}`, { cause: refusal });
}

function halves<T>(items: readonly T[]): [T[], T[]] {
  const middle = items.length >> 1;
  return [items.slice(0, middle), items.slice(middle)];
}

function* batchesOf(records: readonly ReplicatedRecord[]): Generator<ReplicatedRecord[], void, void> {
  let batch: ReplicatedRecord[] = [];
  let entryCount = 0;
  let sizeBytes = 0;
  for (const record of records) {
    const recordBytes = encodedBytes(record);
    const isFull =
      entryCount + record.versions.length > maxBatchEntries || sizeBytes + recordBytes > maxBatchBytes;
    if (isFull && batch.length > 0) {
      yield batch;
      batch = [];
      entryCount = sizeBytes = 0;
    }
    batch.push(record);
    entryCount += record.versions.length;
    sizeBytes += recordBytes;
  }
  if (batch.length > 0) yield batch;
}

/** About; texts count as if they were ASCII. */
function encodedBytes({ tenantId, key, versions }: ReplicatedRecord): number {
  let sum = 0;
  for (const { clock, value } of versions) {
    sum += entryOverheadBytes + tenantId.length + key.length + value.length;
    for (const { nodeId } of clock) sum += clockOverheadBytes + nodeId.length;
  }
  return sum;
}

/** Whole messages, not fields of ones, so that the library does not make each anew: there are many. */
function entriesOf({ tenantId, key, versions }: ReplicatedRecord): KeyValueEntry[] {
  return versions.map((version) => ({
    $typeName: "storage.KeyValueEntry",
    tenantId,
    key,
    value: bytesOf(version),
    vectorClock: clockMessage(version.clock),
    timestamp: BigInt(version.timestampSeconds),
    isTombstone: version.isTombstone,
    valueSize: 0,
    siblingCount: 0,
  }));
}

/** Not a copy: the message is encoded before anything else happens. */
function bytesOf({ value: { bytes, start, length } }: Version): Uint8Array {
  return bytes.subarray(start, start + length);
}

function clockMessage(clock: VectorClock): VectorClockMessage {
  return {
    $typeName: "storage.VectorClock",
    entries: clock.map(({ nodeId, timestamp }) => ({
      $typeName: "storage.VectorClockEntry",
      coordinatorNodeId: nodeId,
      logicalTimestamp: timestamp,
    })),
  };
}
