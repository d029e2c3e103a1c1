/** CURRENT and the manifest that it names, read as far as they can be, or refused. */
import { corruption, errnoOf, InvariantViolation, StorageError } from "../../base/errors.ts";
import type { FileSystem } from "../../platform/file-system.ts";
import {
  currentPath,
  type DataDirectories,
  manifestName,
  manifestPath,
  repairAdvice,
} from "../data-directory.ts";
import type { FileNumber } from "../internal-key.ts";
import { readCurrent } from "./current.ts";
import { type ManifestIdentity, type ManifestScan, scanManifest } from "./manifest-file.ts";
import { applyEdit, emptyState, type ManifestState } from "./state.ts";

/** What the readable first part of a manifest says; `problem` tells why it is not all, or not anything. */
export interface ManifestReading {
  /** `undefined` where the header cannot be read. */
  readonly identity: ManifestIdentity | undefined;
  /** `undefined` where not even the snapshot can be read. */
  readonly state: ManifestState | undefined;
  /** Tables that the records name as removed. */
  readonly removedTables: ReadonlySet<FileNumber>;
  readonly problem: StorageError | undefined;
}

const nothingRead = { identity: undefined, state: undefined, removedTables: new Set<FileNumber>() };

/** Reads as much as there is; for tools. */
export function readManifest(files: FileSystem, directories: DataDirectories): ManifestReading {
  let number: FileNumber;
  let scan: ManifestScan;
  try {
    number = readCurrent(files, directories);
    scan = scanNamed(files, directories, number);
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    return { ...nothingRead, problem: error };
  }
  return foldRecords(scan, manifestPath(directories, number), number);
}

/** The state that all records together give; throws where anything of it cannot be read, and says what to do. */
export function requireManifest(
  files: FileSystem,
  directories: DataDirectories,
): { identity: ManifestIdentity; state: ManifestState } {
  const { identity, state, problem } = readManifest(files, directories);
  if (problem === undefined) return { identity: identity!, state: state! };
  throw problem.code === "CORRUPTED_DATA" ? withAdvice(problem, directories) : problem;
}

/** The error that keeps a store from being opened, with the way out. */
export function withAdvice(problem: StorageError, directories: DataDirectories): StorageError {
  return new StorageError(
    problem.code,
    `${problem.message}; ${repairAdvice(directories)}. Nothing was changed.`,
    {
      ...(problem.file !== undefined && { file: problem.file }),
      ...(problem.offset !== undefined && { offset: problem.offset }),
      cause: problem,
    },
  );
}

function scanNamed(files: FileSystem, directories: DataDirectories, number: FileNumber): ManifestScan {
  try {
    return scanManifest(files, manifestPath(directories, number));
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") throw error;
    throw corruption(currentPath(directories), 0, `it names ${manifestName(number)}, which is not there`);
  }
}

function foldRecords(scan: ManifestScan, path: string, number: FileNumber): ManifestReading {
  const { identity } = scan;
  if (identity === undefined) return { ...nothingRead, problem: scan.problem };
  if (identity.manifestNumber !== number) {
    const problem = corruption(path, 16, `this is manifest ${identity.manifestNumber} under another name`);
    return { ...nothingRead, problem };
  }
  const removedTables = new Set<FileNumber>();
  let state: ManifestState | undefined;
  for (const { edit, offset } of scan.records) {
    try {
      state = applyEdit(state ?? emptyState, edit);
    } catch (error) {
      if (!(error instanceof InvariantViolation)) throw error;
      return { identity, state, removedTables, problem: corruption(path, offset, error.message) };
    }
    for (const { fileNumber } of edit.removedTables ?? []) removedTables.add(fileNumber);
    for (const { fileNumber } of edit.addedTables ?? []) removedTables.delete(fileNumber);
  }
  const isEmpty = scan.records.length === 0 && scan.problem === undefined;
  const problem = isEmpty ? corruption(path, scan.sizeBytes, "the manifest has no record") : scan.problem;
  return { identity, state, removedTables, problem };
}
