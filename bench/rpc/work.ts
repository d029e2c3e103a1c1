/** What is asked of a server over and over, and the messages for it. */
import { create, toBinary } from "@bufbuild/protobuf";
import {
  BatchReadRequestSchema,
  BatchWriteRequestSchema,
  HealthCheckRequestSchema,
  ReadRequestSchema,
  ReadResponseSchema,
  ScanRequestSchema,
  WriteRequestSchema,
} from "../../src/gen/storage/storage_node_pb.ts";

export interface Work {
  /**
   * `read` a value, `write` one, or `receive` a message of that size and do nothing with it: what a server makes of
   * HTTP/2 alone. Batches and scans are of `entryCount` values.
   */
  readonly operation: "read" | "write" | "receive" | "batch_read" | "batch_write" | "scan";
  readonly valueBytes: number;
  /** Entries of each call; default 1. Of a scan: of the whole range. */
  readonly entryCount?: number;
  readonly connectionCount: number;
  /** Calls in flight on each connection. */
  readonly streamCount: number;
  /** Windows of 2^bits - 1 bytes; default 30. */
  readonly windowBits?: number;
}

export const methodNames = {
  read: "Read",
  write: "Write",
  receive: "HealthCheck",
  batch_read: "BatchRead",
  batch_write: "BatchWrite",
  scan: "Scan",
} as const;

/** Bytes of the values of one call. */
export function callValueBytes({ valueBytes, entryCount = 1 }: Work): number {
  return valueBytes * entryCount;
}

export function methodPath(work: Work): string {
  return `/storage.StorageNodeService/${methodNames[work.operation]}`;
}

const tenantId = "default";
/** Keys of one length, told apart by their last digits. */
export const keyDigits = 10;
export const firstKey = keyOf(0);

function keyOf(index: number): string {
  return `user/${String(index).padStart(keyDigits, "0")}`;
}

/** The same bytes each time: a value has no other meaning here than its size. */
export function someValue(valueBytes: number): Uint8Array {
  return new Uint8Array(valueBytes).fill(118);
}

/** Writes carry no clock: with one, every write but the first would be a retry that stores nothing. */
export function writeMessage(valueBytes: number): Uint8Array {
  const message = { tenantId, key: firstKey, value: someValue(valueBytes) };
  return toBinary(WriteRequestSchema, create(WriteRequestSchema, message));
}

export function readMessage(): Uint8Array {
  return toBinary(ReadRequestSchema, create(ReadRequestSchema, { tenantId, key: firstKey }));
}

/** Of the size of a write, all of it in a field that the message does not have. */
export function unknownFieldMessage(valueBytes: number): Uint8Array {
  const message = create(HealthCheckRequestSchema);
  message.$unknown = [{ no: 1000, wireType: 2, data: withLength(someValue(valueBytes)) }];
  return toBinary(HealthCheckRequestSchema, message);
}

/** The entries have no clocks, as in `writeMessage`. */
function batchWriteMessage(valueBytes: number, entryCount: number): Uint8Array {
  const value = someValue(valueBytes);
  const entries = Array.from({ length: entryCount }, (_, index) => ({ tenantId, key: keyOf(index), value }));
  return toBinary(BatchWriteRequestSchema, create(BatchWriteRequestSchema, { entries }));
}

function batchReadMessage(entryCount: number): Uint8Array {
  const keys = Array.from({ length: entryCount }, (_, index) => keyOf(index));
  return toBinary(BatchReadRequestSchema, create(BatchReadRequestSchema, { tenantId, keys }));
}

export function requestMessage({ operation, valueBytes, entryCount = 1 }: Work): Uint8Array {
  switch (operation) {
    case "read":
      return readMessage();
    case "write":
      return writeMessage(valueBytes);
    case "batch_read":
      return batchReadMessage(entryCount);
    case "batch_write":
      return batchWriteMessage(valueBytes, entryCount);
    case "scan":
      return toBinary(ScanRequestSchema, create(ScanRequestSchema, { tenantId }));
    case "receive":
      return unknownFieldMessage(valueBytes);
  }
}

/** What servers that store nothing answer: to a read as we do, to anything else with next to nothing. */
export function answerMessage({ operation, valueBytes }: Work): Uint8Array {
  if (operation !== "read")
    return toBinary(ReadResponseSchema, create(ReadResponseSchema, { success: true }));
  const vectorClock = { entries: [{ coordinatorNodeId: "node-1", logicalTimestamp: 1n }] };
  const answer = { success: true, value: someValue(valueBytes), vectorClock, siblingCount: 1 };
  return toBinary(ReadResponseSchema, create(ReadResponseSchema, answer));
}

function withLength(bytes: Uint8Array): Uint8Array {
  const length: number[] = [];
  for (let rest = bytes.length; ; rest >>>= 7) {
    if (rest < 0x80) {
      length.push(rest);
      break;
    }
    length.push((rest & 0x7f) | 0x80);
  }
  return Buffer.concat([Uint8Array.from(length), bytes]);
}
