/**
 * Brings a backup back into an empty directory, as a store of its own.
 *
 *     RESTORING, which backup it is → its manifest, beside → tables → manifest of the new store → verified → RESTORING goes
 *
 * Invariants:
 * 1. While RESTORING is there no start, and no tool, takes the directory for a store. It is there before the first
 *    table, and goes after the last step.
 * 2. What counts of an interrupted restore are tables that are whole: the next one to the same directory reads them,
 *    and goes on. Of another backup it is refused.
 * 3. Nothing is kept that does not match the checksums of the backup's manifest.
 */
import { dirname } from "node:path";
import { StorageError } from "../base/errors.ts";
import {
  type DataDirectories,
  defaultDirectories,
  makeDurableDirectory,
  recognise,
  restoringPath,
  tablePath,
  takeLock,
} from "../engine/data-directory.ts";
import type { FileNumber } from "../engine/internal-key.ts";
import { requireManifest } from "../engine/manifest/read-manifest.ts";
import type { ManifestState } from "../engine/manifest/state.ts";
import { createRestoredStore, type KeyRange, restrictedTo } from "../engine/restored-store.ts";
import type { FileSystem } from "../platform/file-system.ts";
import type { Random } from "../platform/random.ts";
import type { BackedUpFile, BackupManifest } from "./backup-manifest.ts";
import { DigestCounter, digestOf, fileSource, joined, writeFile } from "./chunks.ts";
import { removeTree } from "./remove-tree.ts";
import { type BackupTarget, objectPrefix } from "./target.ts";

export interface RestoreEnvironment {
  readonly files: FileSystem;
  readonly random: Random;
}

export interface RestoreRequest {
  readonly backup: BackupManifest;
  readonly directories: DataDirectories;
  /** Only these keys; undefined: all. */
  readonly range?: KeyRange | undefined;
}

export interface RestoreProgress {
  readonly totalBytes: number;
  readonly doneBytes: number;
}

export interface RestoredStore {
  readonly tableCount: number;
  readonly sizeBytes: number;
  /** Of an interrupted restore that this one has gone on with. */
  readonly foundBytes: number;
}

export async function restoreBackup(
  environment: RestoreEnvironment,
  target: BackupTarget,
  request: RestoreRequest,
  onProgress: (progress: RestoreProgress) => void = () => undefined,
): Promise<RestoredStore> {
  const { files } = environment;
  const { directories } = request;
  const isContinued = files.status(restoringPath(directories)) !== undefined;
  if (!isContinued) checkEmpty(files, directories);
  await makeDurableDirectory(files, directories.dataDirectory);
  const lock = takeLock(files, directories);
  try {
    return await new Restore(environment, target, request, onProgress).run();
  } finally {
    lock.release();
  }
}

class Restore {
  readonly #files: FileSystem;
  readonly #environment: RestoreEnvironment;
  readonly #target: BackupTarget;
  readonly #request: RestoreRequest;
  readonly #onProgress: (progress: RestoreProgress) => void;
  readonly #mark: string;
  /** Where the manifest of the store that was backed up lies meanwhile. */
  readonly #fetched: DataDirectories;

  constructor(
    environment: RestoreEnvironment,
    target: BackupTarget,
    request: RestoreRequest,
    onProgress: (progress: RestoreProgress) => void,
  ) {
    this.#environment = environment;
    this.#files = environment.files;
    this.#target = target;
    this.#request = request;
    this.#onProgress = onProgress;
    this.#mark = restoringPath(request.directories);
    this.#fetched = defaultDirectories(`${this.#mark}.manifest`);
  }

