/** A manifest as readable lines: its header, then every record with what it changes. */
import { quoteUtf8 } from "../../base/utf8.ts";
import type { FileSystem } from "../../platform/file-system.ts";
import type { RangeDeletion } from "../range-deletion/range-deletion.ts";
import { manifestFormatVersion } from "./format.ts";
import { type ManifestRecord, scanManifest } from "./manifest-file.ts";
import type { TableMetadata, VersionEdit } from "./version-edit.ts";

/** Lines without line ends. Throws at the first damaged part, after the lines before it. */
export function* describeManifest(files: FileSystem, path: string): Generator<string> {
  const { identity, records, sizeBytes, problem } = scanManifest(files, path);
  if (identity !== undefined) {
    yield `manifest ${path}`;
    yield `  format version     ${manifestFormatVersion}`;
    yield `  size               ${sizeBytes} bytes`;
    yield `  manifest number    ${identity.manifestNumber}`;
    yield `  store              ${identity.storeId.toHex()}`;
  }
  for (const record of records) yield* describeRecord(record);
  if (problem !== undefined) throw problem;
}

function* describeRecord({ number, offset, payloadSizeBytes, edit }: ManifestRecord): Generator<string> {
  yield `record ${number} at byte ${offset}, ${payloadSizeBytes} bytes${number === 0 ? ": snapshot" : ""}`;
  for (const line of editLines(edit)) yield `  ${line}`;
}

function* editLines(edit: VersionEdit): Generator<string> {
  yield* numberLine("next file number", edit.nextFileNumber);
  yield* numberLine("oldest segment", edit.oldestSegmentNumber);
  yield* numberLine("flushed through sequence", edit.flushedThroughSequence);
  yield* numberLine("sequence high water", edit.sequenceHighWater);
  for (const { level, fileNumber } of edit.removedTables ?? [])
    yield `remove table ${fileNumber} from level ${level}`;
  for (const table of edit.addedTables ?? []) yield describeTable(table);
  for (const deletion of edit.addedRangeDeletions ?? []) yield describeRangeDeletion(deletion);
  for (const name of edit.droppedHolders ?? []) yield `drop holder ${JSON.stringify(name)}`;
  for (const { name, segmentNumber } of edit.holders ?? []) {
    yield `holder ${JSON.stringify(name)} needs segment ${segmentNumber} and later ones`;
  }
  if (edit.damageAcknowledged === true) yield "damage acknowledged";
  for (const { file, offset, lengthBytes, message } of edit.damage ?? []) {
    yield `damage in ${file} at byte ${offset}, ${lengthBytes} bytes: ${message}`;
  }
  if (edit.isDraining !== undefined) yield edit.isDraining ? "draining begins" : "draining ends";
}

function* numberLine(label: string, value: number | undefined): Generator<string> {
  if (value !== undefined) yield `${label} ${value}`;
}

function describeTable(table: TableMetadata): string {
  const { fileNumber, level, sizeBytes, entryCount, tombstoneCount } = table;
  return (
    `add table ${fileNumber} to level ${level}: ${sizeBytes} bytes, ${entryCount} entries ` +
    `(${tombstoneCount} tombstones), sequence ${table.smallestSequence} to ${table.largestSequence}, ` +
    `range deletions applied through ${table.deletionsAppliedThrough}, ` +
    `keys ${quoteKey(table.smallestKey)} to ${quoteKey(table.largestKey)}`
  );
}

function describeRangeDeletion({ start, end, sequence }: RangeDeletion): string {
  const upTo = end === undefined ? "the end" : quoteKey(end);
  return `delete keys from ${quoteKey(start)} up to ${upTo} with a sequence number below ${sequence}`;
}

function quoteKey(key: Uint8Array): string {
  return quoteUtf8(key, 0, key.length);
}
