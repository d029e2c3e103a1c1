import type { BatchEntry } from "../../src/engine/commit-log/writer.ts";
import { type EntryKind, entryKinds } from "../../src/engine/internal-key.ts";

/** Of whole arrays. */
export function batchEntry(
  key: Uint8Array,
  value: Uint8Array,
  kind: EntryKind = entryKinds.value,
): BatchEntry {
  return { kind, key, keyLength: key.length, value, valueLength: value.length };
}
