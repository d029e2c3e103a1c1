/**
 * Turns tables that were brought back from a backup into a store of its own.
 *
 * Like a checkpoint it has a new id, so that its log is never taken for that of the store which was backed up, or of
 * another restore.
 */

import { compareBytes, emptyBytes } from "../base/bytes.ts";
import type { Random } from "../platform/random.ts";
import { type DataDirectories, makeDurableDirectory, manifestPath } from "./data-directory.ts";
import type { EngineEnvironment } from "./environment.ts";
import { writeMarker } from "./log-marker.ts";
import { replaceManifest } from "./manifest/current.ts";
import { randomStoreId } from "./manifest/manifest-file.ts";
import type { ManifestState } from "./manifest/state.ts";
import type { TableMetadata } from "./manifest/version-edit.ts";
import { isBeforeEnd, type RangeDeletion } from "./range-deletion/range-deletion.ts";

export interface KeyRange {
  readonly start: Uint8Array;
  /** The first key that is not in it. */
  readonly end: Uint8Array;
}

/** Writes the manifest of a store of these tables, which are in their place, and puts it in force; durable on return. */
export async function createRestoredStore(
  { files, random }: Pick<EngineEnvironment, "files"> & { readonly random: Random },
  directories: DataDirectories,
  state: ManifestState,
): Promise<void> {
  const storeId = randomStoreId(random);
  const manifestNumber = state.nextFileNumber;
  await makeDurableDirectory(files, directories.commitLogDirectory);
  await makeDurableDirectory(files, directories.tableDirectory);
  await writeMarker(files, directories, storeId.toHex());
  // Of a restore that was interrupted after it.
  const path = manifestPath(directories, manifestNumber);
  if (files.status(path) !== undefined) await files.remove(path);
  const next = { ...state, nextFileNumber: manifestNumber + 1 };
  await replaceManifest(files, directories, { manifestNumber, storeId }, next);
}

/** The store without any key out of the range: tables that hold none of it go, and what others hold is deleted. */
export function restrictedTo({ start, end }: KeyRange, state: ManifestState): ManifestState {
  const reaches = ({ smallestKey, largestKey }: TableMetadata) =>
    isBeforeEnd(smallestKey, end) && compareBytes(largestKey, start) >= 0;
  const sequence = Math.max(state.flushedThroughSequence, state.sequenceHighWater) + 1;
  const deletions: RangeDeletion[] = [
    { start: emptyBytes, end: start, sequence },
    { start: end, end: undefined, sequence: sequence + 1 },
  ];
  return {
    ...state,
    levels: state.levels.map((tables) => tables.filter(reaches)),
    rangeDeletions: [...state.rangeDeletions, ...deletions],
    flushedThroughSequence: sequence + 1,
    sequenceHighWater: sequence + 1,
  };
}
