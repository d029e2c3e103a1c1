/**
 * The answers of BatchRead and Scan, written as their records are shown, and that of BatchWrite. What they hold is what
 * `readResponse` and `writeResponse` of messages.ts make of the same, byte for byte as the library would encode it.
 */
import { Slice } from "../base/bytes.ts";
import { StorageError } from "../base/errors.ts";
import { utf8Length } from "../base/utf8.ts";
import { ErrorCode } from "../gen/storage/storage_node_pb.ts";
import type { WriteResult } from "../node/change.ts";
import type { ShownRecord } from "../node/shown-record.ts";
import { encodeClock, encodedClockLength } from "../versions/clock-encoding.ts";
import type { Version } from "../versions/record.ts";
import { lengthFieldBytes, MessageWriter, numberFieldBytes } from "./message-writer.ts";
import { absentMessage } from "./messages.ts";
import { bytesTag, varintTag } from "./protobuf-fields.ts";

const resultTags = {
  success: varintTag(1),
  value: bytesTag(2),
  vectorClock: bytesTag(3),
  errorMessage: bytesTag(4),
  errorCode: varintTag(5),
  siblings: bytesTag(16),
  siblingCount: varintTag(17),
} as const;

const entryTags = {
  tenantId: bytesTag(1),
  key: bytesTag(2),
  value: bytesTag(3),
  vectorClock: bytesTag(4),
  timestamp: varintTag(5),
  isTombstone: varintTag(6),
  valueSize: varintTag(16),
  siblingCount: varintTag(17),
} as const;

/** `BatchReadResponse.results`, `BatchWriteResponse.results`, `ScanResponse.entries`. */
const itemTag = bytesTag(1);
const resumeTokenTag = bytesTag(2);

const writeResultTags = {
  success: varintTag(1),
  updatedVectorClock: bytesTag(2),
  errorMessage: bytesTag(3),
} as const;

/** What the result of a write takes, with a clock of two entries. */
const usualWriteResultBytes = 64;

export function batchWriteAnswer(results: readonly WriteResult[]): MessageWriter {
  const message = new MessageWriter(results.length * usualWriteResultBytes);
  let last: WriteResult | undefined;
  let start = 0;
  for (const result of results) {
    const length = message.length - start;
    start = message.length;
    if (result === last) message.repeat(start - length, length);
    else addWriteResult(message, result);
    last = result;
  }
  return message;
}

function addWriteResult(message: MessageWriter, { clock, staleMessage = "" }: WriteResult): void {
  const clockBytes = encodedClockLength(clock);
  const success = staleMessage === "" ? 1 : 0;
  message.nested(
    itemTag,
    numberFieldBytes(writeResultTags.success, success) +
      lengthFieldBytes(writeResultTags.updatedVectorClock, clockBytes) +
      lengthFieldBytes(writeResultTags.errorMessage, utf8Length(staleMessage)),
  );
  message.number(writeResultTags.success, success);
  message.clock(writeResultTags.updatedVectorClock, clock, clockBytes);
  message.text(writeResultTags.errorMessage, staleMessage);
}

/** What a small result takes; larger ones make the message grow. */
const usualResultBytes = 192;

/**
 * What a result tells of its key: the value and the clock, with siblings where there are several; or, for another replica,
 * all versions among the siblings, a single one too, and nothing beside them.
 */
export type ShownVersions = "value" | "siblings" | "all versions";

/** Gathers the results of a BatchRead. */
export class BatchReadAnswer {
  readonly message: MessageWriter;
  /** Of all values that it holds. */
  valueBytes = 0;
  readonly #tenantId: string;
  readonly #keys: readonly string[];
  readonly #shown: ShownVersions;
  readonly #maxBytes: number;
  /** Of the whole message; once it is over the limit, nothing more is written. */
  #sizeBytes = 0;

  constructor(tenantId: string, keys: readonly string[], shown: ShownVersions, maxBytes: number) {
    this.#tenantId = tenantId;
    this.#keys = keys;
    this.#shown = shown;
    this.#maxBytes = maxBytes;
    this.message = new MessageWriter(Math.min(maxBytes, keys.length * usualResultBytes));
  }

