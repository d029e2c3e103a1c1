/** What the tests of tables share: entries, tables in memory, and all that can be read from one. */
import { compareBytes, Slice } from "../../../../src/base/bytes.ts";
import { GrowableBytes } from "../../../../src/base/growable-bytes.ts";
import { type EntryKind, entryKinds, type FoundEntry } from "../../../../src/engine/internal-key.ts";
import { defaultTableOptions, type TableOptions } from "../../../../src/engine/options.ts";
import { sealBlock } from "../../../../src/engine/sstable/format.ts";
import { TableReader } from "../../../../src/engine/sstable/reader.ts";
import { type TableSummary, TableWriter } from "../../../../src/engine/sstable/writer.ts";
import { MemoryFileSystem } from "../../../../src/platform/memory.ts";

export interface Entry {
  readonly key: Uint8Array;
  readonly sequence: number;
  readonly kind: EntryKind;
  readonly value: Uint8Array;
}

export const createdAtMs = 1_700_000_000_000;
export const tablePath = "000001.sst";

const encoder = new TextEncoder();

export function utf8(text: string): Uint8Array {
  return encoder.encode(text);
}

export function entry(key: string | Uint8Array, value: string | Uint8Array, sequence = 1): Entry {
  const bytes = (of: string | Uint8Array) => (typeof of === "string" ? utf8(of) : of);
  return { key: bytes(key), sequence, kind: entryKinds.value, value: bytes(value) };
}

export function tombstone(key: string, value: string, sequence: number): Entry {
  return { ...entry(key, value, sequence), kind: entryKinds.tombstone };
}

/** Entries with ascending decimal keys. */
export function numberedEntries(count: number, value = (i: number) => `value ${i}`): Entry[] {
  return Array.from({ length: count }, (_, i) => entry(`key-${String(i).padStart(6, "0")}`, value(i), i + 1));
}

/** Sorted by key, the last one of equal keys kept. */
export function sortedUnique(entries: readonly Entry[]): Entry[] {
  const byKey = new Map(entries.map((each) => [each.key.toHex(), each]));
  return [...byKey.values()].sort((a, b) => compareBytes(a.key, b.key));
}

/** A new table in `files`. */
export async function writeTable(
  files: MemoryFileSystem,
  entries: readonly Entry[],
  options: Partial<TableOptions> = {},
): Promise<TableSummary> {
  const file = files.open(tablePath, "create");
  const writer = new TableWriter(file, { ...defaultTableOptions, ...options }, createdAtMs);
  const key = new Slice();
  const value = new Slice();
  for (const each of entries) {
    // As a memtable's cursor gives them: amid other bytes, and gone after the call.
    const arena = Uint8Array.from([1, 2, 3, ...each.key, 4, ...each.value, 5]);
    key.set(arena, 3, each.key.length);
    value.set(arena, 4 + each.key.length, each.value.length);
    writer.add(key, each.sequence, each.kind, value);
    arena.fill(0);
  }
  const summary = await writer.finish();
  file.close();
  return summary;
}

export async function tableOf(entries: readonly Entry[], options: Partial<TableOptions> = {}) {
  const files = new MemoryFileSystem();
  const summary = await writeTable(files, entries, options);
  return { files, summary, table: TableReader.open(files, tablePath) };
}

export function contentOf(files: MemoryFileSystem, path = tablePath): Uint8Array {
  const file = files.open(path, "read");
  const bytes = new Uint8Array(file.sizeBytes());
  file.readAt(bytes, 0);
  file.close();
  return bytes;
}

/** A file system that holds just these bytes as the table. */
export function filesOf(content: Uint8Array): MemoryFileSystem {
  const files = new MemoryFileSystem();
  const file = files.open(tablePath, "create");
  file.writeAt(content, 0);
  file.close();
  return files;
}

/** A block: the content and the trailer that fits it. */
export function sealed(content: Uint8Array): Uint8Array {
  const output = new GrowableBytes(content.length + 8);
  output.appendRange(content, 0, content.length);
  sealBlock(output, 0);
  return output.bytes.slice(0, output.length);
}

export function newFound(): FoundEntry {
  return { value: new Slice(), sequence: 0, kind: entryKinds.value };
}

/** The entry that the table has for a key. */
export function lookUp(table: TableReader, key: Uint8Array): Entry | undefined {
  const found = newFound();
  if (!table.get(key, key.length, found)) return undefined;
  return { key, sequence: found.sequence, kind: found.kind, value: found.value.copy() };
}

/** The entries from the cursor's place to the end. */
export function rest(cursor: ReturnType<TableReader["cursor"]>): Entry[] {
  const entries: Entry[] = [];
  for (; cursor.valid; cursor.next()) {
    const { sequence, kind } = cursor;
    entries.push({ key: cursor.key.copy(), sequence, kind, value: cursor.value.copy() });
  }
  return entries;
}

export function allEntries(table: TableReader): Entry[] {
  const cursor = table.cursor();
  cursor.rewind();
  return rest(cursor);
}
