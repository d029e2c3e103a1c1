/**
 * Shortcuts for the messages of BatchWrite and BatchRead (see message-codec.ts). They take requests as clients make
 * them: known fields, each at most once where it is not repeated. Answers are encoded by bulk-answers.ts.
 */
import { Slice } from "../base/bytes.ts";
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
  readClock,
  reader,
  readSlice,
  readText,
  readTextLike,
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
    decode(message: RequestMessage): BatchWriteRequest | undefined {
      // Entries point into the message.
      const { bytes, start, length } = message.isOwn ? message : new Slice(message.copy());
      const entries: EntryMessage[] = [];
      let replicated: boolean | undefined;
      let idempotencyKey: string | undefined;
      reader.reset(bytes, start, start + length);
      while (reader.ok && reader.position < reader.end) {
        const tag = reader.read();
        if (tag === writeRequestTags.entries) {
          const entry = readEntry(entries.at(-1));
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

/**
 * An entry whose value is made when it is asked for: a view of bytes costs as much as all the rest of the entry, and
 * whoever stores the value has no need of one.
 */
export class EntryMessage implements KeyValueEntry {
  readonly $typeName = "storage.KeyValueEntry";
  tenantId = "";
  key = "";
  vectorClock?: VectorClock;
  timestamp = 0n;
  isTombstone = false;
  valueSize = 0;
  siblingCount = 0;
  readonly valueSlice = new Slice();

  get value(): Uint8Array {
    const { bytes, start, length } = this.valueSlice;
    return bytes.subarray(start, start + length);
  }
}

/** Of the field that each bit stands for, whether it was there. */
const entryFields = {
  tenantId: 1,
  key: 2,
  value: 4,
  vectorClock: 8,
  timestamp: 16,
  isTombstone: 32,
} as const;

/** `last`: the entry before, of the same tenant most often. */
function readEntry(last: EntryMessage | undefined): EntryMessage | undefined {
  const outerEnd = beginNested();
  const entry = new EntryMessage();
  let seen = 0;
  while (reader.ok && reader.position < reader.end) {
    const field = readEntryField(entry, reader.read(), last);
    if (field === 0 || (seen & field) !== 0) return undefined;
    seen |= field;
  }
  endNested(outerEnd);
  return reader.ok ? entry : undefined;
}

/** What the tag stands for; 0 for what is not usual. */
function readEntryField(entry: EntryMessage, tag: number, last: EntryMessage | undefined): number {
  switch (tag) {
    case entryTags.tenantId:
      entry.tenantId = readTextLike(last?.tenantId);
      return entryFields.tenantId;
    case entryTags.key:
      entry.key = readText();
      return entryFields.key;
    case entryTags.value:
      readSlice(entry.valueSlice);
      return entryFields.value;
    case entryTags.vectorClock:
      entry.vectorClock = readClock();
      return entryFields.vectorClock;
    case entryTags.timestamp:
      entry.timestamp = BigInt(reader.read());
      return entryFields.timestamp;
    case entryTags.isTombstone:
      entry.isTombstone = reader.read() !== 0;
      return entryFields.isTombstone;
    default:
      return 0;
  }
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
