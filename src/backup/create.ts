/**
 * Makes a backup of a checkpoint.
 *
 *     mark → manifest of the store and its tables, but for those that are there
 *          → mark again → all there? → manifest of the backup
 *
 * Invariants:
 * 1. The backup exists with its manifest, which is written last and names only objects that are in the target whole.
 * 2. An object's name is the SHA-256 of what it holds, so that contents are sent once, whichever backup or attempt
 *    sent them. A table that the last backup of the same store holds is not even read again.
 * 3. A failure or a crash leaves objects that the next attempt finds, or `prune` removes; nothing else.
 *
 * Tables never change, so nothing that runs meanwhile can interfere.
 */
import { StorageError } from "../base/errors.ts";
import { defaultDirectories, manifestName, tablePath } from "../engine/data-directory.ts";
import { requireManifest } from "../engine/manifest/read-manifest.ts";
import type { TableMetadata } from "../engine/manifest/version-edit.ts";
import type { Clock } from "../platform/clock.ts";
import type { FileSystem } from "../platform/file-system.ts";
import type { Random } from "../platform/random.ts";
import {
  type BackedUpFile,
  type BackupManifest,
  newBackupId,
  writeBackupManifest,
} from "./backup-manifest.ts";
import { readCatalog } from "./catalog.ts";
import { DigestCounter, digestOf, fileSource } from "./chunks.ts";
import { RunningMark } from "./running-mark.ts";
import { type BackupTarget, type ObjectSource, objectPrefix } from "./target.ts";

export interface BackupEnvironment {
  readonly files: FileSystem;
  readonly clock: Clock;
  readonly random: Random;
}

/** A checkpoint, and what it is one of. */
export interface BackupSource {
  readonly directory: string;
  readonly storeId: string;
  readonly sequence: number;
}

export interface BackupProgress {
  /** Of the checkpoint's files: all, those dealt with, and of them what had to be sent. */
  readonly totalBytes: number;
  readonly doneBytes: number;
  readonly sentBytes: number;
}

export interface CreatedBackup {
  readonly manifest: BackupManifest;
  readonly sentBytes: number;
}

/** By the names of objects. */
type StoredSizes = Map<string, number>;

interface LocalFile {
  readonly path: string;
  readonly sizeBytes: number;
  readonly identity: string | undefined;
}

export async function createBackup(
  environment: BackupEnvironment,
  target: BackupTarget,
  source: BackupSource,
  onProgress: (progress: BackupProgress) => void = () => undefined,
): Promise<CreatedBackup> {
  const mark = await RunningMark.put(target, environment.clock, source.storeId);
  try {
    return await new Creation(environment, target, source, mark, onProgress).run();
  } finally {
    // What stays behind holds up nobody for long.
    await mark.remove().catch(() => undefined);
  }
}

class Creation {
  readonly #environment: BackupEnvironment;
  readonly #target: BackupTarget;
  readonly #source: BackupSource;
  readonly #mark: RunningMark;
  readonly #onProgress: (progress: BackupProgress) => void;
  #totalBytes = 0;
  #doneBytes = 0;
  #sentBytes = 0;

  constructor(
    environment: BackupEnvironment,
    target: BackupTarget,
    source: BackupSource,
    mark: RunningMark,
    onProgress: (progress: BackupProgress) => void,
  ) {
    this.#environment = environment;
    this.#target = target;
    this.#source = source;
    this.#mark = mark;
    this.#onProgress = onProgress;
  }