  add(index: number, record: ShownRecord): void {
    const { isFound, siblingCount } = record;
    const isReplicated = this.#shown === "all versions";
    const value = isReplicated ? nothing : record.value;
    const clock = isReplicated ? nothing : record.clock;
    const versions = this.#siblingsOf(record);
    const siblings = siblingEntries(versions, this.#tenantId, this.#keys[index]!);
    let contentBytes = isFound ? successBytes : absentBytes;
    contentBytes += lengthFieldBytes(resultTags.value, value.length);
    contentBytes += lengthFieldBytes(resultTags.vectorClock, clock.length);
    contentBytes += numberFieldBytes(resultTags.siblingCount, siblingCount);
    for (const { length } of siblings) contentBytes += lengthFieldBytes(resultTags.siblings, length);
    this.#sizeBytes += lengthFieldBytes(itemTag, contentBytes);
    if (this.#sizeBytes > this.#maxBytes) return;

    const { message } = this;
    message.nested(itemTag, contentBytes);
    message.number(resultTags.success, isFound ? 1 : 0);
    message.slice(resultTags.value, value);
    message.slice(resultTags.vectorClock, clock);
    if (!isFound) {
      message.text(resultTags.errorMessage, absentMessage);
      message.number(resultTags.errorCode, ErrorCode.KEY_NOT_FOUND);
    }
    for (const sibling of siblings) message.slice(resultTags.siblings, sibling);
    message.number(resultTags.siblingCount, siblingCount);
    this.valueBytes += value.length;
    for (const version of versions) this.valueBytes += version.value.length;
  }

  #siblingsOf(record: ShownRecord): readonly Version[] {
    if (this.#shown === "all versions") return record.allVersions();
    return this.#shown === "siblings" && record.siblingCount > 1 ? record.allVersions() : noVersions;
  }

  /** The message; throws RESOURCE_EXHAUSTED where it is larger than an answer may be. */
  take(): MessageWriter {
    if (this.#sizeBytes <= this.#maxBytes) return this.message;
    throw responseTooLarge(this.#sizeBytes, this.#maxBytes);
  }
}

const nothing = new Slice();
const noVersions: readonly Version[] = [];
const successBytes = numberFieldBytes(resultTags.success, 1);
const absentBytes =
  lengthFieldBytes(resultTags.errorMessage, absentMessage.length) +
  numberFieldBytes(resultTags.errorCode, ErrorCode.KEY_NOT_FOUND);

/** Siblings are rare enough for a buffer of their own each. */
function siblingEntries(versions: readonly Version[], tenantId: string, key: string): Slice[] {
  return versions.map(({ value, clock, timestampSeconds, isTombstone }) => {
    const clockBytes = new Uint8Array(encodedClockLength(clock));
    encodeClock(clock, clockBytes, 0);
    const entry = new MessageWriter(value.length);
    entry.text(entryTags.tenantId, tenantId);
    entry.text(entryTags.key, key);
    entry.slice(entryTags.value, value);
    entry.slice(entryTags.vectorClock, new Slice(clockBytes));
    entry.number(entryTags.timestamp, timestampSeconds);
    entry.number(entryTags.isTombstone, isTombstone ? 1 : 0);
    const bytes = entry.take().slice();
    entry.release();
    return new Slice(bytes);
  });
}

/** What a chunk of a scan takes, unless a record is larger. */
const usualChunkBytes = 160 * 1024;

/** Gathers the entries of a scan, one message after the other in the same memory. */
export class ScanAnswer {
  readonly #message = new MessageWriter(usualChunkBytes);
  readonly #tenantId: Uint8Array;
  readonly #keysOnly: boolean;
  /** Of all values of this message. */
  valueBytes = 0;

  constructor(tenantId: string, keysOnly: boolean) {
    this.#tenantId = new TextEncoder().encode(tenantId);
    this.#keysOnly = keysOnly;
  }

  add(key: Slice, { value, clock, timestampSeconds, siblingCount }: ShownRecord): void {
    const tenantId = this.#tenantId;
    const keysOnly = this.#keysOnly;
    const severalCount = siblingCount > 1 ? siblingCount : 0;
    const contentBytes =
      lengthFieldBytes(entryTags.tenantId, tenantId.length) +
      lengthFieldBytes(entryTags.key, key.length) +
      (keysOnly
        ? numberFieldBytes(entryTags.valueSize, value.length)
        : lengthFieldBytes(entryTags.value, value.length)) +
      lengthFieldBytes(entryTags.vectorClock, clock.length) +
      numberFieldBytes(entryTags.timestamp, timestampSeconds) +
      numberFieldBytes(entryTags.siblingCount, severalCount);
    const message = this.#message;
    message.nested(itemTag, contentBytes);
    message.range(entryTags.tenantId, tenantId, 0, tenantId.length);
    message.slice(entryTags.key, key);
    if (!keysOnly) message.slice(entryTags.value, value);
    message.slice(entryTags.vectorClock, clock);
    message.number(entryTags.timestamp, timestampSeconds);
    if (keysOnly) message.number(entryTags.valueSize, value.length);
    message.number(entryTags.siblingCount, severalCount);
    if (!keysOnly) this.valueBytes += value.length;
  }

  /** The message with all that was added; its bytes are those of the next one after `clear`. */
  finish(resumeKey: Uint8Array | undefined): MessageWriter {
    if (resumeKey !== undefined) this.#message.range(resumeTokenTag, resumeKey, 0, resumeKey.length);
    this.#message.resumeToken = resumeKey;
    return this.#message;
  }

  clear(): void {
    this.#message.clear();
    this.valueBytes = 0;
  }

  /** No more messages follow, and the last one is used no more. */
  end(): void {
    this.#message.release();
  }
}

export function responseTooLarge(sizeBytes: number, maxResponseBytes: number): StorageError {
  return new StorageError(
    "RESOURCE_EXHAUSTED",
    `the answer has ${sizeBytes} bytes, the limit is ${maxResponseBytes} (limits.max_response_bytes)`,
    { details: { size: String(sizeBytes), limit: String(maxResponseBytes) }, isCallersFault: true },
  );
}
