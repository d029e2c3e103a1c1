/**
 * Puts a stopped node's directory back into a state that it can start from, and loses nothing silently.
 *
 * - Where the manifest can be read, tables that are missing or cannot be opened leave it.
 * - Where it cannot, a new one is built from the tables that are there, all on level 0 (readers go by sequence
 *   numbers there), without those that the readable part names as removed. The next start replays all of the commit
 *   log that is left: what is in tables already comes to the same. A leap of the sequence numbers that earlier damage
 *   has left between two runs may be met there again, and is reported again, since nothing tells it from a loss.
 *
 * What was lost is recorded as damage. Files that cannot be used are moved to `lost/`, never removed. A crash on
 * the way leaves a directory that is refused as before, or repaired.
 */
import { dirname } from "node:path";
import { corruption, errnoOf, messageOf, StorageError } from "../base/errors.ts";
import type { FileSystem } from "../platform/file-system.ts";
import { listSegments, readSegments } from "./commit-log/reader.ts";
import {
  currentPath,
  type DataDirectories,
  listNumberedFiles,
  lostDirectory,
  prepareDirectories,
  tablePath,
  takeLock,
} from "./data-directory.ts";
import type { EngineEnvironment } from "./environment.ts";
import { highWaterAfter } from "./flush.ts";
import type { FileNumber, SequenceNumber } from "./internal-key.ts";
import { checkMarker, writeMarker } from "./log-marker.ts";
import { replaceManifest } from "./manifest/current.ts";
import { type ManifestIdentity, randomStoreId } from "./manifest/manifest-file.ts";
import { type ManifestReading, readManifest, requireManifest } from "./manifest/read-manifest.ts";
import { applyEdit, emptyState, type ManifestState, snapshotEdit } from "./manifest/state.ts";
import type { TableMetadata, VersionEdit } from "./manifest/version-edit.ts";
import type { Damage } from "./observer.ts";
import type { TableSummary } from "./sstable/writer.ts";
import { freeLostPath, setAsideFile } from "./stray-files.ts";
import { isSameTable, surveyTable } from "./table-survey.ts";
import { requireStore } from "./verify.ts";

export interface RepairReport {
  /** What was done, a line each; empty where nothing had to be. */
  readonly actions: readonly string[];
  /** What is lost, or may be, as it was recorded. The node is degraded until it is acknowledged. */
  readonly damage: readonly Damage[];
}

/**
 * Repairs what keeps a store from starting; durable on return. Rejects with UNAVAILABLE while a node runs on it,
 * and with INVALID_ARGUMENT or SSTABLE_FAILED where there is no store, or one that a newer program wrote.
 */
export async function repairDataDirectory(
  environment: EngineEnvironment,
  directories: DataDirectories,
): Promise<RepairReport> {
  requireStore(environment.files, directories);
  const lock = takeLock(environment.files, directories);
  try {
    return await new Repair(environment, directories).run();
  } finally {
    lock.release();
  }
}

/** Forgets the damage that was recorded, so that the node counts as whole again; durable. Returns what it was. */
export async function acknowledgeDamage(
  { files }: EngineEnvironment,
  directories: DataDirectories,
): Promise<readonly Damage[]> {
  requireStore(files, directories);
  const lock = takeLock(files, directories);
  try {
    const { identity, state } = requireManifest(files, directories);
    if (state.damage.length > 0) {
      const manifestNumber = nextFileNumber(files, directories, state);
      const edit = { damageAcknowledged: true, nextFileNumber: manifestNumber + 1 };
      await replaceManifest(files, directories, { ...identity, manifestNumber }, applyEdit(state, edit));
    }
    return state.damage;
  } finally {
    lock.release();
  }
}

/** A number that neither the manifest nor any file has used. */
function nextFileNumber(files: FileSystem, directories: DataDirectories, state: ManifestState): FileNumber {
  const numbers = listNumberedFiles(files, directories).map(({ number }) => number);
  return Math.max(state.nextFileNumber, ...numbers.map((number) => number + 1));
}

class Repair {
  readonly #environment: EngineEnvironment;
  readonly #directories: DataDirectories;
  readonly #actions: string[] = [];
  readonly #damage: Damage[] = [];

  constructor(environment: EngineEnvironment, directories: DataDirectories) {
    this.#environment = environment;
    this.#directories = directories;
  }

  async run(): Promise<RepairReport> {
    const reading = readManifest(this.#environment.files, this.#directories);
    if (reading.identity !== undefined) this.#checkLog(reading.identity);
    if (reading.problem === undefined) await this.#dropLostTables(reading.identity!, reading.state!);
    else if (reading.problem.code === "CORRUPTED_DATA") await this.#rebuild(reading, reading.problem);
    else throw reading.problem;
    return { actions: this.#actions, damage: this.#damage };
  }

  /** The manifest without the tables that cannot be used. */
  async #dropLostTables({ storeId }: ManifestIdentity, state: ManifestState): Promise<void> {
    const lost: TableMetadata[] = [];
    for (const table of state.levels.flat()) {
      const survey = this.#survey(table.fileNumber);
      const problem =
        survey instanceof StorageError || isSameTable(survey, table)
          ? survey
          : corruption(
              this.#tablePath(table.fileNumber),
              0,
              "this is another table than the manifest describes",
            );
      if (!(problem instanceof StorageError)) continue;
      lost.push(table);
      await this.#recordLoss(table.fileNumber, problem, `its ${table.entryCount} entries are`);
    }
    if (this.#damage.length === 0) return;
    await this.#install(storeId, state, { removedTables: lost, damage: this.#damage });
  }

  /** A commit log of another store, or none, is a loss of whatever the right one holds. */
  #checkLog({ storeId }: ManifestIdentity): void {
    try {
      checkMarker(this.#environment.files, this.#directories, storeId.toHex());
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      this.#damage.push({
        file: error.file!,
        offset: 0,
        lengthBytes: 0,
        message: "the store went on without its commit log: writes that no table held yet are lost",
        foundAtMs: this.#environment.clock.nowMs(),
      });
      this.#actions.push("went on without the commit log of this store");
    }
  }

