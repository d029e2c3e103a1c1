/**
 * Shortcuts for the messages of BatchWrite and BatchRead (see message-codec.ts). They take requests as clients make
 * them: known fields, each at most once where it is not repeated. Answers are encoded by bulk-answers.ts.
 */
import type {
  BatchReadRequest,
  BatchReadRequestSchema,
  BatchReadResponseSchema,
  BatchWriteRequest,
  BatchWriteRequestSchema,
  BatchWriteResponseSchema,
  KeyValueEntry,
  VectorClock,
} from "../gen/storage/storage_node_pb.ts";
import type { CodecShortcut, RequestMessage } from "./message-codec.ts";
import {
  beginNested,
  bytesTag,
  endNested,
  readBytes,
  readClock,
  reader,
  readText,
  varintTag,
} from "./protobuf-fields.ts";

const writeRequestTags = {
  entries: bytesTag(1),
  replicated: varintTag(2),
  idempotencyKey: bytesTag(3),
} as const;

const entryTags = {
  tenantId: bytesTag(1),
  key: bytesTag(2),
  value: bytesTag(3),
  vectorClock: bytesTag(4),
  timestamp: varintTag(5),
  isTombstone: varintTag(6),
} as const;

const readRequestTags = {
  tenantId: bytesTag(1),
  keys: bytesTag(2),
  includeSiblings: varintTag(3),
} as const;

export const batchWriteCodec: CodecShortcut<typeof BatchWriteRequestSchema, typeof BatchWriteResponseSchema> =
  {
    decode({ bytes, start, length, isOwn }: RequestMessage): BatchWriteRequest | undefined {
      const entries: KeyValueEntry[] = [];
      let replicated: boolean | undefined;
      let idempotencyKey: string | undefined;
      reader.reset(bytes, start, start + length);
      while (reader.ok && reader.position < reader.end) {
        const tag = reader.read();
        if (tag === writeRequestTags.entries) {
          const entry = readEntry(isOwn);
          if (entry === undefined) return undefined;
          entries.push(entry);
        } else if (tag === writeRequestTags.replicated && replicated === undefined)
          replicated = reader.read() !== 0;
        else if (tag === writeRequestTags.idempotencyKey && idempotencyKey === undefined)
          idempotencyKey = readText();
        else return undefined;
      }
      if (!reader.ok) return undefined;
      return {
        $typeName: "storage.BatchWriteRequest",
        entries,
        replicated: replicated ?? false,
        idempotencyKey: idempotencyKey ?? "",
      };
    },
  };

function readEntry(isOwn: boolean): KeyValueEntry | undefined {
  const outerEnd = beginNested();
  let tenantId: string | undefined;
  let key: string | undefined;
  let value: Uint8Array | undefined;
  let vectorClock: VectorClock | undefined;
  let timestamp: bigint | undefined;
  let isTombstone: boolean | undefined;
  while (reader.ok && reader.position < reader.end) {
    const tag = reader.read();
    if (tag === entryTags.tenantId && tenantId === undefined) tenantId = readText();
    else if (tag === entryTags.key && key === undefined) key = readText();
    else if (tag === entryTags.value && value === undefined) value = readBytes(isOwn);
    else if (tag === entryTags.vectorClock && vectorClock === undefined) vectorClock = readClock();
    else if (tag === entryTags.timestamp && timestamp === undefined) timestamp = BigInt(reader.read());
    else if (tag === entryTags.isTombstone && isTombstone === undefined) isTombstone = reader.read() !== 0;
    else return undefined;
  }
  endNested(outerEnd);
  if (!reader.ok) return undefined;
  const entry: KeyValueEntry = {
    $typeName: "storage.KeyValueEntry",
    tenantId: tenantId ?? "",
    key: key ?? "",
    value: value ?? new Uint8Array(0),
    timestamp: timestamp ?? 0n,
    isTombstone: isTombstone ?? false,
    valueSize: 0,
    siblingCount: 0,
  };
  // Not spread: there are many entries, and putting objects together from others costs.
  if (vectorClock !== undefined) entry.vectorClock = vectorClock;
  return entry;
}

export const batchReadCodec: CodecShortcut<typeof BatchReadRequestSchema, typeof BatchReadResponseSchema> = {
  decode({ bytes, start, length }: RequestMessage): BatchReadRequest | undefined {
    const keys: string[] = [];
    let tenantId: string | undefined;
    let includeSiblings: boolean | undefined;
    reader.reset(bytes, start, start + length);
    while (reader.ok && reader.position < reader.end) {
      const tag = reader.read();
      if (tag === readRequestTags.keys) keys.push(readText());
      else if (tag === readRequestTags.tenantId && tenantId === undefined) tenantId = readText();
      else if (tag === readRequestTags.includeSiblings && includeSiblings === undefined)
        includeSiblings = reader.read() !== 0;
      else return undefined;
    }
    if (!reader.ok) return undefined;
    return {
      $typeName: "storage.BatchReadRequest",
      tenantId: tenantId ?? "",
      keys,
      includeSiblings: includeSiblings ?? false,
      replicated: false,
    };
  },
};
