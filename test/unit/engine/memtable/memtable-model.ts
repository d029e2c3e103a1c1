/** The memtable's contract in its plainest form: a sorted array. */
import { compareBytes, Slice } from "../../../../src/base/bytes.ts";
import {
  type EntryCursor,
  type EntryKind,
  entryKinds,
  type FoundEntry,
} from "../../../../src/engine/internal-key.ts";
import type { MemtableReader } from "../../../../src/engine/memtable/memtable.ts";

export interface ModelEntry {
  readonly key: Uint8Array;
  readonly sequence: number;
  readonly kind: EntryKind;
  readonly value: Uint8Array;
}

export class MemtableModel {
  readonly #entries: ModelEntry[] = [];

  insert(entry: ModelEntry): void {
    const place = this.#entries.findIndex((other) => compareEntries(other, entry) > 0);
    this.#entries.splice(place === -1 ? this.#entries.length : place, 0, entry);
  }

  find(key: Uint8Array, maxSequence: number): ModelEntry | undefined {
    return this.#entries.find((entry) => entry.sequence <= maxSequence && compareBytes(entry.key, key) === 0);
  }

  all(maxSequence: number, from: Uint8Array = new Uint8Array(0)): ModelEntry[] {
    return this.#entries.filter(
      (entry) => entry.sequence <= maxSequence && compareBytes(entry.key, from) >= 0,
    );
  }

  newest(maxSequence: number, from?: Uint8Array): ModelEntry[] {
    const all = this.all(maxSequence, from);
    return all.filter((entry, i) => i === 0 || compareBytes(entry.key, all[i - 1]!.key) !== 0);
  }
}

function compareEntries(a: ModelEntry, b: ModelEntry): number {
  return compareBytes(a.key, b.key) || b.sequence - a.sequence;
}

export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** A value entry, written short. */
export function entry(key: string | Uint8Array, sequence: number, value = `${sequence}`): ModelEntry {
  const keyBytes = typeof key === "string" ? bytes(key) : key;
  return { key: keyBytes, sequence, kind: entryKinds.value, value: bytes(value) };
}

/** An entry in one comparable line. */
export function line(entry: ModelEntry): string {
  const { key, sequence, kind, value } = entry;
  return `${Buffer.from(key).toString("hex")}@${sequence}/${kind}=${Buffer.from(value).toString("hex")}`;
}

/** What the cursor yields from where it stands. */
export function drain(cursor: EntryCursor, limit = Number.POSITIVE_INFINITY): string[] {
  const lines: string[] = [];
  for (; cursor.valid && lines.length < limit; cursor.next()) {
    const { sequence, kind } = cursor;
    lines.push(line({ key: cursor.key.copy(), sequence, kind, value: cursor.value.copy() }));
  }
  return lines;
}

export function rewound(cursor: EntryCursor): EntryCursor {
  cursor.rewind();
  return cursor;
}

export function sought(cursor: EntryCursor, key: Uint8Array): EntryCursor {
  cursor.seek(key);
  return cursor;
}

const found: FoundEntry = { value: new Slice(), sequence: 0, kind: entryKinds.value };

export function lookUp(memtable: MemtableReader, key: Uint8Array, maxSequence: number): string | undefined {
  if (!memtable.find(key, key.length, maxSequence, found)) return undefined;
  return line({ key, sequence: found.sequence, kind: found.kind, value: found.value.copy() });
}
