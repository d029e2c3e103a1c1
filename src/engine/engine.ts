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
import { type ApproximateSize, approximateSize } from "./approximate-size.ts";
import { EntryCache } from "./cache/cache.ts";
import { MemoryPressure } from "./cache/memory-pressure.ts";
import { type Checkpoint, CheckpointWriter } from "./checkpoint.ts";
import type { BatchEntry, CommitLogWriter } from "./commit-log/writer.ts";
import { Compactor } from "./compaction/compactor.ts";
import type { EngineEnvironment } from "./environment.ts";
import { Flusher } from "./flusher.ts";
import { FollowedLog } from "./followed-log.ts";
import type { EntryKind, FoundEntry, SequenceNumber } from "./internal-key.ts";
import { LogRetention } from "./log-retention.ts";
import type { VersionSet } from "./manifest/version-set.ts";
import type { MemtableSet } from "./memtable-set.ts";
import { checkOptions, type EngineOptions } from "./options.ts";
import { LiveDeletions } from "./range-deletion/live-deletions.ts";
import { findInMemtables, findInTables, isInMemtables, survives } from "./read-path.ts";
import { type RecoveredStore, recover } from "./recovery.ts";
import { Residency } from "./residency/residency.ts";
import { checkEntrySize } from "./sstable/format.ts";
import { stallSources } from "./stall-sources.ts";
import { WorkStatistics } from "./statistics/work-statistics.ts";
import { describeStatus, type EngineStatus, type StatusSources } from "./status.ts";
import { type View, ViewRegistry } from "./view.ts";
import { WorkerPool } from "./workers/pool.ts";
import type { JobRunner } from "./workers/protocol.ts";
import { WriteRoom } from "./write-room.ts";
import { WriteStall } from "./write-stall.ts";
import { WriteStop } from "./write-stop.ts";

/** An entry that the engine has taken. */
export interface StoredEntry {
  /** Of a batch: its last one. */
  readonly sequence: SequenceNumber;
  /** As durable as the sync mode promises, once it resolves; rejects with COMMIT_LOG_FAILED. */
  readonly durable: Promise<void>;
}

export class Engine {
  readonly options: EngineOptions;
  /** For those who follow what is written. */
  readonly followedLog: FollowedLog;
  readonly #jobs: JobRunner;
  readonly #lock: DirectoryLock;
  readonly #work: WorkStatistics;
  readonly #versions: VersionSet;
  readonly #memtables: MemtableSet;
  readonly #log: CommitLogWriter;
  readonly #cache: EntryCache;
  readonly #deletions: LiveDeletions;
  readonly #memoryPressure: MemoryPressure;
  readonly #retention: LogRetention;
  readonly #flusher: Flusher;
  readonly #compactor: Compactor;
  readonly #residency: Residency;
  readonly #views: ViewRegistry;
  readonly #checkpoints: CheckpointWriter;
  readonly #stall: WriteStall;
  readonly #room: WriteRoom;
  readonly #writeStop: WriteStop;
  readonly #statusSources: StatusSources;
  #closing: Promise<void> | undefined;

