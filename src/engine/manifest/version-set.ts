/**
 * The current version of the store, and all that the manifest keeps: counters, holders, damage.
 *
 * An edit takes these steps, one edit at a time: open its new tables → append to the manifest and sync → install
 * the new version → close and remove what nothing holds any more. Every start, and every manifest that has grown
 * past its bound, begins a fresh manifest with a snapshot (`current.ts`).
 *
 * Invariants:
 * 1. What `state` and `current` show is durable.
 * 2. A table's file is removed after the edit that dropped it is durable and the last version that holds it is
 *    gone, and never before.
 * 3. A file number is never handed out twice: the manifest holds a bound above all that were, kept ahead of the
 *    counter by `numberReserve`.
 * 4. After a failed append or sync the manifest is not written again. Nobody knows whether the last edit counts;
 *    the next start finds out.
 *
 * While an edit waits for the disk, reads go on over the old version, and views come and go.
 */
import { assert, InvariantViolation, isDiskFull, messageOf, StorageError } from "../../base/errors.ts";
import { nextTurn } from "../../base/next-turn.ts";
import { listNumberedFiles, manifestPath, prepareDirectories, tablePath } from "../data-directory.ts";
import type { EngineEnvironment } from "../environment.ts";
import type { FileNumber } from "../internal-key.ts";
import { checkMarker, writeMarker } from "../log-marker.ts";
import { ReadStatistics } from "../statistics/read-statistics.ts";
import { switchCurrent, writeManifest } from "./current.ts";
import { FileRemover } from "./file-remover.ts";
import { type ManifestWriter, randomStoreId } from "./manifest-file.ts";
import { requireManifest } from "./read-manifest.ts";
import { applyEdit, emptyState, type ManifestState } from "./state.ts";
import type { Table } from "./table.ts";
import { requireTableFiles } from "./table-files.ts";
import { TableReaders, type TableReadersOptions } from "./table-readers.ts";
import { Version } from "./version.ts";
import type { VersionEdit } from "./version-edit.ts";

export interface VersionSetOptions extends TableReadersOptions {
  /** Called at the start, for each table whose file was found. */
  readonly tableChecked?: (checkedCount: number, totalCount: number) => void;
  /** A manifest that has grown by this since its snapshot is replaced by a fresh one. */
  readonly rollOverSizeBytes?: number;
  /** Called once: the manifest could not be written, and every `apply` from now on rejects with this error. */
  readonly failed: (error: Error) => void;
  /** An obsolete file could not be removed; the next start tries again. */
  readonly removalFailed: (path: string, error: unknown) => void;
}

const defaultRollOverSizeBytes = 4 << 20;

/** Numbers that may be handed out without a new edit. */
const numberReserve = 16;

export class VersionSet {
  /** The manifest's next file number when it was opened: files from there on were never named by it. */
  readonly recoveredNextFileNumber: FileNumber;
  /** Of all versions. */
  readonly reads: ReadStatistics;
  readonly #storeIdBytes: Uint8Array;
  readonly #environment: EngineEnvironment;
  readonly #options: VersionSetOptions;
  readonly #remover: FileRemover;
  readonly #readers: TableReaders;
  #state: ManifestState;
  #current: Version;
  #manifestNumber: FileNumber | undefined;
  /** `undefined` before `start`. */
  #writer: ManifestWriter | undefined;
  #snapshotSizeBytes = 0;
  #nextNumber: FileNumber;
  #isReserving = false;
  #obsoleteTableBytes = 0;
  #failure: Error | undefined;
  #isClosed = false;
  /** The edits under way, each one after the one before; never rejects. */
  #edits: Promise<void> = Promise.resolve();

