/**
 * Checkpoints: a copy of the store at one sequence number, made while writes go on, that opens as a store of its own.
 *
 *     flush → pin the tables → link each one, sync → marker of the log, sync → manifest, CURRENT, sync → rename, sync
 *
 * The copy is tables and a manifest alone: a flush is a boundary in the order of writes, so the tables that the
 * manifest names hold all entries up to `flushedThroughSequence` and no later one. It is built beside the target, in
 * a directory whose name says that it is unfinished, and gets the target's name last.
 *
 * Invariants:
 * 1. The target is absent or whole. A crash leaves at most the unfinished directory, which no start takes for a store
 *    and the next checkpoint to the same target clears away.
 * 2. A table that is linked is not removed before: a view over the version holds it. The view keeps the bounds of
 *    views; past one, the checkpoint ends with ABORTED.
 * 3. The copy is another store: it has an id of its own, so that the two logs are never taken for each other, and none
 *    of the holders of the log, and takes writes where this one is draining. Damage that is not acknowledged goes
 *    along, since what it took is missing here too.
 *
 * At each `await` writes, flushes and compactions go on. They touch neither the files that are linked nor the target.
 */
import { basename, dirname, resolve } from "node:path";
import { errnoOf, InvariantViolation, isDiskFull, messageOf, StorageError } from "../base/errors.ts";
import { nextTurn } from "../base/next-turn.ts";
import {
  currentPath,
  type DataDirectories,
  defaultDirectories,
  listOrEmpty,
  lockPath,
  lostDirectory,
  makeDurableDirectory,
  parseFileName,
  stagedCurrentPath,
  tablePath,
  takeLock,
  unfinishedSuffix,
} from "./data-directory.ts";
import type { EngineEnvironment } from "./environment.ts";
import type { SequenceNumber } from "./internal-key.ts";
import { markerNames, writeMarker } from "./log-marker.ts";
import { replaceManifest } from "./manifest/current.ts";
import { randomStoreId } from "./manifest/manifest-file.ts";
import type { ManifestState } from "./manifest/state.ts";
import type { VersionSet } from "./manifest/version-set.ts";
import { RangeDeletionSet } from "./range-deletion/range-deletion-set.ts";
import type { View, ViewRegistry } from "./view.ts";

export interface Checkpoint {
  /** The copy holds the writes up to this one, and no later one. */
  readonly sequence: SequenceNumber;
  readonly tableCount: number;
  /** Of all its tables. */
  readonly sizeBytes: number;
  /** Of those that could not be linked, and take space of their own. */
  readonly copiedBytes: number;
}

/** Other work comes in after so many tables. */
const tablesPerTurn = 32;

/** The target is on another file system, or on one without links, or the system allows no link to the file. */
const notLinkable = ["EXDEV", "EPERM", "EMLINK", "ENOSYS", "ENOTSUP", "EOPNOTSUPP"];

/** Makes the checkpoints of an engine, any number at a time. */
export class CheckpointWriter {
  readonly #environment: EngineEnvironment;
  readonly #directories: DataDirectories;
  readonly #versions: VersionSet;
  readonly #views: ViewRegistry;
  readonly #flush: () => Promise<void>;
  readonly #running = new Set<Promise<unknown>>();
  #isStopped = false;

  /** `flush` brings into tables all that was written before it is called. */
  constructor(
    environment: EngineEnvironment,
    directories: DataDirectories,
    versions: VersionSet,
    views: ViewRegistry,
    flush: () => Promise<void>,
  ) {
    this.#environment = environment;
    this.#directories = directories;
    this.#versions = versions;
    this.#views = views;
    this.#flush = flush;
  }

  /** What `Engine.checkpoint` does. */
  async write(target: string): Promise<Checkpoint> {
    const running = this.#write(resolve(target));
    this.#running.add(running);
    try {
      return await running;
    } catch (error) {
      throw explained(error, target);
    } finally {
      this.#running.delete(running);
    }
  }

  /** Ends those under way, and clears away what they have built; resolves when none runs. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.allSettled(this.#running);
  }

  async #write(target: string): Promise<Checkpoint> {
    this.#assertRunning();
    this.#checkTarget(target);
    await this.#flush();
    // In one turn: the state describes the version.
    const { state } = this.#versions;
    const deletions = new RangeDeletionSet(state.rangeDeletions);
    const view = this.#views.open(deletions, state.flushedThroughSequence, []);
    try {
      return await this.#build(target, state, view);
    } finally {
      view.close();
    }
  }

  /** Refuses any place but an empty directory, or none, that is not among the files of the store. */
  #checkTarget(target: string): void {
    const { commitLogDirectory, tableDirectory } = this.#directories;
    const lost = lostDirectory(this.#directories);
    for (const own of [commitLogDirectory, tableDirectory, lost].map((directory) => resolve(directory))) {
      if (target === own || target.startsWith(`${own}/`)) {
        throw refusal(target, `lies among the files of the store`);
      }
    }
    const [first] = listOrEmpty(this.#environment.files, target);
    if (first !== undefined) throw refusal(target, `is not empty (there is "${first}")`);
  }

  async #build(target: string, state: ManifestState, view: View): Promise<Checkpoint> {
    const { files } = this.#environment;
    const staged = defaultDirectories(target + unfinishedSuffix);
    await makeDurableDirectory(files, staged.dataDirectory);
    const lock = takeLock(files, staged);
    try {
      await this.#clear(staged);
      const copiedBytes = await this.#takeTables(staged, state, view);
      await this.#writeManifest(staged, state);
      files.rename(staged.dataDirectory, target);
      await files.syncDirectory(dirname(target));
      const tables = state.levels.flat();
      const sizeBytes = tables.reduce((sum, table) => sum + table.sizeBytes, 0);
      return { sequence: view.sequence, tableCount: tables.length, sizeBytes, copiedBytes };
    } catch (error) {
      await this.#discard(staged);
      throw error;
    } finally {
      lock.release();
    }
  }

