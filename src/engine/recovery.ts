/**
 * The ordered start: from a data directory to a store that takes writes.
 *
 * 1. The directory is recognised and locked; a foreign one is refused untouched.
 * 2. The manifest is read and every table checked to be there. In mode `strict` the commit log is checked whole.
 *    Up to here nothing has been written.
 * 3. A fresh manifest is put in force.
 * 4. The commit log is replayed into memtables. Where these are more than may be, the oldest are flushed to tables.
 * 5. Of a log that is whole the segments stay, until flushes have made tables of the memtables, as in a store at work.
 *    What nothing proves to be on the disk is written again before, since bytes that could be read need not be there.
 *    A log that was cut, or that is damaged, is left behind instead: everything is flushed, and the manifest says that
 *    its segments are not needed any more. So damage is met once, and no segment with a torn tail has a successor while
 *    it still counts.
 * 6. Only then is a new segment created. Old segments and stray files go.
 *
 * A crash at any point leads back to the same state: flushes move `flushedThroughSequence` on, and replay passes
 * over what is below it.
 */
import type { StorageError } from "../base/errors.ts";
import { nextTurn } from "../base/next-turn.ts";
import type { DirectoryLock } from "../platform/file-system.ts";
import { type Frame, listSegments, readSegments, type SegmentsSource } from "./commit-log/reader.ts";
import { CommitLogWriter, type CommitLogWriterHooks } from "./commit-log/writer.ts";
import { openDataDirectory } from "./data-directory.ts";
import type { EngineEnvironment } from "./environment.ts";
import { highWaterAfter } from "./flush.ts";
import type { FileNumber, SequenceNumber } from "./internal-key.ts";
import { VersionSet, type VersionSetOptions } from "./manifest/version-set.ts";
import { MemtableSet } from "./memtable-set.ts";
import type { Damage } from "./observer.ts";
import type { EngineOptions } from "./options.ts";
import { makeDurableAgain, type UnprovenRange } from "./replay/durable-again.ts";
import { LogLoader } from "./replay/log-loader.ts";
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
  /** Where look-ups in all tables decompress. */
  readonly blocks: BlockCache;
}

/** Replay lets other work in (the probes, say) after so many frames, and after each list that it has sorted. */
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
  let recovery: Recovery | undefined;
  const blocks = new BlockCache(options.cache.maxDecompressedBytes, options.table.compressedBlockSizeBytes);
  try {
    observer.recoveryProgress("manifest", 0);
    versions = await openVersions(environment, options, isNew, writeStop, blocks);
    recovery = new Recovery(environment, options, jobs, versions);
    await recovery.checkWholeLog();
    if (!isNew) await versions.start();
    await recovery.replay();
    const log = await recovery.startLog({ onFailed: (error) => writeStop.stop(error) });
    observer.recoveryProgress("done", 100);
    return { lock, versions, memtables: recovery.memtables, log, blocks };
  } catch (error) {
    await recovery?.settle();
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
  blocks: BlockCache,
): Promise<VersionSet> {
  const { files, observer } = environment;
  const corruptionFound = (error: StorageError) => observer.corruptionFound(error);
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
  readonly #loader: LogLoader;
  readonly #source: SegmentsSource;
  readonly #salvage: Salvage;
  readonly #unproven: UnprovenRange[] = [];
  #remainingLogBytes = 0;
  /** Found since it was last written to the manifest. */
  #newDamage: Damage[] = [];
  /** Something is lost, now or unacknowledged from before: sequence numbers leap past all that may be in use. */
  #damaged: boolean;
  #cut = false;
  #replayedEntryCount = 0;
  /** Of keys and values. */
  #replayedBytes = 0;
  #lastSequence: SequenceNumber;

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
    this.#loader = new LogLoader({ environment, options, memtables: this.memtables, versions, jobs });
  }

  /** In mode `strict`: throws where the log is damaged, before anything is changed. */
  async checkWholeLog(): Promise<void> {
    if (this.#options.recoveryMode !== "strict") return;
    const silent = { tornTail() {}, damage() {}, setAside: () => "" };
    let frameCount = 0;
    for (const _ of readSegments(this.#source, silent))
      if (++frameCount % framesPerTurn === 0) await nextTurn();
  }

  /** Reads the log into what takes the place of memtables. */
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
      progress: (read, total) => {
        this.#remainingLogBytes = total - read;
        observer.recoveryProgress("commit log", Math.floor((100 * read) / Math.max(1, total)));
      },
      segmentRead: (path, offset, endOffset) => {
        if (offset < endOffset) this.#unproven.push({ path, offset, endOffset });
      },
    });
    try {
      await this.#load(reading);
      await this.#recordDamage();
      observer.entriesReplayed(this.#replayedEntryCount, this.#replayedBytes);
    } finally {
      this.#salvage.close();
    }
    this.#lastSequence = Math.max(this.#lastSequence, this.#loader.largestSequence);
    if (this.#damaged) {
      const { sequenceHighWater } = this.#versions.state;
      this.#lastSequence = Math.max(this.#lastSequence, reading.highestSequence, sequenceHighWater);
    }
  }

  async #load(frames: Iterable<Frame>): Promise<void> {
    let frameCount = 0;
    for (const frame of frames) {
      await this.#recordDamage();
      if (!this.#loader.tryBegin(frame)) {
        await this.#loader.begin(frame, this.#remainingLogBytes);
        await nextTurn();
      }
      while (frame.next()) {
        this.#loader.add(frame);
        this.#replayedEntryCount++;
        this.#replayedBytes += frame.key.length + frame.value.length;
      }
      if (++frameCount % framesPerTurn === 0) await nextTurn();
    }
  }

  /** Returns when no flush runs any more, however it has ended. */
  async settle(): Promise<void> {
    await this.#loader.settle();
  }

  /** Makes durable what was replayed, and starts a new segment. */
  async startLog(hooks: CommitLogWriterHooks): Promise<CommitLogWriter> {
    this.#environment.observer.recoveryProgress("making durable", 0);
    const firstNeeded = this.#versions.allocateFileNumber();
    const keepsLog = !this.#damaged && !this.#cut && this.#loader.largestSequence > 0;
    // What is left of the replay, sorting, goes on while the disk syncs.
    const isDurable = keepsLog ? makeDurableAgain(this.#environment.files, this.#unproven) : undefined;
    const isLoaded = this.#loader.finish(firstNeeded);
    await Promise.allSettled([isDurable, isLoaded]);
    await isDurable;
    await isLoaded;
    if (keepsLog) await this.#keepLog();
    else await this.#leaveLog(firstNeeded);
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

  /** Its segments go when flushes have made tables of what was replayed. */
  async #keepLog(): Promise<void> {
    await this.#versions.apply({ sequenceHighWater: this.#highWater });
  }

  async #leaveLog(firstNeeded: FileNumber): Promise<void> {
    await this.#loader.flushAll();
    await this.#versions.apply({
      oldestSegmentNumber: firstNeeded,
      // Also where it has leapt: what lies between is lost, and its numbers stay used.
      flushedThroughSequence: this.#lastSequence,
      sequenceHighWater: this.#highWater,
    });
  }

  get #highWater(): SequenceNumber {
    return highWaterAfter(this.#lastSequence, this.#versions.state.sequenceHighWater);
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
