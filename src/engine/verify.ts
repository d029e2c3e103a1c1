/**
 * Verifies the files of a stopped node: CURRENT, manifest, every table, every commit-log segment. Reads only, by
 * ordinary reads, and goes on past what is wrong, to find all of it.
 */
import { basename } from "node:path";
import { errnoOf, messageOf, StorageError } from "../base/errors.ts";
import type { FileSystem } from "../platform/file-system.ts";
import { verifySegments } from "./commit-log/inspect.ts";
import { SegmentReader } from "./commit-log/segment-reader.ts";
import {
  currentPath,
  type DataDirectories,
  listNumberedFiles,
  listOrEmpty,
  lockPath,
  lostDirectory,
  recognise,
  segmentPath,
  tablePath,
  takeLock,
} from "./data-directory.ts";
import type { Finding } from "./finding.ts";
import type { FileNumber, SequenceNumber } from "./internal-key.ts";
import { checkMarker, markerPath } from "./log-marker.ts";
import { type ManifestReading, readManifest } from "./manifest/read-manifest.ts";
import { firstNeededSegment, type ManifestState } from "./manifest/state.ts";
import type { TableMetadata } from "./manifest/version-edit.ts";
import { verifyTable } from "./sstable/verify.ts";
import { findStrayFiles } from "./stray-files.ts";
import { isSameTable, surveyTable } from "./table-survey.ts";

export type { Finding } from "./finding.ts";

export interface VerifyReport {
  /** What is wrong. */
  readonly findings: readonly Finding[];
  /** What an operator may want to know though nothing is wrong: torn tails, stray and unknown files. */
  readonly notes: readonly Finding[];
  readonly fileCount: number;
  readonly sizeBytes: number;
}

/** Both are bytes of all files; `file` is the one being read. */
export type VerifyProgress = (doneBytes: number, totalBytes: number, file: string) => void;

/**
 * Verifies a data directory. Holds its lock meanwhile: UNAVAILABLE while a node runs on it. INVALID_ARGUMENT where
 * there is no store, or one of a newer format.
 */
export function verifyDataDirectory(
  files: FileSystem,
  directories: DataDirectories,
  progress: VerifyProgress = () => {},
): VerifyReport {
  requireStore(files, directories);
  const lock = takeLock(files, directories);
  try {
    return new DirectoryCheck(files, directories, progress).run();
  } finally {
    lock.release();
  }
}

/** Throws INVALID_ARGUMENT where nothing is stored; a store that lost its CURRENT passes. */
export function requireStore(files: FileSystem, directories: DataDirectories): void {
  const path = directories.dataDirectory;
  let isNew: boolean;
  try {
    isNew = recognise(files, directories) === "new";
  } catch (error) {
    if (error instanceof StorageError && error.code === "CORRUPTED_DATA") return;
    throw error;
  }
  if (isNew) throw new StorageError("INVALID_ARGUMENT", `there is no store in ${path}`, { file: path });
}

class DirectoryCheck {
  readonly #files: FileSystem;
  readonly #directories: DataDirectories;
  readonly #progress: VerifyProgress;
  readonly #findings: Finding[] = [];
  readonly #notes: Finding[] = [];
  #fileCount = 0;
  #doneBytes = 0;
  #totalBytes = 0;

  constructor(files: FileSystem, directories: DataDirectories, progress: VerifyProgress) {
    this.#files = files;
    this.#directories = directories;
    this.#progress = progress;
  }

