import { defaultDirectories, tablePath } from "../../../../src/engine/data-directory.ts";
import type { TableMetadata, VersionEdit } from "../../../../src/engine/manifest/version-edit.ts";
import type { VersionSetOptions } from "../../../../src/engine/manifest/version-set.ts";
import type { TableReader } from "../../../../src/engine/sstable/reader.ts";
import type { FileSystem } from "../../../../src/platform/file-system.ts";
import { writeWhole } from "../../../support/whole-file.ts";

export const directories = defaultDirectories("/data");

export const key = (text: string) => new TextEncoder().encode(text);

/** A table as the manifest sees it; the file is `sizeBytes` of anything (`writeTableFile`). */
export function tableMetadata(fileNumber: number, overrides: Partial<TableMetadata> = {}): TableMetadata {
  return {
    fileNumber,
    level: 0,
    sizeBytes: 10 + (fileNumber % 7),
    entryCount: 3,
    tombstoneCount: 1,
    smallestKey: key(`t:${String(fileNumber).padStart(4, "0")}a`),
    largestKey: key(`t:${String(fileNumber).padStart(4, "0")}z`),
    smallestSequence: fileNumber * 10,
    largestSequence: fileNumber * 10 + 9,
    deletionsAppliedThrough: 0,
    uncompressedSizeBytes: 20,
    createdAtMs: 1000 + fileNumber,
    ...overrides,
  };
}

export function writeTableFile(files: FileSystem, table: TableMetadata): void {
  writeWhole(files, tablePath(directories, table.fileNumber), new Uint8Array(table.sizeBytes).fill(1));
}

/** What the fake readers went through, by file number. */
export class FakeTables {
  readonly opened: number[] = [];
  readonly closed: number[] = [];
  readonly heldTails: boolean[] = [];
  /** What each reader says that it holds. */
  heldBytes = 0;

  open(metadata: TableMetadata, holdsTail = false): TableReader {
    this.heldTails.push(holdsTail);
    this.opened.push(metadata.fileNumber);
    const close = () => void this.closed.push(metadata.fileNumber);
    return { close, heldBytes: this.heldBytes } as unknown as TableReader;
  }

  get openNumbers(): number[] {
    const open = [...this.opened];
    for (const number of this.closed) open.splice(open.indexOf(number), 1);
    return open.sort((a, b) => a - b);
  }
}

export interface TestSet {
  readonly options: VersionSetOptions;
  readonly tables: FakeTables;
  readonly failures: Error[];
  readonly removalFailures: string[];
}

export function testOptions(rollOverSizeBytes?: number): TestSet {
  const tables = new FakeTables();
  const failures: Error[] = [];
  const removalFailures: string[] = [];
  const options: VersionSetOptions = {
    directories,
    openTable: (_path, metadata, holdsTail) => tables.open(metadata, holdsTail),
    maxOpenCount: 100,
    maxHeldBytes: 100,
    failed: (error) => failures.push(error),
    removalFailed: (path) => removalFailures.push(path),
    ...(rollOverSizeBytes !== undefined && { rollOverSizeBytes }),
  };
  return { options, tables, failures, removalFailures };
}

/** An edit with every kind of field. */
export function fullEdit(): VersionEdit {
  return {
    nextFileNumber: 300,
    oldestSegmentNumber: 7,
    flushedThroughSequence: 2 ** 40,
    sequenceHighWater: Number.MAX_SAFE_INTEGER,
    removedTables: [{ level: 4, fileNumber: 11 }],
    addedTables: [tableMetadata(12), tableMetadata(200, { level: 3, smallestKey: new Uint8Array(0) })],
    addedRangeDeletions: [
      { sequence: 2 ** 40, start: key("t:"), end: key("t;") },
      { sequence: 7, start: new Uint8Array(0), end: undefined },
    ],
    droppedHolders: ["stream-1"],
    holders: [{ name: "backup ärchiv", segmentNumber: 9 }],
    damageAcknowledged: true,
    damage: [
      { file: "/data/commitlog/000003.log", offset: 8192, lengthBytes: 72, message: "lost", foundAtMs: 1 },
    ],
    isDraining: true,
  };
}
