/** What a table file says of itself, read without mapping it: for the tools that judge tables. */
import { compareBytes } from "../base/bytes.ts";
import type { FileSystem } from "../platform/file-system.ts";
import { TableFile } from "./sstable/table-file.ts";
import type { TableSummary } from "./sstable/writer.ts";

/**
 * Checks everything of a table but its data blocks. Throws CORRUPTED_DATA where it could not be opened,
 * SSTABLE_FAILED for a newer format, and the system's errors.
 */
export function surveyTable(files: FileSystem, path: string): TableSummary {
  const file = files.open(path, "read");
  try {
    const table = new TableFile(file);
    table.filter();
    table.index();
    const { dataSizeBytes, uncompressedDataBytes, ...summary } = table.properties();
    const { sizeBytes } = table;
    return {
      ...summary,
      sizeBytes,
      uncompressedSizeBytes: sizeBytes + uncompressedDataBytes - dataSizeBytes,
    };
  } finally {
    file.close();
  }
}

/** A table that is whole may still not be the one that the manifest means. */
export function isSameTable(a: TableSummary, b: TableSummary): boolean {
  return (
    a.sizeBytes === b.sizeBytes &&
    a.entryCount === b.entryCount &&
    a.tombstoneCount === b.tombstoneCount &&
    a.smallestSequence === b.smallestSequence &&
    a.largestSequence === b.largestSequence &&
    a.uncompressedSizeBytes === b.uncompressedSizeBytes &&
    a.createdAtMs === b.createdAtMs &&
    compareBytes(a.smallestKey, b.smallestKey) === 0 &&
    compareBytes(a.largestKey, b.largestKey) === 0
  );
}
