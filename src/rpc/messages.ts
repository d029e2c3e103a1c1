/** The node's own types to messages of the wire and back. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { Slice } from "../base/bytes.ts";
import {
  ErrorCode,
  type KeyValueEntry,
  type KeyValueEntrySchema,
  type ReadResponseSchema,
  type VectorClock as VectorClockMessage,
  type VectorClockSchema,
} from "../gen/storage/storage_node_pb.ts";
import type { BatchItem } from "../node/batch-write.ts";
import type { ReadResult, WriteResult } from "../node/storage-node.ts";
import type { Version } from "../versions/record.ts";
import type { ClockEntry, VectorClock } from "../versions/vector-clock.ts";
import { EntryMessage } from "./batch-codecs.ts";

type EntryInit = MessageInitShape<typeof KeyValueEntrySchema>;

const noEntries: readonly ClockEntry[] = [];

/** The entries as they came; the node checks them. */
export function clockEntries(message: VectorClockMessage | undefined): readonly ClockEntry[] {
  if (message === undefined) return noEntries;
  return message.entries.map((entry) => ({
    nodeId: entry.coordinatorNodeId,
    timestamp: entry.logicalTimestamp,
  }));
}

/** An entry of a BatchWrite as the node takes it. A timestamp out of the range of exact numbers is out of its range too. */
export function batchItem(entry: KeyValueEntry): BatchItem {
  const { tenantId, key, vectorClock, isTombstone, timestamp } = entry;
  const clock = clockEntries(vectorClock);
  const value = entry instanceof EntryMessage ? entry.valueSlice : new Slice(entry.value);
  return { tenantId, key, value, clock, isTombstone, timestampSeconds: Number(timestamp) };
}

/** An empty clock is no message at all. */
export function clockMessage(clock: VectorClock): MessageInitShape<typeof VectorClockSchema> | undefined {
  if (clock.length === 0) return undefined;
  return {
    entries: clock.map((entry) => ({
      coordinatorNodeId: entry.nodeId,
      logicalTimestamp: entry.timestamp,
    })),
  };
}

/** The answer to a write or delete. */
export function writeResponse({ clock, staleMessage }: WriteResult) {
  const updatedVectorClock = clockMessage(clock);
  // The usual answer, without the cost of putting an object together from others.
  if (staleMessage === undefined && updatedVectorClock !== undefined)
    return { success: true, updatedVectorClock };
  return {
    success: staleMessage === undefined,
    ...(staleMessage === undefined ? {} : { errorMessage: staleMessage }),
    ...(updatedVectorClock === undefined ? {} : { updatedVectorClock }),
  };
}

/** What a read of an absent or deleted key says beside its code. */
export const absentMessage = "key not found";

/** The answer to a read; an absent or deleted key is an answer too. */
export function readResponse(
  result: ReadResult,
  tenantId: string,
  key: string,
): MessageInitShape<typeof ReadResponseSchema> {
  const { found: success, value, siblingCount } = result;
  const vectorClock = clockMessage(result.clock);
  if (success && result.siblings.length === 0 && vectorClock !== undefined)
    return { success, value, vectorClock, siblingCount };
  return {
    success,
    ...(success ? {} : { errorCode: ErrorCode.KEY_NOT_FOUND, errorMessage: absentMessage }),
    value,
    ...(vectorClock === undefined ? {} : { vectorClock }),
    siblings: result.siblings.map((version) => siblingEntry(version, tenantId, key)),
    siblingCount,
  };
}

export function siblingEntry(version: Version, tenantId: string, key: string): EntryInit {
  const vectorClock = clockMessage(version.clock);
  return {
    tenantId,
    key,
    value: sliceBytes(version.value),
    ...(vectorClock === undefined ? {} : { vectorClock }),
    timestamp: BigInt(version.timestampSeconds),
    isTombstone: version.isTombstone,
  };
}

/** The slice's bytes without a copy: the message is encoded before its owner reuses them. */
function sliceBytes(slice: Slice): Uint8Array {
  return slice.bytes.subarray(slice.start, slice.start + slice.length);
}