  /** A manifest of all tables that can be used and that are not known to be obsolete. */
  async #rebuild(reading: ManifestReading, problem: StorageError): Promise<void> {
    const { files, random, clock } = this.#environment;
    const tables: TableMetadata[] = [];
    for (const { kind, number } of listNumberedFiles(files, this.#directories)) {
      if (kind !== "table" || reading.removedTables.has(number)) continue;
      const survey = this.#survey(number);
      if (survey instanceof StorageError) await this.#recordLoss(number, survey, "what it held is");
      else tables.push({ ...survey, fileNumber: number, level: 0, deletionsAppliedThrough: 0 });
    }
    this.#damage.push({
      file: problem.file ?? currentPath(this.#directories),
      offset: problem.offset ?? 0,
      lengthBytes: 0,
      message:
        `${problem.message}; the manifest was built anew from ${tables.length} tables: ` +
        "what an obsolete table among them held and a newer one had deleted for good may be back, and so may what " +
        "was deleted by range and not yet worked off",
      foundAtMs: clock.nowMs(),
    });
    await this.#keepOldManifests();
    const before = reading.state ?? emptyState;
    await this.#install(reading.identity?.storeId ?? randomStoreId(random), emptyState, {
      ...snapshotEdit(before),
      ...this.#replayAll(before, tables),
      addedTables: tables,
      damage: [...before.damage, ...this.#damage],
    });
    this.#actions.push(`built a new manifest from ${tables.length} tables`);
  }

  /** What the table says of itself, or why it cannot be used. */
  #survey(fileNumber: FileNumber): TableSummary | StorageError {
    const path = this.#tablePath(fileNumber);
    try {
      return surveyTable(this.#environment.files, path);
    } catch (error) {
      if (error instanceof StorageError && error.code === "CORRUPTED_DATA") return error;
      if (errnoOf(error) === "ENOENT") return corruption(path, 0, "the table is missing");
      if (errnoOf(error) === "EIO")
        return corruption(path, 0, `the disk cannot read it: ${messageOf(error)}`);
      throw error;
    }
  }

  /** Moves what is left of a table to `lost/` and records what that means. */
  async #recordLoss(fileNumber: FileNumber, problem: StorageError, what: string): Promise<void> {
    const { files, clock } = this.#environment;
    const path = this.#tablePath(fileNumber);
    const status = files.status(path);
    let message = `${problem.message}; ${what} lost where nothing else holds the same`;
    if (status !== undefined) {
      const keptAs = await setAsideFile(files, this.#directories, path);
      message += `; the file is kept as ${keptAs}`;
      this.#actions.push(`moved ${path} to ${keptAs}`);
    } else this.#actions.push(`gave up ${path}`);
    this.#damage.push({
      file: path,
      offset: problem.offset ?? 0,
      lengthBytes: status?.sizeBytes ?? 0,
      message,
      foundAtMs: clock.nowMs(),
    });
  }

  /**
   * Counters that make the next start replay every segment there is. Without any, all that is left is in the
   * tables. Sequence numbers go on past all that were ever handed out.
   */
  #replayAll(before: ManifestState, tables: readonly TableMetadata[]): VersionEdit {
    const { files } = this.#environment;
    const directory = this.#directories.commitLogDirectory;
    const numbers = files.status(directory) === undefined ? [] : listSegments(files, directory);
    const silent = { tornTail() {}, damage() {}, setAside: () => "" };
    const source = { files, directory, numbers, fromSequence: 0, mode: "skip", nowMs: 0 } as const;
    const reading = readSegments(source, silent);
    let firstSequence: SequenceNumber | undefined;
    for (const frame of reading) firstSequence ??= frame.firstSequence;
    const largestInTables = Math.max(0, ...tables.map((table) => table.largestSequence));
    const largest = Math.max(largestInTables, reading.highestSequence);
    return {
      oldestSegmentNumber: numbers[0] ?? before.oldestSegmentNumber,
      flushedThroughSequence: firstSequence === undefined ? largestInTables : firstSequence - 1,
      sequenceHighWater: highWaterAfter(largest, before.sequenceHighWater),
    };
  }

  async #install(storeId: Uint8Array, before: ManifestState, edit: VersionEdit): Promise<void> {
    const { files } = this.#environment;
    const stored = applyEdit(before, edit);
    const manifestNumber = nextFileNumber(files, this.#directories, stored);
    const state = applyEdit(stored, { nextFileNumber: manifestNumber + 1 });
    await prepareDirectories(files, this.#directories);
    await writeMarker(files, this.#directories, storeId.toHex());
    await replaceManifest(files, this.#directories, { manifestNumber, storeId }, state);
  }

  /** Gives the old manifests, which may tell more than the new one, names in `lost/`; the next start drops theirs. */
  async #keepOldManifests(): Promise<void> {
    const { files } = this.#environment;
    for (const { kind, path } of listNumberedFiles(files, this.#directories)) {
      if (kind !== "manifest") continue;
      const target = await freeLostPath(files, lostDirectory(this.#directories), path);
      files.link(path, target);
      await files.syncDirectory(dirname(target));
      this.#actions.push(`kept ${path} as ${target}`);
    }
  }

  #tablePath(fileNumber: FileNumber): string {
    return tablePath(this.#directories, fileNumber);
  }
}
