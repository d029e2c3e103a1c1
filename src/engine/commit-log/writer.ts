/**
 * The commit log as the engine writes it: gathers the entries of many callers into groups, and starts segments.
 *
 * An append encodes its entry into the open group and returns at once; `GroupCommit` writes and syncs the group
 * for all its callers together, and `SegmentSupply` keeps secured space and the next segment ahead. A group that
 * outgrows `groupSizeBytes` becomes several frames, still with one write and one sync.
 *
 * Invariants:
 * 1. Sequence numbers are handed out in the order in which entries lie in the log, without gaps.
 * 2. An entry is accepted only where its space is secured: a full file system refuses entries, and never meets an
 *    accepted one. So a refusal leaves no number used, and nothing to take back.
 * 3. Every entry lies in the segment that was current when it was appended.
 */
import { assert, isDiskFull, StorageError } from "../../base/errors.ts";
import { segmentPath } from "../data-directory.ts";
import type { EngineEnvironment } from "../environment.ts";
import type { EntryKind, FileNumber, SequenceNumber } from "../internal-key.ts";
import { removeFiles } from "../remove-files.ts";
import type { LogPosition } from "./follower.ts";
import { entryLength, type LogEntryKind, listSegments } from "./format.ts";
import type { Commit, Group } from "./group.ts";
import { GroupCommit, type GroupCommitHooks, logFailure } from "./group-commit.ts";
import type { Segment } from "./segment.ts";
import { type CommitLogWriterOptions, diskFull, SegmentSupply } from "./segment-supply.ts";

export type { Commit } from "./group.ts";
export type { GroupCommitHooks as CommitLogWriterHooks } from "./group-commit.ts";
export type { CommitLogWriterOptions } from "./segment-supply.ts";

/** What kind and lengths of an entry take at most. */
const entryOverheadBytes = 24;

/** Its key and value are the first bytes of two arrays. */
export interface BatchEntry {
  readonly kind: EntryKind;
  readonly key: Uint8Array;
  readonly keyLength: number;
  readonly value: Uint8Array;
  readonly valueLength: number;
}

export interface SegmentInfo {
  readonly number: FileNumber;
  /** Without the space behind the last entry. */
  readonly sizeBytes: number;
  /** Of its first entry, or of the next one while it has none. */
  readonly firstSequence: SequenceNumber;
}

export class CommitLogWriter {
  readonly #environment: EngineEnvironment;
  readonly #options: CommitLogWriterOptions;
  readonly #supply: SegmentSupply;
  readonly #commit: GroupCommit;
  /** Takes the entries; the last one in the queue of `#commit`. */
  #active: Segment;
  /** Complete segments whose files are still there. */
  #complete: SegmentInfo[] = [];
  #lastSequence: SequenceNumber;
  #closing: Promise<void> | undefined;

  /**
   * Creates the first segment; durable on return. `nextSequence` is at least 1, and may leap. Throws DISK_FULL or
   * COMMIT_LOG_FAILED and leaves nothing behind.
   */
  static async create(
    environment: EngineEnvironment,
    options: CommitLogWriterOptions,
    allocateNumber: () => FileNumber,
    nextSequence: SequenceNumber,
    hooks: GroupCommitHooks = {},
  ): Promise<CommitLogWriter> {
    assert(nextSequence >= 1, "sequence numbers begin at 1");
    const writer = new CommitLogWriter(environment, options, allocateNumber, nextSequence, hooks);
    const { path } = writer.#active;
    try {
      await writer.#supply.secureFirst(writer.#active);
    } catch (error) {
      throw isDiskFull(error) ? diskFull(options.directory, error) : logFailure("create", path, error);
    }
    return writer;
  }

