/**
 * A `VersionEdit` as bytes: the payload of a manifest record.
 *
 * Fields follow each other, each a tag (varint) and its value; a list is its field repeated. Integers are
 * varints; texts (UTF-8) and keys are a varint length and the bytes. docs/formats/manifest.md has the table and
 * worked examples.
 *
 * There is no length to skip a field by, on purpose: a program that does not know a field cannot know what it
 * would ignore, so it refuses.
 */
import { emptyBytes } from "../../base/bytes.ts";
import { corruption, StorageError } from "../../base/errors.ts";
import { GrowableBytes } from "../../base/growable-bytes.ts";
import { VarintReader } from "../../base/varint.ts";
import type { Damage } from "../observer.ts";
import { decodeEnd, encodeEnd, type RangeDeletion } from "../range-deletion/range-deletion.ts";
import type { HolderPosition, RemovedTable, TableMetadata, VersionEdit } from "./version-edit.ts";

export const manifestFormatVersion = 1;

/** On-disk values: never renumber. */
const tags = {
  nextFileNumber: 1,
  oldestSegmentNumber: 2,
  flushedThroughSequence: 3,
  sequenceHighWater: 4,
  removedTable: 5,
  addedTable: 6,
  holder: 7,
  droppedHolder: 8,
  damageAcknowledged: 9,
  damage: 10,
  addedRangeDeletion: 11,
  draining: 12,
} as const;

const counters = [
  "nextFileNumber",
  "oldestSegmentNumber",
  "flushedThroughSequence",
  "sequenceHighWater",
] as const;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

export function encodeEdit(edit: VersionEdit): Uint8Array {
  const output = new GrowableBytes(256);
  for (const name of counters) {
    const value = edit[name];
    if (value !== undefined) appendNumbers(output, tags[name], value);
  }
  for (const table of edit.removedTables ?? []) {
    appendNumbers(output, tags.removedTable, table.level, table.fileNumber);
  }
  for (const table of edit.addedTables ?? []) appendTable(output, table);
  for (const { start, end, sequence } of edit.addedRangeDeletions ?? []) {
    appendNumbers(output, tags.addedRangeDeletion, sequence);
    appendBytes(output, start);
    appendBytes(output, encodeEnd(end));
  }
  for (const name of edit.droppedHolders ?? []) {
    appendNumbers(output, tags.droppedHolder);
    appendText(output, name);
  }
  for (const holder of edit.holders ?? []) {
    appendNumbers(output, tags.holder);
    appendText(output, holder.name);
    appendNumbers(output, holder.segmentNumber);
  }
  if (edit.damageAcknowledged === true) appendNumbers(output, tags.damageAcknowledged);
  for (const damage of edit.damage ?? []) appendDamage(output, damage);
  if (edit.isDraining !== undefined) appendNumbers(output, tags.draining, Number(edit.isDraining));
  return output.bytes.slice(0, output.length);
}

function appendTable(output: GrowableBytes, table: TableMetadata): void {
  appendNumbers(output, tags.addedTable, table.level, table.fileNumber, table.sizeBytes);
  appendNumbers(output, table.entryCount, table.tombstoneCount);
  appendNumbers(output, table.smallestSequence, table.largestSequence, table.deletionsAppliedThrough);
  appendNumbers(output, table.uncompressedSizeBytes, table.createdAtMs);
  appendBytes(output, table.smallestKey);
  appendBytes(output, table.largestKey);
}

function appendDamage(output: GrowableBytes, damage: Damage): void {
  appendNumbers(output, tags.damage);
  appendText(output, damage.file);
  appendNumbers(output, damage.offset, damage.lengthBytes);
  appendText(output, damage.message);
  appendNumbers(output, damage.foundAtMs);
}

function appendNumbers(output: GrowableBytes, ...values: number[]): void {
  for (const value of values) output.appendVarint(value);
}

function appendBytes(output: GrowableBytes, bytes: Uint8Array): void {
  output.appendVarint(bytes.length);
  output.appendRange(bytes, 0, bytes.length);
}

function appendText(output: GrowableBytes, text: string): void {
  appendBytes(output, encoder.encode(text));
}

/**
 * The edit in a payload whose checksum was right. `file` and `offset` (of the record) are for the errors:
 * CORRUPTED_DATA for bytes that no version wrote, INVALID_ARGUMENT for a field of a later version.
 */