  async run(): Promise<RestoredStore> {
    const { directories, range } = this.#request;
    const source = await this.#fetchManifest();
    const state = range === undefined ? source : restrictedTo(range, source);
    const restored = await this.#fetchTables(state);
    await createRestoredStore(this.#environment, directories, state);
    await this.#removeMark();
    return restored;
  }

  /** Marks the directory, and returns what the backup's store was. */
  async #fetchManifest(): Promise<ManifestState> {
    const { backup, range } = this.#request;
    const { dataDirectory } = this.#fetched;
    const purpose = `${backup.id}${range === undefined ? "" : ` ${Buffer.from(range.start).toString("hex")}`}\n`;
    await this.#claim(purpose);
    await makeDurableDirectory(this.#files, dataDirectory);
    for (const file of backup.files) {
      if (file.identity === undefined) await this.#fetch(file, `${dataDirectory}/${file.path}`);
    }
    await this.#files.syncDirectory(dataDirectory);
    return requireManifest(this.#files, this.#fetched).state;
  }

  /** Refuses to go on with the restore of something else. */
  async #claim(purpose: string): Promise<void> {
    const path = this.#mark;
    const status = this.#files.status(path);
    const found = status === undefined ? "" : await this.#textOf(path, status.sizeBytes);
    if (found === purpose) return;
    if (!found.endsWith("\n")) {
      // Nothing else was done before it was whole.
      if (status !== undefined) await this.#files.remove(path);
      await writeFile(this.#files, path, piece(new TextEncoder().encode(purpose)));
      await this.#files.syncDirectory(dirname(path));
      return;
    }
    throw new StorageError(
      "INVALID_ARGUMENT",
      `${this.#request.directories.dataDirectory} holds what was restored of another backup, or of other tenants ` +
        `(${found.trim()}): name that backup, or another directory. Nothing was changed.`,
      { file: path },
    );
  }

  async #textOf(path: string, sizeBytes: number): Promise<string> {
    return new TextDecoder().decode(await joined(fileSource(this.#files, path, sizeBytes).chunks()));
  }

  async #fetchTables(state: ManifestState): Promise<RestoredStore> {
    const { backup, directories } = this.#request;
    const byName = new Map(backup.files.map((file) => [file.path, file]));
    const wanted = state.levels.flat().map(({ fileNumber }) => {
      const file = byName.get(nameOf(fileNumber));
      if (file !== undefined) return { file, path: tablePath(directories, fileNumber) };
      throw new StorageError("CORRUPTED_DATA", `backup ${backup.id} does not hold table ${fileNumber}`);
    });
    const totalBytes = wanted.reduce((sum, { file }) => sum + file.size_bytes, 0);
    await makeDurableDirectory(this.#files, directories.tableDirectory);
    let doneBytes = 0;
    let foundBytes = 0;
    for (const { file, path } of wanted) {
      if (!(await this.#fetch(file, path))) foundBytes += file.size_bytes;
      doneBytes += file.size_bytes;
      this.#onProgress({ doneBytes, totalBytes });
    }
    await this.#files.syncDirectory(directories.tableDirectory);
    return { tableCount: wanted.length, sizeBytes: totalBytes, foundBytes };
  }

  /** False where the file was there already. */
  async #fetch(file: BackedUpFile, path: string): Promise<boolean> {
    if (this.#files.status(path) !== undefined) {
      if (await this.#isWhole(file, path)) return false;
      await this.#files.remove(path);
    }
    const name = objectPrefix + file.sha256;
    const counter = new DigestCounter();
    await writeFile(this.#files, path, counter.through(this.#target.get(name)));
    const { sizeBytes, sha256 } = counter.finish();
    if (sha256 === file.sha256) return true;
    await this.#files.remove(path);
    throw new StorageError(
      "CORRUPTED_DATA",
      `${this.#target.name}/${name} does not hold what backup ${this.#request.backup.id} needs for ${file.path} ` +
        `(${sizeBytes} bytes, ${file.size_bytes} expected): restore another backup`,
      { file: name },
    );
  }

  /** Whether an interrupted restore has left all of the file; durable on return. */
  async #isWhole(expected: BackedUpFile, path: string): Promise<boolean> {
    if (this.#files.status(path)?.sizeBytes !== expected.size_bytes) return false;
    const { sha256 } = await digestOf(fileSource(this.#files, path, expected.size_bytes).chunks());
    if (sha256 !== expected.sha256) return false;
    const file = this.#files.open(path, "write");
    try {
      await file.sync();
    } finally {
      file.close();
    }
    return true;
  }

  async #removeMark(): Promise<void> {
    await removeTree(this.#files, this.#fetched.dataDirectory);
    await this.#files.remove(this.#mark);
    await this.#files.syncDirectory(dirname(this.#mark));
  }
}

async function* piece(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

function nameOf(fileNumber: FileNumber): string {
  return tablePath(defaultDirectories("."), fileNumber).slice(2);
}

function checkEmpty(files: FileSystem, directories: DataDirectories): void {
  if (recognise(files, directories) === "new") return;
  throw new StorageError(
    "INVALID_ARGUMENT",
    `${directories.dataDirectory} holds a store: name an empty or a new directory. Nothing was changed.`,
    { file: directories.dataDirectory },
  );
}