  async run(): Promise<CreatedBackup> {
    const local = listFiles(this.#environment.files, this.#source);
    this.#totalBytes = local.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    const known = await this.#knownTables();
    const stored = await this.#storedObjects();
    const files: BackedUpFile[] = [];
    for (const file of local) {
      await this.#mark.renew();
      files.push(await this.#store(file, known.get(file.identity), stored));
      this.#doneBytes += file.sizeBytes;
      this.#tell(0);
    }
    await this.#mark.write();
    await this.#assertAllStored(files);
    const { clock, random } = this.#environment;
    const createdAtMs = clock.nowMs();
    const manifest: BackupManifest = {
      format: "pairdb-backup",
      version: 1,
      id: newBackupId(createdAtMs, random.uint32()),
      created_at_unix_ms: createdAtMs,
      store_id: this.#source.storeId,
      sequence: this.#source.sequence,
      files,
    };
    await writeBackupManifest(this.#target, manifest);
    return { manifest, sentBytes: this.#sentBytes };
  }

  /** Tables that backups hold, by their identity. */
  async #knownTables(): Promise<Map<string | undefined, BackedUpFile>> {
    const { backups } = await readCatalog(this.#target);
    return new Map(backups.flatMap(({ files }) => files).map((file) => [file.identity, file]));
  }

  /** Sizes of the objects that are there. */
  async #storedObjects(): Promise<StoredSizes> {
    const objects = await this.#target.list(objectPrefix);
    return new Map(objects.map(({ name, sizeBytes }) => [name, sizeBytes]));
  }

  /** Sees to it that the target holds the file. */
  async #store(file: LocalFile, known: BackedUpFile | undefined, stored: StoredSizes): Promise<BackedUpFile> {
    const { path, sizeBytes, identity } = file;
    const isKnown = identity !== undefined && known !== undefined && holds(stored, known);
    const source = fileSource(this.#environment.files, `${this.#source.directory}/${path}`, sizeBytes);
    const sha256 = isKnown ? known.sha256 : (await digestOf(source.chunks())).sha256;
    const backedUp = { path, size_bytes: sizeBytes, sha256, ...(identity !== undefined && { identity }) };
    if (!holds(stored, backedUp)) {
      const name = objectPrefix + sha256;
      await this.#target.put(name, this.#checked(path, source, sha256));
      this.#sentBytes += sizeBytes;
      stored.set(name, sizeBytes);
    }
    return backedUp;
  }

  /** The same bytes on their way out; fails before the last one where they are not what the name says. */
  #checked(path: string, source: ObjectSource, sha256: string): ObjectSource {
    const tell = (sentBytes: number) => this.#tell(sentBytes);
    return {
      sizeBytes: source.sizeBytes,
      async *chunks() {
        const counter = new DigestCounter();
        let sentBytes = 0;
        for await (const chunk of counter.through(source.chunks())) {
          sentBytes += chunk.length;
          if (sentBytes === source.sizeBytes && counter.finish().sha256 !== sha256) {
            throw new StorageError("CORRUPTED_DATA", `${path} was read twice, and was not the same`, {
              file: path,
            });
          }
          yield chunk;
          tell(sentBytes);
        }
      },
    };
  }

  async #assertAllStored(files: readonly BackedUpFile[]): Promise<void> {
    const stored = await this.#storedObjects();
    const missing = files.find((file) => !holds(stored, file));
    if (missing === undefined) return;
    throw new StorageError(
      "ABORTED",
      `${objectPrefix}${missing.sha256} was removed from ${this.#target.name}, or cut, while the backup was made; try again`,
    );
  }

  #tell(bytesOfThisFile: number): void {
    this.#onProgress({
      totalBytes: this.#totalBytes,
      doneBytes: this.#doneBytes + bytesOfThisFile,
      sentBytes: this.#sentBytes + bytesOfThisFile,
    });
  }
}

/** Whether an object with the file's contents is there, of the file's size: one of another size was cut off. */
function holds(stored: StoredSizes, { sha256, size_bytes }: BackedUpFile): boolean {
  return stored.get(objectPrefix + sha256) === size_bytes;
}

/** The checkpoint's files: a restore writes the rest anew. */
function listFiles(files: FileSystem, { directory, storeId }: BackupSource): LocalFile[] {
  const directories = defaultDirectories(directory);
  const { identity, state } = requireManifest(files, directories);
  const file = (path: string, id?: string): LocalFile => ({
    path: path.slice(directory.length + 1),
    sizeBytes: files.status(path)?.sizeBytes ?? 0,
    identity: id,
  });
  return [
    file(`${directory}/CURRENT`),
    file(`${directory}/${manifestName(identity.manifestNumber)}`),
    ...state.levels
      .flat()
      .map((table) => file(tablePath(directories, table.fileNumber), tableIdentity(storeId, table))),
  ];
}

/** A store never uses a number twice; the rest is for stores whose manifest was lost and made anew. */
function tableIdentity(storeId: string, table: TableMetadata): string {
  return [storeId, table.fileNumber, table.sizeBytes, table.largestSequence, table.createdAtMs].join(":");
}