export function decodeEdit(payload: Uint8Array, file: string, offset: number): VersionEdit {
  const reader = new FieldReader(payload);
  const counterValues: { -readonly [name in (typeof counters)[number]]?: number } = {};
  const removedTables: RemovedTable[] = [];
  const addedTables: TableMetadata[] = [];
  const addedRangeDeletions: RangeDeletion[] = [];
  const droppedHolders: string[] = [];
  const holders: HolderPosition[] = [];
  const damage: Damage[] = [];
  let damageAcknowledged = false;
  let isDraining: boolean | undefined;
  while (reader.more) {
    const tag = reader.number();
    const counter = counters.find((name) => tags[name] === tag);
    if (counter !== undefined) counterValues[counter] = reader.number();
    else if (tag === tags.removedTable) removedTables.push(reader.removedTable());
    else if (tag === tags.addedTable) addedTables.push(reader.addedTable());
    else if (tag === tags.addedRangeDeletion) addedRangeDeletions.push(reader.rangeDeletion());
    else if (tag === tags.droppedHolder) droppedHolders.push(reader.text());
    else if (tag === tags.holder) holders.push(reader.holder());
    else if (tag === tags.damageAcknowledged) damageAcknowledged = true;
    else if (tag === tags.damage) damage.push(reader.damage());
    else if (tag === tags.draining) isDraining = reader.flag();
    else if (reader.ok) throw unknownField(tag, file, offset);
  }
  if (!reader.ok) throw corruption(file, offset, "the record's checksum is right, but its fields are cut");
  return {
    ...counterValues,
    ...(removedTables.length > 0 && { removedTables }),
    ...(addedTables.length > 0 && { addedTables }),
    ...(addedRangeDeletions.length > 0 && { addedRangeDeletions }),
    ...(droppedHolders.length > 0 && { droppedHolders }),
    ...(holders.length > 0 && { holders }),
    ...(damageAcknowledged && { damageAcknowledged }),
    ...(damage.length > 0 && { damage }),
    ...(isDraining !== undefined && { isDraining }),
  };
}

function unknownField(tag: number, file: string, offset: number): StorageError {
  return new StorageError(
    "INVALID_ARGUMENT",
    `${file} at byte ${offset}: field ${tag} is not of manifest format ${manifestFormatVersion}, the newest that ` +
      "this program reads: use a newer pairdb-node",
    { file, offset },
  );
}

/** Reads fields one after the other. Past a malformed one everything reads as empty, and `ok` is false. */
class FieldReader {
  readonly #varints = new VarintReader();

  constructor(payload: Uint8Array) {
    this.#varints.reset(payload, 0, payload.length);
  }

  get ok(): boolean {
    return this.#varints.ok;
  }

  get more(): boolean {
    return this.ok && this.#varints.position < this.#varints.end;
  }

  number(): number {
    return this.#varints.read();
  }

  flag(): boolean {
    const value = this.number();
    if (value > 1) this.#varints.ok = false;
    return value === 1;
  }

  bytes(): Uint8Array {
    const varints = this.#varints;
    const length = varints.read();
    const start = varints.position;
    if (length > varints.end - start) varints.ok = false;
    if (!varints.ok) return emptyBytes;
    varints.position = start + length;
    return varints.bytes.slice(start, start + length);
  }

  text(): string {
    return decoder.decode(this.bytes());
  }

  removedTable(): RemovedTable {
    return { level: this.number(), fileNumber: this.number() };
  }

  addedTable(): TableMetadata {
    return {
      level: this.number(),
      fileNumber: this.number(),
      sizeBytes: this.number(),
      entryCount: this.number(),
      tombstoneCount: this.number(),
      smallestSequence: this.number(),
      largestSequence: this.number(),
      deletionsAppliedThrough: this.number(),
      uncompressedSizeBytes: this.number(),
      createdAtMs: this.number(),
      smallestKey: this.bytes(),
      largestKey: this.bytes(),
    };
  }

  rangeDeletion(): RangeDeletion {
    return { sequence: this.number(), start: this.bytes(), end: decodeEnd(this.bytes()) };
  }

  holder(): HolderPosition {
    return { name: this.text(), segmentNumber: this.number() };
  }

  damage(): Damage {
    return {
      file: this.text(),
      offset: this.number(),
      lengthBytes: this.number(),
      message: this.text(),
      foundAtMs: this.number(),
    };
  }
}
