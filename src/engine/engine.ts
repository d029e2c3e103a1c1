/**
 * The storage engine: a sorted map of byte strings that survives crashes.
 *
 * Writes take their sequence number, enter the open group of the commit log and the active memtable in one turn
 * of the main thread, and are durable when the group is. Reads see them at once; whoever answers a client waits
 * for `whenDurable` of what the answer rests on.
 *
 * The engine knows no tenants, no network and no metrics library: values are opaque bytes, and what happens is
 * told to an observer.
 *
 * Invariants:
 * 1. All methods run on the thread that opened the engine; there are no locks. `get` and `put` are synchronous,
 *    so a read-modify-write of a key is one turn.
 * 2. After a failed sync, append or manifest write nothing is written until a restart, and reads are answered as
 *    of the last synced entry.
 * 3. The table of a flushed memtable is in the version before the memtable is given up, so that every read sees
 *    each entry in at least one place.
 */
import { StorageError } from "../base/errors.ts";
import type { DirectoryLock } from "../platform/file-system.ts";
import type { BatchEntry, CommitLogWriter } from "./commit-log/writer.ts";
import type { EngineEnvironment } from "./environment.ts";
import { Flusher } from "./flusher.ts";
import type { EntryKind, FileNumber, FoundEntry, SequenceNumber } from "./internal-key.ts";
import { LogRetention } from "./log-retention.ts";
import type { VersionSet } from "./manifest/version-set.ts";
import { maxEntryBytes } from "./memtable/skip-list.ts";
import type { MemtableSet } from "./memtable-set.ts";
import { checkOptions, type EngineOptions } from "./options.ts";
import { findInMemtables, findInTables } from "./read-path.ts";
import { type RecoveredStore, recover } from "./recovery.ts";
import { describeStatus, type EngineStatus } from "./status.ts";
import { type View, ViewRegistry } from "./view.ts";
import { WorkerPool } from "./workers/pool.ts";
import type { JobRunner } from "./workers/protocol.ts";
import { WriteStall } from "./write-stall.ts";
import { WriteStop } from "./write-stop.ts";

/** An entry that the engine has taken. */
export interface StoredEntry {
  /** Of a batch: its last one. */
  readonly sequence: SequenceNumber;
  /** As durable as the sync mode promises, once it resolves; rejects with COMMIT_LOG_FAILED. */
  readonly durable: Promise<void>;
}

/** Arena bytes that suffice for entries with keys and values of so many bytes in all. */
function mostArenaBytes(entryBytes: number, entryCount: number): number {
  const wordPaddingBytes = 3;
  return entryBytes + entryCount * (maxEntryBytes(0, 0) + wordPaddingBytes);
}

export class Engine {
  readonly options: EngineOptions;
  readonly #environment: EngineEnvironment;
  readonly #jobs: JobRunner;
  readonly #lock: DirectoryLock;
  readonly #versions: VersionSet;
  readonly #memtables: MemtableSet;
  readonly #log: CommitLogWriter;
  readonly #retention: LogRetention;
  readonly #flusher: Flusher;
  readonly #views: ViewRegistry;
  readonly #stall: WriteStall;
  readonly #writeStop: WriteStop;
  #closing: Promise<void> | undefined;

