/**
 * CURRENT, and the steps that put a manifest in force:
 *
 *     new manifest: header, snapshot, sync → sync directory → CURRENT.tmp: name, sync → rename → sync directory
 *
 * Until the rename the old manifest is in force and untouched; the first three steps may fail without harm.
 */
import { corruption } from "../../base/errors.ts";
import type { FileSystem } from "../../platform/file-system.ts";
import {
  currentPath,
  type DataDirectories,
  manifestName,
  manifestPath,
  parseFileName,
  stagedCurrentPath,
} from "../data-directory.ts";
import type { FileNumber } from "../internal-key.ts";
import { type ManifestIdentity, ManifestWriter } from "./manifest-file.ts";
import { type ManifestState, snapshotEdit } from "./state.ts";

/** Longer than any name that `manifestName` gives. */
const maxCurrentSizeBytes = 64;

/** The number of the manifest in force; CORRUPTED_DATA where CURRENT does not tell. */
export function readCurrent(files: FileSystem, directories: DataDirectories): FileNumber {
  const path = currentPath(directories);
  if (files.status(path) === undefined) throw corruption(path, 0, "it is not there");
  const file = files.open(path, "read");
  try {
    const bytes = new Uint8Array(maxCurrentSizeBytes);
    const text = new TextDecoder().decode(bytes.subarray(0, file.readAt(bytes, 0)));
    const parsed = text.endsWith("\n") ? parseFileName(text.slice(0, -1)) : undefined;
    if (parsed?.kind === "manifest") return parsed.number;
    throw corruption(path, 0, `it names no manifest, but holds ${JSON.stringify(text)}`);
  } finally {
    file.close();
  }
}

/** Writes a manifest that holds a snapshot of `state`, durably, but not in force. Leaves nothing when it fails. */
export async function writeManifest(
  files: FileSystem,
  directories: DataDirectories,
  identity: ManifestIdentity,
  state: ManifestState,
): Promise<ManifestWriter> {
  const path = manifestPath(directories, identity.manifestNumber);
  let writer: ManifestWriter | undefined;
  try {
    writer = ManifestWriter.create(files, path, identity);
    await writer.append(snapshotEdit(state));
    await files.syncDirectory(directories.dataDirectory);
    await stageCurrent(files, directories, identity.manifestNumber);
    return writer;
  } catch (error) {
    writer?.close();
    await removeQuietly(files, path);
    throw error;
  }
}

async function stageCurrent(
  files: FileSystem,
  directories: DataDirectories,
  number: FileNumber,
): Promise<void> {
  const path = stagedCurrentPath(directories);
  if (files.status(path) !== undefined) await files.remove(path);
  const file = files.open(path, "create");
  try {
    file.writeAt(new TextEncoder().encode(`${manifestName(number)}\n`), 0);
    await file.sync();
  } finally {
    file.close();
  }
}

/** Puts the manifest that was written last in force. After a rejection nobody knows which one is. */
export async function switchCurrent(files: FileSystem, directories: DataDirectories): Promise<void> {
  files.rename(stagedCurrentPath(directories), currentPath(directories));
  await files.syncDirectory(directories.dataDirectory);
}

/** Writes a manifest with a snapshot of `state` and puts it in force; for tools, which append nothing to it. */
export async function replaceManifest(
  files: FileSystem,
  directories: DataDirectories,
  identity: ManifestIdentity,
  state: ManifestState,
): Promise<void> {
  const writer = await writeManifest(files, directories, identity, state);
  writer.close();
  await switchCurrent(files, directories);
}

/** Removes what nothing names: should it fail, the next start does it. */
async function removeQuietly(files: FileSystem, path: string): Promise<void> {
  try {
    await files.remove(path);
  } catch {
    // The error that led here says more.
  }
}