  /** Links or copies all tables; returns the bytes of those that it copied. */
  async #takeTables(staged: DataDirectories, state: ManifestState, view: View): Promise<number> {
    const { files } = this.#environment;
    let copiedBytes = 0;
    for (const directory of [staged.commitLogDirectory, staged.tableDirectory]) {
      await makeDurableDirectory(files, directory);
    }
    for (const [index, { fileNumber, sizeBytes }] of state.levels.flat().entries()) {
      view.assertOpen();
      this.#assertRunning();
      const from = tablePath(this.#directories, fileNumber);
      if (!(await this.#take(from, tablePath(staged, fileNumber)))) copiedBytes += sizeBytes;
      if (index % tablesPerTurn === tablesPerTurn - 1) await nextTurn();
    }
    await files.syncDirectory(staged.tableDirectory);
    return copiedBytes;
  }

  /** Gives the copy the table, durably but for its name; false where it could not be linked. */
  async #take(from: string, to: string): Promise<boolean> {
    const { files } = this.#environment;
    try {
      files.link(from, to);
      return true;
    } catch (error) {
      if (!notLinkable.includes(errnoOf(error) ?? "")) throw error;
    }
    await files.copy(from, to);
    return false;
  }

  async #writeManifest(staged: DataDirectories, source: ManifestState): Promise<void> {
    const { files, random } = this.#environment;
    const storeId = randomStoreId(random);
    const manifestNumber = source.nextFileNumber;
    const state = { ...source, nextFileNumber: manifestNumber + 1, holders: new Map(), isDraining: false };
    await writeMarker(files, staged, storeId.toHex());
    await replaceManifest(files, staged, { manifestNumber, storeId }, state);
  }

  #assertRunning(): void {
    if (this.#isStopped)
      throw new StorageError("UNAVAILABLE", "the engine is closing; the checkpoint was given up");
  }

  /** Clears away what an interrupted checkpoint has left. Refuses what none can have made. */
  async #clear(staged: DataDirectories): Promise<void> {
    const { files } = this.#environment;
    for (const directory of [staged.tableDirectory, staged.commitLogDirectory]) {
      await this.#clearFiles(directory);
      if (files.status(directory) !== undefined) await files.removeDirectory(directory);
    }
    await this.#clearFiles(staged.dataDirectory);
  }

  async #clearFiles(directory: string): Promise<void> {
    for (const name of listOrEmpty(this.#environment.files, directory)) {
      if (name === lockName) continue;
      if (!isCheckpointFile(name))
        throw refusal(directory, `holds "${name}", which is no part of a checkpoint`);
      await this.#environment.files.remove(`${directory}/${name}`);
    }
  }

  /** After a failure, which is the one to report. What cannot be removed is told by its name. */
  async #discard(staged: DataDirectories): Promise<void> {
    const { files } = this.#environment;
    try {
      await this.#clear(staged);
      await files.remove(lockPath(staged));
      await files.removeDirectory(staged.dataDirectory);
    } catch {
      // The next checkpoint to the same target tries again.
    }
  }
}

const lockName = basename(lockPath(defaultDirectories("")));

function isCheckpointFile(name: string): boolean {
  const directories = defaultDirectories("");
  const names = [currentPath(directories), stagedCurrentPath(directories)].map((path) => basename(path));
  return parseFileName(name) !== undefined || [...names, ...markerNames].includes(name);
}

function refusal(directory: string, problem: string): StorageError {
  return new StorageError(
    "INVALID_ARGUMENT",
    `${directory} ${problem}: name an empty or a new directory for the checkpoint. Nothing was changed.`,
    { file: directory },
  );
}

/** What a failure means to whoever wants the checkpoint. The store itself is as it was. */
function explained(error: unknown, target: string): unknown {
  if (error instanceof StorageError || error instanceof InvariantViolation) return error;
  const context = { file: target, cause: error };
  return isDiskFull(error)
    ? new StorageError(
        "DISK_FULL",
        `no room for a checkpoint in ${target}: free some disk space, and try again`,
        context,
      )
    : new StorageError("INTERNAL", `the checkpoint in ${target} failed: ${messageOf(error)}`, context);
}