  run(): VerifyReport {
    const reading = readManifest(this.#files, this.#directories);
    this.#checkManifest(reading);
    const storeId = reading.identity?.storeId.toHex();
    const marker = markerPath(this.#directories);
    if (storeId !== undefined) {
      this.#reading(marker, () => checkMarker(this.#files, this.#directories, storeId));
    }
    // What a damaged manifest says is not all: then every file that is there is checked for itself.
    const state = reading.problem === undefined ? reading.state : undefined;
    const tables = state?.levels.flat() ?? this.#numbersOf("table");
    const segments = this.#numbersOf("segment").filter(
      (number) => state === undefined || number >= firstNeededSegment(state),
    );
    const tablePaths = tables.map((table) => tablePath(this.#directories, numberOf(table)));
    const segmentPaths = segments.map((number) => segmentPath(this.#directories, number));
    for (const path of [...tablePaths, ...segmentPaths]) this.#totalBytes += this.#sizeOf(path);

    for (const [index, table] of tables.entries()) this.#checkTable(tablePaths[index]!, table);
    this.#checkSegments(segments, segmentPaths);
    if (state !== undefined) {
      this.#checkStartOfLog(segments, state);
      this.#noteKnownDamage(state);
      this.#noteStrays(state, reading.identity!.manifestNumber);
    }
    this.#noteOtherFiles();
    return {
      findings: this.#findings,
      notes: this.#notes,
      fileCount: this.#fileCount,
      sizeBytes: this.#doneBytes,
    };
  }

  #checkManifest({ problem }: ManifestReading): void {
    this.#fileCount += 2;
    if (problem === undefined) return;
    if (problem.code !== "CORRUPTED_DATA") throw problem;
    this.#find(problem.file ?? currentPath(this.#directories), problem.offset ?? 0, problem.message);
  }

  /** `table` is what the manifest says of it, or only its number where the manifest cannot be read. */
  #checkTable(path: string, table: TableMetadata | FileNumber): void {
    this.#fileCount++;
    const startBytes = this.#doneBytes;
    const sizeBytes = this.#sizeOf(path);
    this.#reading(path, () => {
      if (typeof table !== "number" && sizeBytes !== table.sizeBytes) {
        const isMissing = this.#files.status(path) === undefined;
        const actual = isMissing ? "missing" : `${sizeBytes} bytes long`;
        this.#find(path, 0, `the table is ${actual}; the manifest says ${table.sizeBytes} bytes`);
        if (isMissing) return;
      }
      const findings = verifyTable(this.#files, path, (done) => this.#tell(startBytes + done, path));
      this.#findings.push(...findings);
      if (
        findings.length > 0 ||
        typeof table === "number" ||
        isSameTable(surveyTable(this.#files, path), table)
      )
        return;
      this.#find(path, 0, "this is another table than the one that the manifest describes");
    });
    this.#doneBytes = startBytes + sizeBytes;
    this.#tell(this.#doneBytes, path);
  }

  #checkSegments(numbers: readonly FileNumber[], paths: readonly string[]): void {
    const { commitLogDirectory } = this.#directories;
    const startBytes = this.#doneBytes;
    const tell = (done: number) => this.#tell(startBytes + done, paths[0] ?? commitLogDirectory);
    this.#fileCount += numbers.length;
    for (const finding of verifySegments(this.#files, commitLogDirectory, numbers, tell)) {
      (finding.kind === "torn tail" ? this.#notes : this.#findings).push(finding);
    }
    for (const path of paths) this.#doneBytes += this.#sizeOf(path);
  }

  /** The oldest segment must begin at once after what is in tables, unless the node's run began with it. */
  #checkStartOfLog(segments: readonly FileNumber[], state: ManifestState): void {
    for (const number of segments) {
      if (number < state.oldestSegmentNumber) continue;
      const path = segmentPath(this.#directories, number);
      const first = this.#reading(path, () => firstSequenceOf(this.#files, path));
      if (first === undefined) continue;
      const expected = state.flushedThroughSequence + 1;
      if (first !== "unknown" && first > expected) {
        this.#find(
          path,
          0,
          `records ${expected} to ${first - 1} are missing: a segment before it was removed`,
        );
      }
      return;
    }
  }

  #noteKnownDamage(state: ManifestState): void {
    for (const { file, offset, message } of state.damage) {
      this.#note(file, offset, `found at an earlier start and not acknowledged: ${message}`);
    }
  }

  #noteStrays(state: ManifestState, manifestNumber: FileNumber): void {
    for (const { path } of findStrayFiles(this.#files, this.#directories, { state, manifestNumber })) {
      this.#note(path, 0, "the manifest does not name it; the next start clears it away");
    }
  }

  /** Whatever lies in the directories and is not the engine's. */
  #noteOtherFiles(): void {
    const { dataDirectory, commitLogDirectory, tableDirectory } = this.#directories;
    const lost = lostDirectory(this.#directories);
    const expected = new Set([
      lockPath(this.#directories),
      currentPath(this.#directories),
      markerPath(this.#directories),
      commitLogDirectory,
      tableDirectory,
      lost,
      ...listNumberedFiles(this.#files, this.#directories).map(({ path }) => path),
    ]);
    for (const directory of new Set([dataDirectory, commitLogDirectory, tableDirectory])) {
      for (const name of listOrEmpty(this.#files, directory)) {
        const path = `${directory}/${name}`;
        if (!expected.has(path)) this.#note(path, 0, "this is no file of the store");
      }
    }
    for (const name of listOrEmpty(this.#files, lost)) this.#note(`${lost}/${name}`, 0, "set aside earlier");
  }

  /** Turns what a file that cannot be read throws into a finding. */
  #reading<Result>(path: string, read: () => Result): Result | undefined {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof StorageError) && errnoOf(error) === undefined) throw error;
      const offset = error instanceof StorageError ? error.offset : undefined;
      this.#find(path, offset ?? 0, messageOf(error));
      return undefined;
    }
  }

  #numbersOf(wanted: "table" | "segment"): FileNumber[] {
    return listNumberedFiles(this.#files, this.#directories)
      .filter(({ kind }) => kind === wanted)
      .map(({ number }) => number);
  }

  #sizeOf(path: string): number {
    return this.#files.status(path)?.sizeBytes ?? 0;
  }

  #tell(doneBytes: number, path: string): void {
    this.#progress(Math.min(doneBytes, this.#totalBytes), this.#totalBytes, basename(path));
  }

  /** A finding says where by itself; its message need not repeat it. */
  #find(file: string, offset: number, message: string): void {
    this.#findings.push({ file, offset, message: message.replace(`${file} at byte ${offset}: `, "") });
  }

  #note(file: string, offset: number, message: string): void {
    this.#notes.push({ file, offset, message });
  }
}

function numberOf(table: TableMetadata | FileNumber): FileNumber {
  return typeof table === "number" ? table : table.fileNumber;
}

/**
 * The sequence number that a segment begins with, where it must follow the entries before it: `undefined` of an
 * empty segment, `unknown` where a run of the node begins, or where the beginning is damaged.
 */
function firstSequenceOf(files: FileSystem, path: string): SequenceNumber | "unknown" | undefined {
  const segment = SegmentReader.open(files, path);
  try {
    if (!segment.isUsed) return undefined;
    if (segment.header === undefined || segment.header.firstSequence > 0) return "unknown";
    return segment.next() === "damage" ? "unknown" : segment.frame.firstSequence;
  } finally {
    segment.close();
  }
}
