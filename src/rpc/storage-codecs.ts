/**
 * Shortcuts for the messages of Read and Write (see message-codec.ts). They take requests as clients make them (known
 * fields, each at most once) and answers of success without siblings.
 */
import { varintLength } from "../base/varint.ts";
import type {
  ReadRequest,
  ReadRequestSchema,
  ReadResponseSchema,
  VectorClock,
  WriteRequest,
  WriteRequestSchema,
  WriteResponseSchema,
} from "../gen/storage/storage_node_pb.ts";
import type { CodecShortcut, RequestMessage } from "./message-codec.ts";
import {
  bytesFieldLength,
  bytesTag,
  clockLength,
  readBytes,
  readClock,
  reader,
  readText,
  varintTag,
  writeBytes,
  writeBytesHead,
  writeClock,
  writeVarintField,
} from "./protobuf-fields.ts";

const requestTags = {
  tenantId: bytesTag(1),
  key: bytesTag(2),
  value: bytesTag(3),
  vectorClock: bytesTag(4),
  idempotencyKey: bytesTag(5),
  includeSiblings: varintTag(16),
} as const;

/** Larger values are not copied into their message; of smaller ones the copy costs less than a frame more. */
const minLentBytes = 32 * 1024;

const successTag = varintTag(1);
const successBytes = 2;
const readResponseTags = {
  value: bytesTag(2),
  vectorClock: bytesTag(3),
  siblingCount: varintTag(17),
} as const;
const writeResponseTags = { updatedVectorClock: bytesTag(2) } as const;

export const readCodec: CodecShortcut<typeof ReadRequestSchema, typeof ReadResponseSchema> = {
  decode({ bytes, start, length }: RequestMessage): ReadRequest | undefined {
    let tenantId: string | undefined;
    let key: string | undefined;
    let includeSiblings: boolean | undefined;
    reader.reset(bytes, start, start + length);
    while (reader.ok && reader.position < reader.end) {
      const tag = reader.read();
      if (tag === requestTags.tenantId && tenantId === undefined) tenantId = readText();
      else if (tag === requestTags.key && key === undefined) key = readText();
      else if (tag === requestTags.includeSiblings && includeSiblings === undefined)
        includeSiblings = reader.read() !== 0;
      else return undefined;
    }
    if (!reader.ok) return undefined;
    return {
      $typeName: "storage.ReadRequest",
      tenantId: tenantId ?? "",
      key: key ?? "",
      includeSiblings: includeSiblings ?? false,
    };
  },

  encode(answer, target) {
    const { success, value, vectorClock, siblings, siblingCount } = answer;
    if (success !== true || value === undefined || siblingCount === undefined) return false;
    if (answer.errorMessage !== undefined || answer.errorCode !== undefined) return false;
    if (siblings !== undefined && siblings.length > 0) return false;
    const clockBytes = vectorClock === undefined ? 0 : clockLength(vectorClock);
    if (clockBytes < 0 || siblingCount < 1) return false;
    const isLent = value.length >= minLentBytes;
    const valueBytes = value.length === 0 ? 0 : bytesFieldLength(value.length);
    target.reserve(
      successBytes +
        (isLent ? valueBytes - value.length : valueBytes) +
        (vectorClock === undefined ? 0 : bytesFieldLength(clockBytes)) +
        varintLength(readResponseTags.siblingCount) +
        varintLength(siblingCount),
    );
    const { bytes } = target;
    let position = writeVarintField(bytes, target.start, successTag, 1);
    if (isLent) {
      position = writeBytesHead(bytes, position, readResponseTags.value, value.length);
      target.lend(value, position);
    } else if (value.length > 0) position = writeBytes(bytes, position, readResponseTags.value, value);
    if (vectorClock !== undefined)
      position = writeClock(bytes, position, readResponseTags.vectorClock, vectorClock, clockBytes);
    writeVarintField(bytes, position, readResponseTags.siblingCount, siblingCount);
    return true;
  },
};

export const writeCodec: CodecShortcut<typeof WriteRequestSchema, typeof WriteResponseSchema> = {
  decode({ bytes, start, length, isOwn }: RequestMessage): WriteRequest | undefined {
    let tenantId: string | undefined;
    let key: string | undefined;
    let value: Uint8Array | undefined;
    let vectorClock: VectorClock | undefined;
    let idempotencyKey: string | undefined;
    reader.reset(bytes, start, start + length);
    while (reader.ok && reader.position < reader.end) {
      const tag = reader.read();
      if (tag === requestTags.tenantId && tenantId === undefined) tenantId = readText();
      else if (tag === requestTags.key && key === undefined) key = readText();
      else if (tag === requestTags.value && value === undefined) value = readBytes(isOwn);
      else if (tag === requestTags.vectorClock && vectorClock === undefined) vectorClock = readClock();
      else if (tag === requestTags.idempotencyKey && idempotencyKey === undefined)
        idempotencyKey = readText();
      else return undefined;
    }
    if (!reader.ok) return undefined;
    return {
      $typeName: "storage.WriteRequest",
      tenantId: tenantId ?? "",
      key: key ?? "",
      value: value ?? new Uint8Array(0),
      ...(vectorClock === undefined ? {} : { vectorClock }),
      idempotencyKey: idempotencyKey ?? "",
    };
  },

  encode({ success, updatedVectorClock: clock, errorMessage, errorCode }, target) {
    if (success !== true || errorMessage !== undefined || errorCode !== undefined) return false;
    const clockBytes = clock === undefined ? 0 : clockLength(clock);
    if (clockBytes < 0) return false;
    target.reserve(successBytes + (clock === undefined ? 0 : bytesFieldLength(clockBytes)));
    const position = writeVarintField(target.bytes, target.start, successTag, 1);
    if (clock !== undefined)
      writeClock(target.bytes, position, writeResponseTags.updatedVectorClock, clock, clockBytes);
    return true;
  },
};
