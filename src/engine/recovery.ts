/**
 * The ordered start: from a data directory to a store that takes writes.
 *
 * 1. The directory is recognised and locked; a foreign one is refused untouched.
 * 2. The manifest is read and every table checked to be there. In mode `strict` the commit log is checked whole.
 *    Up to here nothing has been written.
 * 3. A fresh manifest is put in force.
 * 4. The commit log is replayed into memtables, and every replayed entry is made durable anew by flushing it to
 *    tables: that bytes could be read does not mean that they are on the disk.
 * 5. The manifest says that the old segments are not needed any more. Only then is a new segment created: an old
 *    one with a torn tail must never have a successor while it still counts, since that would make the tail
 *    corruption.
 * 6. Old segments and stray files go.
 *
 * A crash at any point leads back to the same state: flushes move `flushedThroughSequence` on, and replay passes
 * over what is below it.
 */
import { copyRange, emptyBytes } from "../base/bytes.ts";
import { StorageError } from "../base/errors.ts";
import { nextTurn } from "../base/next-turn.ts";
import type { DirectoryLock } from "../platform/file-system.ts";
import { logEntryKinds } from "./commit-log/format.ts";
import { type Frame, listSegments, readSegments, type SegmentsSource } from "./commit-log/reader.ts";
import { CommitLogWriter, type CommitLogWriterHooks } from "./commit-log/writer.ts";
import { openDataDirectory } from "./data-directory.ts";
import type { EngineEnvironment } from "./environment.ts";
import { type FlushContext, flushOldestFrozen, highWaterAfter } from "./flush.ts";
import type { SequenceNumber } from "./internal-key.ts";
import { VersionSet, type VersionSetOptions } from "./manifest/version-set.ts";
import { MemtableSet } from "./memtable-set.ts";
import type { Damage } from "./observer.ts";
import type { EngineOptions } from "./options.ts";
import { decodeEnd } from "./range-deletion/range-deletion.ts";
import { Salvage } from "./salvage.ts";
import { BlockCache } from "./sstable/block-cache.ts";
import { TableReader } from "./sstable/reader.ts";
import { removeStrayFiles } from "./stray-files.ts";
import type { JobRunner } from "./workers/protocol.ts";
import type { WriteStop } from "./write-stop.ts";

/** Everything that the engine runs on. */
export interface RecoveredStore {
  readonly lock: DirectoryLock;
  readonly versions: VersionSet;
  readonly memtables: MemtableSet;
  readonly log: CommitLogWriter;
}

/** Replay lets other work in (the probes, say) after so many frames. */
const framesPerTurn = 256;

export async function recover(
  environment: EngineEnvironment,
  options: EngineOptions,
  jobs: JobRunner,
  writeStop: WriteStop,
): Promise<RecoveredStore> {
  const { observer } = environment;
  observer.recoveryProgress("locking", 0);
  const { lock, isNew } = await openDataDirectory(environment.files, options);
  let versions: VersionSet | undefined;
  try {
    observer.recoveryProgress("manifest", 0);
    versions = await openVersions(environment, options, isNew, writeStop);
    const recovery = new Recovery(environment, options, jobs, versions);
    await recovery.checkWholeLog();
    if (!isNew) await versions.start();
    await recovery.replay();
    const log = await recovery.startLog({ onFailed: (error) => writeStop.stop(error) });
    observer.recoveryProgress("done", 100);
    return { lock, versions, memtables: recovery.memtables, log };
  } catch (error) {
    await versions?.close();
    lock.release();
    throw error;
  }
}

function openVersions(
  environment: EngineEnvironment,
  options: EngineOptions,
  isNew: boolean,
  writeStop: WriteStop,
): Promise<VersionSet> {
  const { files, observer } = environment;
  const corruptionFound = (error: StorageError) => observer.corruptionFound(error);
  const blocks = new BlockCache(options.cache.maxDecompressedBytes, options.table.compressedBlockSizeBytes);
  const setOptions: VersionSetOptions = {
    directories: options,
    openTable: (path, { sizeBytes }, holdsTail) =>
      TableReader.open(files, path, sizeBytes, corruptionFound, blocks, holdsTail),
    maxOpenCount: options.reads.maxOpenTables,
    maxHeldBytes: options.reads.maxHeldIndexBytes,
    tableChecked: (checked, total) =>
      observer.recoveryProgress("tables", Math.floor((100 * checked) / total)),
    failed: (error) => writeStop.stop(error),
    removalFailed: (path, error) => observer.fileRemovalFailed(path, error),
  };
  return isNew ? VersionSet.create(environment, setOptions) : VersionSet.open(environment, setOptions);
}

class Recovery {
  readonly memtables: MemtableSet;
  readonly #environment: EngineEnvironment;
  readonly #options: EngineOptions;
  readonly #versions: VersionSet;
  readonly #context: FlushContext;
  readonly #source: SegmentsSource;
  readonly #salvage: Salvage;
  /** Found since it was last written to the manifest. */
  #newDamage: Damage[] = [];
  /** Something is lost, now or unacknowledged from before: sequence numbers leap past all that may be in use. */
  #damaged: boolean;
  #cut = false;
  #replayedEntryCount = 0;
  /** Of keys and values. */
  #replayedBytes = 0;
  #lastSequence: SequenceNumber;
  #key: Uint8Array = emptyBytes;
  #value: Uint8Array = emptyBytes;

