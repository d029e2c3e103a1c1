/**
 * The limits on everything that a client can send. All are checked before anything is stored; each message
 * names the limit and what came instead.
 */
import { StorageError, type StorageErrorCode } from "../base/errors.ts";
import { utf8Length } from "../base/utf8.ts";
import type { VersionedRecord } from "../versions/record.ts";
import { type ClockEntry, clockFrom, maxClockTimestamp, type VectorClock } from "../versions/vector-clock.ts";
import type { BatchLimits } from "./environment.ts";

export const maxTenantIdBytes = 256;
export const maxKeyBytes = 1024;
export const maxValueBytes = 10_485_760;
/** Entries of a clock whose node ids the held record does not know yet. */
export const maxNewClockEntries = 1000;
export const maxNodeIdBytes = 128;
/** The end of the year 9999. */
const maxTimestampSeconds = 253_402_300_799;

/** 1 to 256 bytes of UTF-8 without ":" and control characters. */
export function checkTenantId(tenantId: string): void {
  checkText("INVALID_TENANT_ID", "tenant id", tenantId, maxTenantIdBytes, "INVALID_TENANT_ID");
  if (tenantId.includes(":")) {
    throw new StorageError("INVALID_TENANT_ID", 'the tenant id holds ":", which is not allowed');
  }
  checkNoControlCharacter("INVALID_TENANT_ID", "tenant id", tenantId, false);
}

/** 1 to 1,024 bytes of UTF-8 without control characters, but for tab and newline. */
export function checkKey(key: string): void {
  checkText("INVALID_KEY", "key", key, maxKeyBytes, "KEY_TOO_LARGE");
  checkNoControlCharacter("INVALID_KEY", "key", key, true);
}

/** A bound of a range of keys: empty, or what a key may be. */
export function checkKeyBound(bound: string): void {
  if (bound !== "") checkKey(bound);
}

export function checkValueLength(length: number): void {
  if (length <= maxValueBytes) return;
  throw new StorageError(
    "VALUE_TOO_LARGE",
    `the value has ${length} bytes; at most ${maxValueBytes} are allowed`,
  );
}

/** A whole number from 0 up. */
export function checkLimit(limit: number): void {
  if (Number.isSafeInteger(limit) && limit >= 0) return;
  throw new StorageError("INVALID_ARGUMENT", `the limit is ${limit}; a whole number from 0 up is allowed`);
}

/** The clock that the entries stand for. How many there may be depends on the held record: `checkClockGrowth`. */
export function checkClock(entries: readonly ClockEntry[]): VectorClock {
  for (let i = 0; i < entries.length; i++) {
    const { nodeId, timestamp } = entries[i]!;
    checkText(
      "INVALID_ARGUMENT",
      `node id of clock entry ${i + 1}`,
      nodeId,
      maxNodeIdBytes,
      "INVALID_ARGUMENT",
    );
    if (timestamp < 0n || timestamp > maxClockTimestamp) {
      throw new StorageError(
        "INVALID_ARGUMENT",
        `the timestamp of clock entry ${i + 1} is ${timestamp}; 0 to ${maxClockTimestamp} is allowed`,
      );
    }
  }
  checkNoIdTwice(entries);
  return clockFrom(entries);
}

/** A repair hands on what another node holds, so it always has a clock. */
export function checkRepairClock(clock: VectorClock): void {
  if (clock.length > 0) return;
  throw new StorageError(
    "INVALID_ARGUMENT",
    "a repair needs the vector clock of the version; this one is empty",
  );
}

/**
 * At most 1,000 entries of ids that the held record does not know. Known ids are free: whoever writes back the
 * merged clock of many siblings, to resolve them, must not be refused for its length.
 */
export function checkClockGrowth(entries: readonly ClockEntry[], held: VersionedRecord | undefined): void {
  if (entries.length <= maxNewClockEntries) return;
  const known = new Set<string>();
  for (const version of held ?? []) for (const entry of version.clock) known.add(entry.nodeId);
  const newCount = entries.filter((entry) => !known.has(entry.nodeId)).length;
  if (newCount <= maxNewClockEntries) return;
  throw new StorageError(
    "INVALID_ARGUMENT",
    `the clock has ${entries.length} entries, ${newCount} of them new to the key; ` +
      `at most ${maxNewClockEntries} new ones are allowed`,
  );
}