  private constructor(
    environment: EngineEnvironment,
    options: VersionSetOptions,
    storeId: Uint8Array,
    state: ManifestState,
  ) {
    this.#environment = environment;
    this.#options = options;
    this.#remover = new FileRemover(environment.files, options.removalFailed);
    this.#readers = new TableReaders(options);
    this.#storeIdBytes = storeId;
    this.#state = state;
    this.reads = new ReadStatistics(environment);
    const levels = state.levels.map((level) => level.map((metadata) => this.#readers.table(metadata)));
    this.#current = new Version(levels, this.reads, (table) => this.#tableUnreferenced(table));
    this.recoveredNextFileNumber = state.nextFileNumber;
    this.#nextNumber = state.nextFileNumber;
  }

  /**
   * A new store in an empty directory, ready for edits; what an interrupted creation left is replaced. Until the
   * promise resolves, the directory counts as new.
   */
  static async create(environment: EngineEnvironment, options: VersionSetOptions): Promise<VersionSet> {
    const { files, random } = environment;
    const leftover = manifestPath(options.directories, 1);
    if (files.status(leftover) !== undefined) await files.remove(leftover);
    const versionSet = new VersionSet(environment, options, randomStoreId(random), emptyState);
    await prepareDirectories(files, options.directories);
    await writeMarker(files, options.directories, versionSet.storeId);
    await versionSet.start();
    return versionSet;
  }

  /**
   * Reads CURRENT and the manifest, and checks every table's size; none is opened. Changes nothing on disk. Rejects with
   * CORRUPTED_DATA, the file and what to do; INVALID_ARGUMENT where a newer program wrote it.
   */
  static async open(environment: EngineEnvironment, options: VersionSetOptions): Promise<VersionSet> {
    const { files } = environment;
    const { identity, state } = requireManifest(files, options.directories);
    checkMarker(files, options.directories, identity.storeId.toHex());
    await requireTableFiles(files, options.directories, state, options.tableChecked);
    const usedNumbers = listNumberedFiles(files, options.directories).map(({ number }) => number);
    const versionSet = new VersionSet(environment, options, identity.storeId, state);
    versionSet.#manifestNumber = identity.manifestNumber;
    versionSet.#nextNumber = Math.max(state.nextFileNumber, ...usedNumbers.map((number) => number + 1));
    return versionSet;
  }

  /** After `open`: writes a fresh manifest and puts it in force. From then on edits may be applied. */
  async start(): Promise<void> {
    assert(this.#writer === undefined, "the version set is started twice");
    await prepareDirectories(this.#environment.files, this.#options.directories);
    await this.#putInForce(await this.#stageManifest());
  }

  /** The tables now. Valid until the next `await`; `acquire` it to keep it longer. */
  get current(): Version {
    return this.#current;
  }

  /** Counters, holders, damage and table metadata, durable; every edit replaces the object. */
  get state(): ManifestState {
    return this.#state;
  }

  /** 32 hexadecimal digits, the same as long as the store lives. */
  get storeId(): string {
    return this.#storeIdBytes.toHex();
  }

  /** Why the manifest is not written any more: nobody knows whether the last edit counts. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /** Of the manifest in force. */
  get manifestNumber(): FileNumber {
    return this.#manifestNumber!;
  }

  /** Tables that are open at the moment. */
  get openTableCount(): number {
    return this.#readers.openCount;
  }

  /** Bytes of tables that only views still hold. */
  get obsoleteTableBytes(): number {
    return this.#obsoleteTableBytes;
  }

  /** The next number for a table or a segment; never handed out again, not even after a crash. */
  allocateFileNumber(): FileNumber {
    const number = this.#nextNumber++;
    const isRunningLow = number + numberReserve / 2 >= this.#state.nextFileNumber;
    if (this.#writer !== undefined && isRunningLow && !this.#isReserving) {
      this.#isReserving = true;
      const done = () => {
        this.#isReserving = false;
      };
      // A failure is told by `failed`, or else met again by the next one who needs a number.
      void this.apply({}).then(done, done);
    }
    return number;
  }

  /** Several numbers for files that are written at once: the manifest knows of them before. */
  async allocateFileNumbers(count: number): Promise<readonly FileNumber[]> {
    const numbers = Array.from({ length: count }, () => this.#nextNumber++);
    if (this.#nextNumber > this.#state.nextFileNumber) await this.apply({});
    return numbers;
  }

  /**
   * Makes the edit durable, then current; edits take effect in the order of the calls. After a rejection with
   * DISK_FULL, or with the error of opening an added table, nothing has happened, and the edit may be tried again.
   * Any other rejection ends writing (`failed`, and `failure` from then on).
   */
  apply(edit: VersionEdit): Promise<void> {
    const applied = this.#edits.then(() => this.#apply(edit));
    this.#edits = applied.then(
      () => this.#rollOver(),
      () => {},
    );
    return applied;
  }

  /** Waits for what is under way and gives up the current version. Views keep theirs, but files stay then. */
  async close(): Promise<void> {
    await this.#edits;
    this.#isClosed = true;
    await this.#remover.stop();
    this.#writer?.close();
    this.#current.release();
  }

  async #apply(edit: VersionEdit): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    const writer = this.#writer;
    assert(writer !== undefined && !this.#isClosed, "an edit before the start or after the end");
    const fullEdit = { ...edit, nextFileNumber: this.#reservedNumber() };
    const state = this.#nextState(fullEdit);
    const opened: Table[] = [];
    try {
      const levels = await this.#levelsOf(state, opened);
      await this.#append(writer, fullEdit);
      this.#install(state, levels);
    } catch (error) {
      for (const table of opened) table.close();
      throw error;
    }
  }

  #nextState(edit: VersionEdit): ManifestState {
    try {
      return applyEdit(this.#state, edit);
    } catch (error) {
      throw this.#fail(error);
    }
  }

  async #append(writer: ManifestWriter, edit: VersionEdit): Promise<void> {
    try {
      await writer.append(edit);
    } catch (error) {
      const isHarmless = error instanceof StorageError && error.code === "DISK_FULL";
      throw isHarmless ? error : this.#fail(error);
    }
  }

  /**
   * The state's tables, opening those that are new, to see that what was written can be read; `opened` gets each one at
   * once, for the case of a failure. Many are opened over many turns, since checking a large one takes milliseconds.
   */
  async #levelsOf(state: ManifestState, opened: Table[]): Promise<readonly (readonly Table[])[]> {
    if (state.levels === this.#state.levels) return this.#current.levels;
    const tables = new Map(this.#current.levels.flat().map((table) => [table.metadata.fileNumber, table]));
    for (const metadata of state.levels.flat()) {
      if (tables.has(metadata.fileNumber)) continue;
      if (opened.length > 0) await nextTurn();
      const table = this.#readers.table(metadata);
      opened.push(table);
      table.reader;
      tables.set(metadata.fileNumber, table);
    }
    return state.levels.map((level) => level.map(({ fileNumber }) => tables.get(fileNumber)!));
  }

  #install(state: ManifestState, levels: readonly (readonly Table[])[]): void {
    this.#state = state;
    const previous = this.#current;
    if (levels === previous.levels) return;
    this.#current = new Version(levels, this.reads, (table) => this.#tableUnreferenced(table));
    const kept = new Set(levels.flat());
    for (const table of previous.levels.flat()) {
      if (kept.has(table)) continue;
      table.obsolete = true;
      this.#obsoleteTableBytes += table.metadata.sizeBytes;
    }
    previous.release();
  }

  #tableUnreferenced(table: Table): void {
    if (!table.obsolete) return;
    this.#obsoleteTableBytes -= table.metadata.sizeBytes;
    this.#remover.remove(tablePath(this.#options.directories, table.metadata.fileNumber));
  }

  /** A bound above all numbers handed out, with room for more. */
  #reservedNumber(): FileNumber {
    return Math.max(this.#state.nextFileNumber, this.#nextNumber + numberReserve);
  }

  /** A fresh manifest, durable with all of the state, but not in force. */
  async #stageManifest(): Promise<StagedManifest> {
    const { files } = this.#environment;
    const { directories } = this.#options;
    const identity = { manifestNumber: this.#nextNumber++, storeId: this.#storeIdBytes };
    const state = { ...this.#state, nextFileNumber: this.#reservedNumber() };
    return { writer: await writeManifest(files, directories, identity, state), state };
  }

  async #putInForce({ writer, state }: StagedManifest): Promise<void> {
    const { directories } = this.#options;
    try {
      await switchCurrent(this.#environment.files, directories);
    } catch (error) {
      writer.close();
      throw error;
    }
    const previousNumber = this.#manifestNumber;
    this.#writer?.close();
    this.#writer = writer;
    this.#snapshotSizeBytes = writer.sizeBytes;
    this.#manifestNumber = writer.identity.manifestNumber;
    this.#state = state;
    if (previousNumber !== undefined) this.#remover.remove(manifestPath(directories, previousNumber));
  }

  /** Replaces a manifest that has grown past its bound; never rejects. A full disk postpones it. */
  async #rollOver(): Promise<void> {
    const grownBytes = this.#writer!.sizeBytes - this.#snapshotSizeBytes;
    const isDue = grownBytes >= (this.#options.rollOverSizeBytes ?? defaultRollOverSizeBytes);
    if (!isDue || this.#failure !== undefined) return;
    let staged: StagedManifest;
    try {
      staged = await this.#stageManifest();
    } catch (error) {
      if (!isDiskFull(error)) this.#fail(error);
      return;
    }
    // Once it has begun, nobody knows which manifest is in force until it is over.
    await this.#putInForce(staged).catch((error: unknown) => void this.#fail(error));
  }

  /** Ends writing, once, and returns the error that says so. */
  #fail(cause: unknown): Error {
    if (this.#failure !== undefined) return this.#failure;
    const path = manifestPath(this.#options.directories, this.#manifestNumber!);
    this.#failure =
      cause instanceof InvariantViolation
        ? cause
        : new StorageError(
            "INTERNAL",
            `${path} cannot be written (${messageOf(cause)}): nothing is stored until the node is started again`,
            { file: path, cause },
          );
    this.#options.failed(this.#failure);
    return this.#failure;
  }
}

interface StagedManifest {
  readonly writer: ManifestWriter;
  readonly state: ManifestState;
}
