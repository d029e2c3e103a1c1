/** What is asked of a server over and over, and the messages for it. */
import { create, toBinary } from "@bufbuild/protobuf";
import {
  HealthCheckRequestSchema,
  ReadRequestSchema,
  ReadResponseSchema,
  WriteRequestSchema,
} from "../../src/gen/storage/storage_node_pb.ts";

export interface Work {
  /**
   * `read` a value, `write` one, or `receive` a message of that size and do nothing with it: what a server makes of
   * HTTP/2 alone.
   */
  readonly operation: "read" | "write" | "receive";
  readonly valueBytes: number;
  readonly connectionCount: number;
  /** Calls in flight on each connection. */
  readonly streamCount: number;
  /** Windows of 2^bits - 1 bytes; default 30. */
  readonly windowBits?: number;
}

export const methodNames = { read: "Read", write: "Write", receive: "HealthCheck" } as const;

export function methodPath(work: Work): string {
  return `/storage.StorageNodeService/${methodNames[work.operation]}`;
}

const tenantId = "default";
/** Keys of one length, told apart by their last digits. */
export const keyDigits = 10;
export const firstKey = `user/${"0".repeat(keyDigits)}`;

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

export function requestMessage({ operation, valueBytes }: Work): Uint8Array {
  if (operation === "read") return readMessage();
  return operation === "write" ? writeMessage(valueBytes) : unknownFieldMessage(valueBytes);
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
