/**
 * Keys as the engine sees them: `tenant id + ":" + key` in UTF-8.
 *
 * A tenant id holds no ":", so inside a tenant the engine's order is the byte order of the keys, and a tenant's
 * keys are the range from `id:` to `id;` (";" is the byte after ":").
 */
import { compareBytes, type Slice } from "../base/bytes.ts";
import { assert, StorageError } from "../base/errors.ts";
import { readUtf8, utf8Length, writeUtf8 } from "../base/utf8.ts";
import { maxKeyBytes, maxTenantIdBytes } from "./validation.ts";

/** Between the tenant's id and the key. */
export const separator = 0x3a;

/** A buffer that holds one engine key at a time, so that a look-up creates nothing. */
export class EngineKeyBuffer {
  readonly bytes = new Uint8Array(maxTenantIdBytes + 1 + maxKeyBytes);
  length = 0;

  /** Tenant and key must have been checked: the buffer has room for valid ones only. */
  set(tenantId: string, key: string): void {
    const separatorAt = writeUtf8(this.bytes, 0, tenantId);
    this.bytes[separatorAt] = separator;
    this.length = writeUtf8(this.bytes, separatorAt + 1, key);
  }
}

/** A range of engine keys: `start` inclusive, `end` exclusive. */
export interface EngineKeyRange {
  readonly start: Uint8Array;
  readonly end: Uint8Array;
  readonly isEmpty: boolean;
}

/** The keys of a tenant from `startKey` up to `endKey` that begin with `prefix`; an empty text sets no bound. */
export function engineKeyRange(
  tenantId: string,
  startKey: string,
  endKey: string,
  prefix: string,
): EngineKeyRange {
  const prefixStart = encodeEngineKey(tenantId, prefix);
  const from = encodeEngineKey(tenantId, startKey);
  const start = compareBytes(from, prefixStart) > 0 ? from : prefixStart;
  // No byte of UTF-8 is 0xff, so the last one can always be raised; that of `id:` gives `id;`.
  const prefixEnd = prefixStart.slice();
  prefixEnd[prefixEnd.length - 1]!++;
  const to = endKey === "" ? prefixEnd : encodeEngineKey(tenantId, endKey);
  const end = compareBytes(to, prefixEnd) < 0 ? to : prefixEnd;
  return { start, end, isEmpty: compareBytes(start, end) >= 0 };
}

export function encodeEngineKey(tenantId: string, key: string): Uint8Array {
  const bytes = new Uint8Array(utf8Length(tenantId) + 1 + utf8Length(key));
  const separatorAt = writeUtf8(bytes, 0, tenantId);
  bytes[separatorAt] = separator;
  const length = writeUtf8(bytes, separatorAt + 1, key);
  assert(length === bytes.length, "text has the length that was measured");
  return bytes;
}

/** Tenant and key of an engine key; throws CORRUPTED_DATA where the bytes are none. */
export function splitEngineKey(engineKey: Slice): { tenantId: string; key: string } {
  const { bytes, start, length } = engineKey;
  const end = start + length;
  let separatorAt = start;
  while (separatorAt < end && bytes[separatorAt] !== separator) separatorAt++;
  const tenantId = readUtf8(bytes, start, separatorAt - start);
  const key = separatorAt < end ? readUtf8(bytes, separatorAt + 1, end - separatorAt - 1) : undefined;
  if (tenantId === undefined || key === undefined) {
    throw new StorageError(
      "CORRUPTED_DATA",
      `an engine key of ${length} bytes is not a tenant id, ":" and a key in UTF-8`,
    );
  }
  return { tenantId, key };
}