  constructor(environment: EngineEnvironment, options: EngineOptions, jobs: JobRunner, versions: VersionSet) {
    const { flushedThroughSequence, oldestSegmentNumber } = versions.state;
    this.#environment = environment;
    this.#options = options;
    this.#versions = versions;
    this.#salvage = new Salvage(environment.files, options);
    this.#damaged = versions.state.damage.length > 0;
    this.#lastSequence = versions.state.levels
      .flat()
      .reduce((last, { largestSequence }) => Math.max(last, largestSequence), flushedThroughSequence);
    this.#source = {
      files: environment.files,
      directory: options.commitLogDirectory,
      numbers: listSegments(environment.files, options.commitLogDirectory).filter(
        (number) => number >= oldestSegmentNumber,
      ),
      fromSequence: flushedThroughSequence + 1,
      mode: options.recoveryMode,
      nowMs: environment.clock.nowMs(),
    };
    this.memtables = new MemtableSet(options.memtable, environment.random, oldestSegmentNumber);
    this.#context = { environment, options, memtables: this.memtables, versions, jobs };
  }

  /** In mode `strict`: throws where the log is damaged, before anything is changed. */
  async checkWholeLog(): Promise<void> {
    if (this.#options.recoveryMode !== "strict") return;
    const silent = { tornTail() {}, damage() {}, setAside: () => "" };
    let frameCount = 0;
    for (const _ of readSegments(this.#source, silent))
      if (++frameCount % framesPerTurn === 0) await nextTurn();
  }

  /** Fills memtables from the log and flushes them as they fill. */
  async replay(): Promise<void> {
    const { observer } = this.#environment;
    observer.recoveryProgress("commit log", 0);
    const reading = readSegments(this.#source, {
      tornTail: (tail) => {
        this.#cut = true;
        observer.tornTailCut(tail);
      },
      damage: (damage) => this.#newDamage.push(damage),
      setAside: (file, offset, lengthBytes) => this.#salvage.setAside(file, offset, lengthBytes),
      progress: (read, total) =>
        observer.recoveryProgress("commit log", Math.floor((100 * read) / Math.max(1, total))),
    });
    try {
      await this.#insertAll(reading);
      await this.#recordDamage();
      observer.entriesReplayed(this.#replayedEntryCount, this.#replayedBytes);
    } finally {
      this.#salvage.close();
    }
    if (this.#damaged) {
      const { sequenceHighWater } = this.#versions.state;
      this.#lastSequence = Math.max(this.#lastSequence, reading.highestSequence, sequenceHighWater);
    }
  }

  async #insertAll(frames: Iterable<Frame>): Promise<void> {
    let frameCount = 0;
    for (const frame of frames) {
      await this.#recordDamage();
      while (frame.next()) {
        if (this.#insert(frame)) continue;
        await this.#flush(frame.segmentNumber);
        if (!this.#insert(frame)) throw this.#tooLarge(frame);
      }
      if (++frameCount % framesPerTurn === 0) await nextTurn();
    }
  }

  /** Makes durable what was replayed, retires the old segments and starts a new one. */
  async startLog(hooks: CommitLogWriterHooks): Promise<CommitLogWriter> {
    const { observer } = this.#environment;
    observer.recoveryProgress("making durable", 0);
    const firstNeeded = this.#versions.allocateFileNumber();
    await this.#flush(firstNeeded);
    await this.#versions.apply({
      oldestSegmentNumber: firstNeeded,
      // Also where it has leapt: what lies between is lost, and its numbers stay used.
      flushedThroughSequence: this.#lastSequence,
      sequenceHighWater: highWaterAfter(this.#lastSequence, this.#versions.state.sequenceHighWater),
    });
    await removeStrayFiles(this.#environment, this.#options, this.#versions, {
      keepUnknown: this.#damaged || this.#cut,
    });
    return CommitLogWriter.create(
      this.#environment,
      { ...this.#options.commitLog, directory: this.#options.commitLogDirectory },
      () => this.#versions.allocateFileNumber(),
      this.#lastSequence + 1,
      hooks,
    );
  }

  #insert(frame: Frame): boolean {
    if (this.memtables.activeIsFull) return false;
    const { key, value, sequence, kind } = frame;
    if (kind === logEntryKinds.rangeDeletion) {
      this.memtables.addRangeDeletion({ start: key.copy(), end: decodeEnd(value.copy()), sequence });
      this.#lastSequence = sequence;
      return true;
    }
    if (this.#key.length < key.length) this.#key = new Uint8Array(2 * key.length);
    if (this.#value.length < value.length) this.#value = new Uint8Array(2 * value.length);
    copyRange(key.bytes, key.start, key.length, this.#key, 0);
    copyRange(value.bytes, value.start, value.length, this.#value, 0);
    const { active } = this.memtables;
    if (!active.insert(this.#key, key.length, sequence, kind, this.#value, value.length)) return false;
    this.#lastSequence = sequence;
    this.#replayedEntryCount++;
    this.#replayedBytes += key.length + value.length;
    return true;
  }

  /** The memtable was larger when the entry was written. */
  #tooLarge({ key, value }: Frame): StorageError {
    return new StorageError(
      "INVALID_ARGUMENT",
      `the commit log holds an entry of ${key.length + value.length} bytes, which does not fit a memtable of ` +
        `${this.#options.memtable.maxSizeBytes} bytes: start with the larger memtable that it was written with`,
    );
  }

  /** The next entries lie in segment `nextSegment` or later ones. */
  async #flush(nextSegment: number): Promise<void> {
    if (this.memtables.activeIsEmpty) return;
    this.memtables.freeze(nextSegment);
    await flushOldestFrozen(this.#context);
  }

  /** Damage is in the manifest before anything that comes after it. */
  async #recordDamage(): Promise<void> {
    if (this.#newDamage.length === 0) return;
    const damage = this.#newDamage;
    this.#newDamage = [];
    this.#damaged = true;
    await this.#salvage.sync();
    await this.#versions.apply({ damage });
    for (const found of damage) this.#environment.observer.damageFound(found);
  }
}