/** What a version handed on by another node must bring: its clock, and when it was stored or deleted there. */
export function checkReplicated(clock: VectorClock, isTombstone: boolean, timestampSeconds: number): void {
  if (clock.length === 0) {
    throw new StorageError(
      "INVALID_ARGUMENT",
      "a replicated entry needs the vector clock of the version; this one is empty",
    );
  }
  // A deletion of unknown time would be forgotten at once.
  const least = isTombstone ? 1 : 0;
  if (timestampSeconds >= least && timestampSeconds <= maxTimestampSeconds) return;
  throw new StorageError(
    "INVALID_ARGUMENT",
    `the timestamp is ${timestampSeconds}; Unix seconds from ${least} to ${maxTimestampSeconds} are allowed` +
      (isTombstone ? " for a replicated tombstone" : ""),
  );
}

export function checkBatchBytes(sizeBytes: number, { maxBytes }: BatchLimits): void {
  if (sizeBytes > maxBytes) throw batchTooLarge(sizeBytes, "bytes", maxBytes, "limits.max_batch_bytes");
}

export function checkBatchCount(entryCount: number, { maxEntries }: BatchLimits): void {
  if (entryCount > maxEntries)
    throw batchTooLarge(entryCount, "entries", maxEntries, "limits.max_batch_entries");
}

function batchTooLarge(size: number, unit: string, limit: number, key: string): StorageError {
  return new StorageError(
    "INVALID_ARGUMENT",
    `the batch has ${size} ${unit}; at most ${limit} are allowed (${key})`,
    {
      details: { size: String(size), limit: String(limit) },
    },
  );
}

/** The rules of an id in a clock, for this node's own. */
export function checkNodeId(nodeId: string): void {
  checkText("INVALID_ARGUMENT", "node id", nodeId, maxNodeIdBytes, "INVALID_ARGUMENT");
}

function checkText(
  code: StorageErrorCode,
  name: string,
  text: string,
  maxBytes: number,
  tooLargeCode: StorageErrorCode,
): void {
  if (text === "") throw new StorageError(code, `the ${name} is empty; 1 to ${maxBytes} bytes are allowed`);
  if (!text.isWellFormed()) throw new StorageError(code, `the ${name} is not valid UTF-8`);
  // No UTF-16 code unit takes more than three bytes, so most texts need no measuring.
  if (text.length * 3 <= maxBytes) return;
  const length = utf8Length(text);
  if (length > maxBytes) {
    throw new StorageError(tooLargeCode, `the ${name} has ${length} bytes; 1 to ${maxBytes} are allowed`);
  }
}

/** Unicode's control characters: U+0000 to U+001F, U+007F to U+009F. */
function checkNoControlCharacter(
  code: StorageErrorCode,
  name: string,
  text: string,
  allowTabAndNewline: boolean,
): void {
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit >= 0x20 && (unit < 0x7f || unit > 0x9f)) continue;
    if (allowTabAndNewline && (unit === 0x09 || unit === 0x0a)) continue;
    const codePoint = `U+${unit.toString(16).toUpperCase().padStart(4, "0")}`;
    throw new StorageError(
      code,
      `the ${name} holds the control character ${codePoint}, which is not allowed`,
    );
  }
}

function checkNoIdTwice(entries: readonly ClockEntry[]): void {
  if (entries.length < 2) return;
  const seen = new Set<string>();
  for (let i = 0; i < entries.length; i++) {
    const { nodeId } = entries[i]!;
    if (seen.has(nodeId)) {
      throw new StorageError(
        "INVALID_ARGUMENT",
        `clock entry ${i + 1} has the node id ${JSON.stringify(nodeId)}, which is there before`,
      );
    }
    seen.add(nodeId);
  }
}