  /** Use `open`. */
  private constructor(
    environment: EngineEnvironment,
    options: EngineOptions,
    jobs: JobRunner,
    writeStop: WriteStop,
    store: RecoveredStore,
    work: WorkStatistics,
  ) {
    const { lock, versions, memtables, log } = store;
    this.options = options;
    this.#jobs = jobs;
    this.#writeStop = writeStop;
    this.#lock = lock;
    this.#work = work;
    this.#versions = versions;
    this.#memtables = memtables;
    this.#log = log;
    this.#cache = new EntryCache(options.cache.maxSizeBytes, options.cache.partitionDelimiter);
    this.#deletions = new LiveDeletions(store, this.#cache, environment.observer);
    this.#memoryPressure = new MemoryPressure(environment, { entries: this.#cache, blocks: store.blocks });
    this.#retention = new LogRetention(environment, options, versions, log);
    this.followedLog = new FollowedLog(environment, options, log, this.#retention, () => {
      this.#assertOpen();
      writeStop.assertWriting();
    });
    const residency = (this.#residency = new Residency(environment.files, jobs, options.reads));
    this.#views = new ViewRegistry(environment, options, residency, memtables, versions);
    this.#flusher = new Flusher(
      { environment, options, memtables, versions, jobs },
      log,
      this.#retention,
      writeStop,
      () => {
        this.#tablesChanged();
        this.#compactor.schedule();
      },
    );
    this.#compactor = new Compactor({ environment, options, versions, jobs, writeStop }, this.#tablesChanged);
    this.#checkpoints = new CheckpointWriter(environment, options, versions, this.#views, this.#flushAll);
    this.#stall = new WriteStall(
      environment,
      options,
      stallSources(memtables, versions, this.#flusher, this.#compactor),
    );
    this.#room = new WriteRoom(memtables, log, this.#flusher, this.#stall);
    const [cache, views, compactor, deletions] = [this.#cache, this.#views, this.#compactor, this.#deletions];
    this.#statusSources = { ...store, cache, deletions, views, residency, compactor, work, writeStop };
    writeStop.onStop(() => this.#stall.end());
  }

  /**
   * Opens the data directory and recovers what it holds. Rejects, with the directory unchanged, where it is locked,
   * foreign, of a newer format or damaged beyond what the recovery mode allows. `jobs` runs flushes and compactions;
   * worker threads unless a test brings its own, one more than compactions may take, so that no flush waits for one.
   */
  static async open(
    environment: EngineEnvironment,
    options: EngineOptions,
    jobs: JobRunner = new WorkerPool(options.compaction.workerCount + 1),
  ): Promise<Engine> {
    checkOptions(options);
    const work = new WorkStatistics(environment.clock, environment.observer);
    const observed = { ...environment, observer: work.observer };
    const writeStop = new WriteStop(work.observer);
    let engine: Engine | undefined;
    try {
      const store = await recover(observed, options, jobs, writeStop);
      engine = new Engine(observed, options, jobs, writeStop, store, work);
      await engine.#retention.removeObsolete();
      engine.#flusher.start();
      engine.#compactor.schedule();
      return engine;
    } catch (error) {
      await (engine?.close() ?? jobs.close()).catch(() => {});
      throw error;
    }
  }

  /**
   * Finds the newest entry of a key (the first `keyLength` bytes). `found.value` is valid until the next call
   * into the engine or the next `await`. Where there is none, `found.sequence` is that of the range deletion by which
   * the key is absent, or 0. Throws CORRUPTED_DATA where the bytes on disk are damaged, UNAVAILABLE while closing.
   */
  get(key: Uint8Array, keyLength: number, found: FoundEntry): boolean {
    this.#assertOpen();
    this.#versions.reads.getCount++;
    const memtables = this.#memtables.newestFirst;
    const readable = this.#readableSequence();
    const deletions = this.#deletions.asOf(readable);
    if (findInMemtables(memtables, key, keyLength, readable, found)) {
      return survives(key, keyLength, deletions, found);
    }
    if (this.#cache.get(key, keyLength, found)) return true;
    if (!findInTables(this.#versions.current, key, keyLength, found)) return false;
    if (!survives(key, keyLength, deletions, found)) return false;
    this.#cache.put(key, keyLength, found.sequence, found.kind, found.value);
    return true;
  }

  /**
   * Undefined when `get` of the key will hardly have to wait for the disk in this turn; else a promise of that: `get`
   * without asking again. Without it `get` may stop this thread for as long as the disk takes. Fails as `get` does.
   */
  whenResident(key: Uint8Array, keyLength: number): Promise<void> | undefined {
    if (!this.#residency.isAlert || this.#closing !== undefined) return undefined;
    const { newestFirst } = this.#memtables;
    const isAtHand =
      isInMemtables(newestFirst, key, keyLength, this.#readableSequence()) || this.#cache.has(key, keyLength);
    if (isAtHand) return this.#residency.needsNoTable();
    return this.#residency.whenKeyResident(this.#versions.current, key, keyLength);
  }

  /** About how many bytes the keys in [start, end) take; an undefined bound is open. Reads no entry. */
  approximateSize(start?: Uint8Array, end?: Uint8Array): ApproximateSize {
    this.#assertOpen();
    return approximateSize(this.#versions.current, this.#memtables.newestFirst, start, end);
  }

  /**
   * Stores an entry; copies the first `keyLength` and `valueLength` bytes. Wait for `whenWritable` first, in the
   * same turn. Throws, storing nothing: COMMIT_LOG_FAILED once writing has ended, DISK_FULL, RESOURCE_EXHAUSTED
   * where `whenWritable` was not waited for or flushes fail, KEY_TOO_LARGE or VALUE_TOO_LARGE for what no table
   * or no memtable can hold, UNAVAILABLE while closing.
   */
  put(
    key: Uint8Array,
    keyLength: number,
    kind: EntryKind,
    value: Uint8Array,
    valueLength: number,
  ): StoredEntry {
    this.#assertOpen();
    checkEntrySize(keyLength, valueLength);
    this.#writeStop.assertWriting();
    this.#room.make(keyLength + valueLength, 1);
    const commit = this.#log.append(kind, key, keyLength, value, valueLength);
    const sequence = this.#log.lastSequence;
    this.#memtables.active.insert(key, keyLength, sequence, kind, value, valueLength);
    this.#cache.remove(key, keyLength);
    this.#work.userBytes += keyLength + valueLength;
    this.#stall.charge(keyLength + valueLength);
    return { sequence, durable: commit.durable };
  }

  /** Stores several entries of which a crash keeps all or none; else as `put`. At least one entry. */
  write(batch: readonly BatchEntry[]): StoredEntry {
    this.#assertOpen();
    let entryBytes = 0;
    for (const { keyLength, valueLength } of batch) {
      checkEntrySize(keyLength, valueLength);
      entryBytes += keyLength + valueLength;
    }
    this.#writeStop.assertWriting();
    this.#room.make(entryBytes, batch.length);
    const commit = this.#log.appendBatch(batch);
    const { lastSequence } = this.#log;
    let sequence = lastSequence - batch.length + 1;
    for (const { kind, key, keyLength, value, valueLength } of batch) {
      this.#memtables.active.insert(key, keyLength, sequence++, kind, value, valueLength);
      this.#cache.remove(key, keyLength);
    }
    this.#work.userBytes += entryBytes;
    this.#stall.charge(entryBytes);
    return { sequence: lastSequence, durable: commit.durable };
  }

  /** Deletes what the keys in [start, end) hold, in constant time; an undefined bound is open. See `LiveDeletions.add`. */
  deleteRange(start?: Uint8Array, end?: Uint8Array): StoredEntry {
    this.#assertOpen();
    this.#writeStop.assertWriting();
    return this.#deletions.add(start, end);
  }

  /**
   * A promise while a writer of `entryBytes` (keys and values of `entryCount` entries) must wait for room, or for
   * flushes and compactions to keep up; wait and ask again. Undefined when it may write in this turn, and also when
   * waiting would not help: then `put` throws why. Freezes the active memtable where the entries do not fit it.
   */
  whenWritable(entryBytes: number, entryCount = 1): Promise<void> | undefined {
    if (this.#writeStop.error !== undefined || this.#closing !== undefined) return undefined;
    return this.#room.wait(entryBytes, entryCount);
  }

  /** Undefined when an answer may rest on this sequence number already. */
  whenDurable(sequence: SequenceNumber): Promise<void> | undefined {
    return this.#writeStop.error === undefined ? this.#log.whenSynced(sequence) : undefined;
  }

  /** A pinned view of all that is durable; its owner closes it. */
  view(): View {
    this.#assertOpen();
    const sequence = this.#log.syncedSequence;
    return this.#views.open(this.#deletions.asOf(sequence), sequence);
  }

  /**
   * Copies the store into a directory that is empty or absent, while reads and writes go on: as of one moment, with all
   * that was written before the call, durable on return. The copy is tables, linked where the file system allows that,
   * and opens as a store of its own with the default directories. Rejects, leaving nothing there: INVALID_ARGUMENT for
   * another target, DISK_FULL, ABORTED past the limits of views, COMMIT_LOG_FAILED once writing has ended, INTERNAL.
   */
  checkpoint(directory: string): Promise<Checkpoint> {
    return this.#checkpoints.write(directory);
  }

  /** Writes the active memtable to a table. Rejects at the first failure, though flushing is tried again. */
  async flush(): Promise<void> {
    this.#assertOpen();
    await this.#flushAll();
  }

  /**
   * Flushes, then brings all entries with keys in [start, end) down to the deepest level that holds any, which leaves
   * one entry for each key and no expired tombstone. An undefined bound is open. Waits while compaction is paused.
   */
  async compactRange(start?: Uint8Array, end?: Uint8Array): Promise<void> {
    await this.flush();
    await this.#compactor.compactRange(start, end);
  }

  /** Starts no more compactions until `resumeCompaction`; those that run go on. */
  pauseCompaction(): void {
    this.#compactor.pause();
  }

  resumeCompaction(): void {
    this.#compactor.resume();
  }

  /** Resolves when no compaction runs and none that is due can start. */
  async whenCompacted(): Promise<void> {
    await this.#compactor.whenIdle();
  }

  /** Keeps in the manifest whether the node takes no writes; durable on return. The engine itself goes on taking them. */
  async setDraining(isDraining: boolean): Promise<void> {
    this.#assertOpen();
    await this.#versions.apply({ isDraining });
  }

  /** Gauges and counters of the moment. */
  status(): EngineStatus {
    return describeStatus(this.#statusSources);
  }

  /** Flushes, ends views and closes everything; the data is durable even where the flush fails. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#memoryPressure.stop();
    try {
      await Promise.all([this.#compactor.stop(), this.#checkpoints.stop()]);
      // What cannot be flushed stays in the commit log, so a failure only makes the next start longer.
      await this.#flushAll().catch(() => {});
      this.#stall.end();
      await this.#flusher.stop();
      const hadStopped = this.#writeStop.error !== undefined;
      await this.#log.close().catch((error: unknown) => {
        // A log that failed earlier gives its files back without saying so again.
        if (!hadStopped) throw error;
      });
      if (this.#writeStop.error === undefined) await this.#retention.removeObsolete();
    } finally {
      this.#views.abortAll("the engine is closing");
      this.#residency.close();
      await this.#versions.close();
      await this.#jobs.close();
      this.#lock.release();
    }
  }

  readonly #flushAll = async (): Promise<void> => {
    this.#writeStop.assertWriting();
    const { largestSequence } = this.#memtables;
    if (!this.#memtables.activeIsEmpty) this.#room.freeze();
    await this.#flusher.whenFlushed(largestSequence);
  };

  #assertOpen(): void {
    if (this.#closing !== undefined) throw new StorageError("UNAVAILABLE", "the engine is closing");
  }

  readonly #tablesChanged = (): void => {
    this.#deletions.refresh();
    this.#views.enforce();
    this.#stall.end();
  };

  /** What reads may see: everything, or after the end of writing what was synced. */
  #readableSequence(): SequenceNumber {
    return this.#writeStop.error === undefined ? Number.MAX_SAFE_INTEGER : this.#log.syncedSequence;
  }
}