  private constructor(
    environment: EngineEnvironment,
    options: CommitLogWriterOptions,
    allocateNumber: () => FileNumber,
    nextSequence: SequenceNumber,
    hooks: GroupCommitHooks,
  ) {
    this.#environment = environment;
    this.#options = options;
    this.#lastSequence = nextSequence - 1;
    this.#commit = new GroupCommit(environment, options, this.#lastSequence, hooks, (segment) =>
      this.#complete.push(infoOf(segment)),
    );
    this.#supply = new SegmentSupply(environment, options, allocateNumber, (action, path, error) =>
      this.#commit.fail(action, path, error),
    );
    this.#active = this.#enqueue(this.#supply.first(nextSequence));
  }

  /** Of the last appended entry. */
  get lastSequence(): SequenceNumber {
    return this.#lastSequence;
  }

  /**
   * What may be answered from: the last sequence number that `always` has synced, or that the other modes have
   * written to the file.
   */
  get syncedSequence(): SequenceNumber {
    return this.#commit.syncedSequence;
  }

  /**
   * `undefined` when `sequence`, which was handed out, is at most `syncedSequence`, else the promise of the group
   * that covers it; after a failure that one is rejected.
   */
  whenSynced(sequence: SequenceNumber): Promise<void> | undefined {
    assert(sequence <= this.#lastSequence, `sequence number ${sequence} was not handed out`);
    return this.#commit.whenSynced(sequence);
  }

  /** Resolves when `syncedSequence` is larger than now; never after a failure. */
  whenGrown(): Promise<void> {
    return this.#commit.whenGrown();
  }

  /** Where the next frame will be written, and the sequence number of its first entry. */
  end(): LogPosition {
    return this.#commit.place();
  }

  /** Segments of this writer that are not removed, in order; the last one is open. */
  get segments(): SegmentInfo[] {
    return [...this.#complete, ...this.#commit.segments.map(infoOf)];
  }

  /**
   * Takes an entry and gives it the next sequence number. Both ranges start at 0 and are copied before return.
   * Throws without taking the entry: COMMIT_LOG_FAILED after a failure, DISK_FULL while the file system has no
   * room, RESOURCE_EXHAUSTED where the caller did not wait for `whenRoom`.
   */
  append(
    kind: LogEntryKind,
    key: Uint8Array,
    keyLength: number,
    value: Uint8Array,
    valueLength: number,
  ): Commit {
    const group = this.#groupFor(entryLength(keyLength, valueLength));
    this.#add(group, kind, key, keyLength, value, valueLength);
    return group;
  }

  /** As `append`, for several entries with consecutive numbers, of which a crash keeps all or none. */
  appendBatch(entries: readonly BatchEntry[]): Commit {
    assert(entries.length > 0, "a batch holds at least one entry");
    let sizeBytes = 0;
    for (const { keyLength, valueLength } of entries) sizeBytes += entryLength(keyLength, valueLength);
    const group = this.#groupFor(sizeBytes);
    for (const { kind, key, keyLength, value, valueLength } of entries)
      this.#add(group, kind, key, keyLength, value, valueLength);
    return group;
  }

  /**
   * Whether `entryCount` entries whose keys and values have `entryBytes` in all can be appended together:
   * `undefined` when they can, or when no waiting would help (then `append` throws why). Otherwise wait for the
   * promise, which does not reject, and ask again, since others may have taken the room.
   */
  whenRoom(entryBytes: number, entryCount = 1): Promise<void> | undefined {
    if (this.#commit.failure !== undefined || this.#closing !== undefined) return undefined;
    const hasRoom = this.#findRoom(entryBytes + entryCount * entryOverheadBytes);
    this.#supply.keepAhead(this.#active);
    return hasRoom ? undefined : this.#active.step;
  }

  /**
   * Ends the current segment: later appends go into the segment whose number is returned, earlier ones do not.
   * A segment without entries goes on instead.
   */
  startSegment(): FileNumber {
    this.#throwIfUnusable();
    if (!this.#active.isEmpty) {
      this.#commit.end(this.#active);
      this.#active = this.#enqueue(this.#supply.next());
    }
    return this.#active.number;
  }

  /** Makes everything appended so far durable, in every mode. Rejects with COMMIT_LOG_FAILED. */
  sync(): Promise<void> {
    return this.#commit.syncThrough(this.#lastSequence);
  }

  /**
   * Removes the segment files below `number`, also those of earlier runs; durable on return. Segments that are
   * still being written stay for the next call, and so do those that cannot be removed, which is reported.
   */
  async removeSegmentsBelow(number: FileNumber): Promise<void> {
    await this.#commit.settle();
    const { directory } = this.#options;
    const below = Math.min(number, this.#commit.segments[0]?.number ?? number);
    const removable = listSegments(this.#environment.files, directory).filter((listed) => listed < below);
    const paths = removable.map((listed) => segmentPath({ commitLogDirectory: directory }, listed));
    await removeFiles(this.#environment, paths);
    this.#complete = this.#complete.filter((segment) => segment.number >= below);
  }

  /**
   * Makes everything durable, ends the last segment with its end mark and closes it; an unused segment is removed.
   * Later appends throw UNAVAILABLE. Rejects with COMMIT_LOG_FAILED when the writer has failed, now or before; its
   * files are given back all the same.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  #add(
    group: Group,
    kind: LogEntryKind,
    key: Uint8Array,
    keyLength: number,
    value: Uint8Array,
    valueLength: number,
  ): void {
    // First what may fail, for want of memory: a number counts only with its entry in the log.
    const sequence = this.#lastSequence + 1;
    this.#active.frames.add(sequence, kind, key, keyLength, value, valueLength);
    this.#lastSequence = group.lastSequence = sequence;
    group.entryCount++;
  }

  /** The open group, with room for entries of `payloadBytes` in one frame. */
  #groupFor(payloadBytes: number): Group {
    this.#throwIfUnusable();
    if (!this.#findRoom(payloadBytes)) throw this.#supply.refusal(this.#active);
    const segment = this.#active;
    if (segment.frames.mustClose(payloadBytes)) segment.frames.closeFrame(this.#commit.stamp(segment));
    return segment.group ?? this.#openGroup(segment);
  }

  #openGroup(segment: Segment): Group {
    this.#supply.keepAhead(segment);
    return this.#commit.openGroup(segment);
  }

  /** Whether entries fit into the current segment, or the one that takes its place; if not, sees to it. */
  #findRoom(payloadBytes: number): boolean {
    if (this.#active.fits(payloadBytes)) return true;
    if (this.#supply.isOutgrownBy(this.#active, payloadBytes)) {
      this.startSegment();
      if (this.#active.fits(payloadBytes)) return true;
    }
    this.#supply.secure(this.#active, payloadBytes);
    return false;
  }

  #enqueue(segment: Segment): Segment {
    segment.firstSequence = this.#lastSequence + 1;
    this.#commit.enqueue(segment);
    return segment;
  }

  #throwIfUnusable(): void {
    if (this.#commit.failure !== undefined) throw this.#commit.failure;
    if (this.#closing !== undefined) throw new StorageError("UNAVAILABLE", "the commit log is closed");
  }

  async #close(): Promise<void> {
    await this.#commit.drain();
    await this.#commit.settle();
    await this.#supply.close();
    for (const segment of this.#commit.segments) {
      await segment.step;
      segment.close();
    }
    if (this.#commit.failure !== undefined) throw this.#commit.failure;
  }
}

function infoOf({ number, endOffset, firstSequence }: Segment): SegmentInfo {
  return { number, sizeBytes: endOffset, firstSequence };
}