  /** Use `open`. */
  private constructor(
    environment: EngineEnvironment,
    options: EngineOptions,
    jobs: JobRunner,
    writeStop: WriteStop,
    store: RecoveredStore,
  ) {
    const { lock, versions, memtables, log } = store;
    this.options = options;
    this.#environment = environment;
    this.#jobs = jobs;
    this.#writeStop = writeStop;
    this.#lock = lock;
    this.#versions = versions;
    this.#memtables = memtables;
    this.#log = log;
    this.#retention = new LogRetention(environment, options, versions, log);
    this.#stall = new WriteStall(environment);
    this.#views = new ViewRegistry(options.views, environment.clock, environment.observer, memtables, {
      get obsoleteTableBytes() {
        return versions.obsoleteTableBytes;
      },
      fileSystemBytes: () => environment.files.usage(options.tableDirectory).totalBytes,
    });
    this.#flusher = new Flusher(
      { environment, options, memtables, versions, jobs },
      log,
      this.#retention,
      () => {
        this.#views.enforce();
        this.#stall.end();
      },
    );
    writeStop.onStop(() => this.#stall.end());
  }

  /**
   * Opens the data directory, recovers what it holds and makes it durable anew. Rejects, with the directory
   * unchanged, where it is locked, foreign, of a newer format or damaged beyond what the recovery mode allows.
   * `jobs` runs flushes; worker threads unless a test brings its own.
   */
  static async open(
    environment: EngineEnvironment,
    options: EngineOptions,
    jobs: JobRunner = new WorkerPool(options.workerCount),
  ): Promise<Engine> {
    checkOptions(options);
    const writeStop = new WriteStop(environment.observer);
    try {
      const store = await recover(environment, options, jobs, writeStop);
      const engine = new Engine(environment, options, jobs, writeStop, store);
      await engine.#retention.removeObsolete();
      return engine;
    } catch (error) {
      await jobs.close();
      throw error;
    }
  }

  /**
   * Finds the newest entry of a key (the first `keyLength` bytes). `found.value` is valid until the next call
   * into the engine or the next `await`. Throws CORRUPTED_DATA where the bytes on disk are damaged.
   */
  get(key: Uint8Array, keyLength: number, found: FoundEntry): boolean {
    const { newestFirst } = this.#memtables;
    if (findInMemtables(newestFirst, key, keyLength, this.#readableSequence(), found)) return true;
    try {
      return findInTables(this.#versions.current, key, keyLength, found);
    } catch (error) {
      if (error instanceof StorageError) this.#environment.observer.corruptionFound(error);
      throw error;
    }
  }

  /**
   * Stores an entry; copies the first `keyLength` and `valueLength` bytes. Wait for `whenWritable` first, in the
   * same turn. Throws, storing nothing: COMMIT_LOG_FAILED once writing has ended, DISK_FULL, RESOURCE_EXHAUSTED
   * where `whenWritable` was not waited for, VALUE_TOO_LARGE for what no memtable can hold, UNAVAILABLE while
   * closing.
   */
  put(
    key: Uint8Array,
    keyLength: number,
    kind: EntryKind,
    value: Uint8Array,
    valueLength: number,
  ): StoredEntry {
    this.#assertOpen();
    this.#makeRoom(keyLength, valueLength);
    const commit = this.#log.append(kind, key, keyLength, value, valueLength);
    const sequence = this.#log.lastSequence;
    this.#memtables.active.insert(key, keyLength, sequence, kind, value, valueLength);
    return { sequence, durable: commit.durable };
  }

  /** Stores several entries of which a crash keeps all or none; else as `put`. At least one entry. */
  write(batch: readonly BatchEntry[]): StoredEntry {
    this.#assertOpen();
    let sizeBytes = 0;
    for (const { key, value } of batch) sizeBytes += maxEntryBytes(key.length, value.length);
    this.#makeRoom(0, sizeBytes);
    const commit = this.#log.appendBatch(batch);
    const { lastSequence } = this.#log;
    let sequence = lastSequence - batch.length + 1;
    for (const { kind, key, value } of batch) {
      this.#memtables.active.insert(key, key.length, sequence++, kind, value, value.length);
    }
    return { sequence: lastSequence, durable: commit.durable };
  }

  /**
   * A promise while a writer of `entryBytes` (keys and values of `entryCount` entries) must wait for room; wait
   * and ask again. Undefined when it may write in this turn, and also when waiting would not help: then `put`
   * throws why. Freezes the active memtable where the entries do not fit it.
   */
  whenWritable(entryBytes: number, entryCount = 1): Promise<void> | undefined {
    if (this.#writeStop.error !== undefined || this.#closing !== undefined) return undefined;
    const memtables = this.#memtables;
    const neededBytes = mostArenaBytes(entryBytes, entryCount);
    if (memtables.activeIsFull || !memtables.active.roomFor(0, neededBytes)) {
      if (memtables.frozenCount >= this.options.memtable.maxFrozenCount) return this.#stall.wait();
      if (memtables.canEverHold(neededBytes)) this.#freeze();
    }
    return this.#log.whenRoom(entryBytes);
  }

  /** Undefined when an answer may rest on this sequence number already. */
  whenDurable(sequence: SequenceNumber): Promise<void> | undefined {
    return this.#writeStop.error === undefined ? this.#log.whenSynced(sequence) : undefined;
  }

  /** A pinned view of all that is durable; its owner closes it. */
  view(): View {
    this.#assertOpen();
    return this.#views.open(this.#versions.current, this.#log.syncedSequence);
  }

  /** Writes the active memtable to a table. Rejects at the first failure, though flushing is tried again. */
  async flush(): Promise<void> {
    this.#writeStop.assertWriting();
    if (this.#memtables.active.entryCount > 0) this.#freeze();
    await this.#flusher.whenIdle();
  }

  /** Keeps commit-log segments from this one on until `releaseLog`, or until too much is kept; durable. */
  async holdLog(name: string, segmentNumber: FileNumber): Promise<void> {
    this.#writeStop.assertWriting();
    await this.#retention.hold(name, segmentNumber);
  }

  async releaseLog(name: string): Promise<void> {
    this.#writeStop.assertWriting();
    await this.#retention.release(name);
  }

  /** Gauges and counters of the moment. */
  status(): EngineStatus {
    return describeStatus(this.#versions, this.#memtables, this.#log, this.#views, this.#writeStop);
  }

  /** Flushes, ends views and closes everything; the data is durable even where the flush fails. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    try {
      if (this.#writeStop.error === undefined) await this.#flushAtClose();
      this.#views.abortAll("the engine is closing");
      this.#stall.end();
      await this.#flusher.stop();
      if (this.#writeStop.error === undefined) await this.#log.close();
      await this.#versions.close();
    } finally {
      await this.#jobs.close();
      this.#lock.release();
    }
  }

  /** What cannot be flushed stays in the commit log, so a failure only makes the next start longer. */
  async #flushAtClose(): Promise<void> {
    try {
      await this.flush();
    } catch {
      // The flusher has told the observer.
    }
  }

  #assertOpen(): void {
    if (this.#closing !== undefined) throw new StorageError("UNAVAILABLE", "the engine is closing");
  }

  /** Makes sure that the active memtable takes the entry, freezing it where it does not. */
  #makeRoom(keyLength: number, valueLength: number): void {
    this.#writeStop.assertWriting();
    const memtables = this.#memtables;
    if (!memtables.activeIsFull && memtables.active.roomFor(keyLength, valueLength)) return;
    if (!memtables.canEverHold(maxEntryBytes(keyLength, valueLength))) {
      throw new StorageError(
        "VALUE_TOO_LARGE",
        `an entry of ${keyLength + valueLength} bytes does not fit a memtable of ${this.options.memtable.maxSizeBytes} bytes`,
      );
    }
    if (memtables.frozenCount >= this.options.memtable.maxFrozenCount) {
      throw new StorageError(
        "RESOURCE_EXHAUSTED",
        "all memtables are full and wait for their flush; try again",
      );
    }
    this.#freeze();
  }

  #freeze(): void {
    this.#memtables.freeze(this.#log.startSegment());
    this.#flusher.start();
  }

  /** What reads may see: everything, or after the end of writing what was synced. */
  #readableSequence(): SequenceNumber {
    return this.#writeStop.error === undefined ? Number.MAX_SAFE_INTEGER : this.#log.syncedSequence;
  }
}
