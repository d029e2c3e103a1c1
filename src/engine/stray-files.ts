/**
 * Files that the manifest does not name: what a crash left between creating a file and naming it, or between
 * dropping it and removing it.
 *
 * Invariants:
 * 1. Only numbered files of the engine's own are touched; anything else that lies in the directories stays.
 * 2. A file that may hold data nobody knows of is moved to `lost/`, not removed: when something was cut off or
 *    lost at this start, or when its number is one that the manifest has never handed out.
 */
import { basename, dirname } from "node:path";
import { errnoOf } from "../base/errors.ts";
import type { FileSystem } from "../platform/file-system.ts";
import {
  type DataDirectories,
  type FoundFile,
  freePath,
  listNumberedFiles,
  lostDirectory,
  makeDurableDirectory,
  stagedCurrentPath,
} from "./data-directory.ts";
import type { EngineEnvironment } from "./environment.ts";
import type { FileNumber } from "./internal-key.ts";
import { firstNeededSegment, type ManifestState } from "./manifest/state.ts";
import { removeFiles } from "./remove-files.ts";

/** What tells a stray file from one that counts. */
export interface NamedFiles {
  readonly state: ManifestState;
  readonly manifestNumber: FileNumber;
  /** The next file number that the manifest had at this start. */
  readonly recoveredNextFileNumber: FileNumber;
}

/**
 * Removes stray files, or moves them to `lost/`; `keepUnknown` says that something was cut off or lost. Called when
 * the manifest in force holds all that recovery found. A file that cannot be removed is reported and left.
 */
export async function removeStrayFiles(
  environment: EngineEnvironment,
  directories: DataDirectories,
  named: NamedFiles,
  { keepUnknown }: { readonly keepUnknown: boolean },
): Promise<void> {
  const { files, observer } = environment;
  const removable: string[] = [];
  for (const { kind, number, path } of findStrayFiles(files, directories, named)) {
    const mayHoldData = kind === "table" && (keepUnknown || number >= named.recoveredNextFileNumber);
    if (mayHoldData) observer.fileSetAside(path, await setAsideFile(files, directories, path));
    else removable.push(path);
  }
  const staged = stagedCurrentPath(directories);
  if (files.status(staged) !== undefined) removable.push(staged);
  await removeFiles(environment, removable);
}

/** Numbered files that nothing names; segments that neither replay nor a holder needs are among them. */
export function findStrayFiles(
  files: FileSystem,
  directories: DataDirectories,
  { state, manifestNumber }: Pick<NamedFiles, "state" | "manifestNumber">,
): FoundFile[] {
  const tables = new Set(state.levels.flat().map((table) => table.fileNumber));
  const firstSegment = firstNeededSegment(state);
  const isNamed = {
    manifest: (number: FileNumber) => number === manifestNumber,
    segment: (number: FileNumber) => number >= firstSegment,
    table: (number: FileNumber) => tables.has(number),
  };
  return listNumberedFiles(files, directories).filter(({ kind, number }) => !isNamed[kind](number));
}

/** Moves a file to `lost/` under a free name, durably; returns its new path. */
export async function setAsideFile(
  files: FileSystem,
  directories: DataDirectories,
  path: string,
): Promise<string> {
  try {
    return await moveInto(files, lostDirectory(directories), path);
  } catch (error) {
    // A table or segment directory on another file system gets a `lost` of its own.
    if (errnoOf(error) !== "EXDEV") throw error;
    return await moveInto(files, `${dirname(path)}/lost`, path);
  }
}

async function moveInto(files: FileSystem, directory: string, path: string): Promise<string> {
  const target = await freeLostPath(files, directory, path);
  files.rename(path, target);
  await files.syncDirectory(directory);
  await files.syncDirectory(dirname(path));
  return target;
}

/** A path in `directory`, which is created where it is missing, that takes the file's name and no other's place. */
export async function freeLostPath(files: FileSystem, directory: string, path: string): Promise<string> {
  await makeDurableDirectory(files, directory);
  return freePath(files, `${directory}/${basename(path)}`);
}
