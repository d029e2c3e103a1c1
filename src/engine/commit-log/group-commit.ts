/**
 * Writes and syncs groups, segment by segment.
 *
 * The group of an idle log is written at the end of the turn; entries that arrive while a sync runs gather in the
 * next group, which goes when the sync ends.
 *
 *     open group → (end of turn, or of the sync before) write → sync → acknowledge      mode always
 *                                                       write → acknowledge … sync      interval, never
 *
 * Segments form a queue: the last one takes entries, the first one is written. An ended segment goes through its
 * last group, a sync, the end mark (once the next segment is there), and another sync, in every mode; only then
 * is the next one written.
 *
 * Invariants:
 * 1. One sync runs at a time, and in mode `always` nothing is written meanwhile.
 * 2. Groups are acknowledged in the order of their sequence numbers.
 * 3. After a failure nothing is written or synced again, and every group that was not acknowledged fails. A sync
 *    is never retried: the system may have dropped the pages that it could not write.
 *
 * It suspends in `#sync`: meanwhile groups are opened, segments join, and a step of space can fail.
 */
import { assert, messageOf, StorageError } from "../../base/errors.ts";
import type { Timer } from "../../platform/clock.ts";
import type { EngineEnvironment } from "../environment.ts";
import type { SequenceNumber } from "../internal-key.ts";
import type { CommitLogOptions } from "../options.ts";
import type { LogPosition } from "./follower.ts";
import type { FrameStamp } from "./frame-builder.ts";
import { Group } from "./group.ts";
import type { Segment } from "./segment.ts";

export interface GroupCommitHooks {
  /** `syncedSequence` has grown. */
  readonly onSynced?: (sequence: SequenceNumber) => void;
  /** Called once: nothing is written any more until a restart. */
  readonly onFailed?: (error: StorageError) => void;
  /** Runs `callback` at the end of the current turn; `setImmediate` unless a test owns the turns. */
  readonly schedule?: (callback: () => void) => void;
}

export class GroupCommit {
  readonly #environment: EngineEnvironment;
  readonly #options: CommitLogOptions;
  readonly #hooks: GroupCommitHooks;
  readonly #retired: (segment: Segment) => void;
  readonly #syncsEveryGroup: boolean;
  readonly #queue: Segment[] = [];
  /** Groups that were not acknowledged, oldest first; after a failure they stay, so that it is told. */
  readonly #groups: Group[] = [];
  #writtenSequence: SequenceNumber;
  #diskSequence: SequenceNumber;
  #isScheduled = false;
  #isSyncing = false;
  /** A sync is wanted that the mode does not ask for by itself. */
  #isSyncDue = false;
  #intervalTimer: Timer | undefined;
  /** Settled by the next sync, for those who wait for the disk. */
  #nextSync: PromiseWithResolvers<void> | undefined;
  #drained: PromiseWithResolvers<void> | undefined;
  /** For those who follow the log. */
  #growth: PromiseWithResolvers<void> | undefined;
  #syncUnderWay: Promise<void> = Promise.resolve();
  #retirement: Promise<void> = Promise.resolve();
  #failure: StorageError | undefined;

  /** `lastSequence`: all up to it was durable before. `retired` hears of each segment that leaves the queue. */
  constructor(
    environment: EngineEnvironment,
    options: CommitLogOptions,
    lastSequence: SequenceNumber,
    hooks: GroupCommitHooks,
    retired: (segment: Segment) => void,
  ) {
    this.#environment = environment;
    this.#options = options;
    this.#hooks = hooks;
    this.#retired = retired;
    this.#syncsEveryGroup = options.sync === "always";
    this.#writtenSequence = this.#diskSequence = lastSequence;
  }

  get failure(): StorageError | undefined {
    return this.#failure;
  }

  /** Segments that are written, or wait for it. */
  get segments(): readonly Segment[] {
    return this.#queue;
  }

  /** The last sequence number that is on the disk (mode `always`) or in the file (the other modes). */
  get syncedSequence(): SequenceNumber {
    return this.#syncsEveryGroup ? this.#diskSequence : this.#writtenSequence;
  }

  /** For a sequence number that was handed out. */
  whenSynced(sequence: SequenceNumber): Promise<void> | undefined {
    if (sequence <= this.syncedSequence) return undefined;
    return this.#groups.find((group) => group.lastSequence >= sequence)?.durable;
  }

  /** Resolves when all up to `sequence` is on the disk, in every mode. */
  async syncThrough(sequence: SequenceNumber): Promise<void> {
    while (this.#diskSequence < sequence) {
      if (this.#failure !== undefined) throw this.#failure;
      this.#isSyncDue = true;
      this.#nextSync ??= Promise.withResolvers();
      const synced = this.#nextSync.promise;
      this.#advance();
      await synced;
    }
  }

  /** Resolves when `syncedSequence` is larger than now; never after a failure. */
  whenGrown(): Promise<void> {
    this.#growth ??= Promise.withResolvers();
    return this.#growth.promise;
  }

  /** Where the next frame goes. An end mark is written only when the segment that goes on is there. */
  place(): LogPosition {
    const [head, next] = this.#queue;
    const segment = head?.endMarked && next !== undefined ? next : head;
    assert(segment !== undefined, "the commit log is closed");
    const { number, written } = segment;
    return { segmentNumber: number, offset: written, nextSequence: this.#writtenSequence + 1 };
  }

  enqueue(segment: Segment): void {
    this.#queue.push(segment);
  }

  openGroup(segment: Segment): Group {
    const group = new Group();
    segment.group = group;
    this.#groups.push(group);
    this.#schedule();
    return group;
  }

  /** The segment takes no more entries. */
  end(segment: Segment): void {
    segment.ended = true;
    this.#schedule();
  }

  /** What stands in the header of a frame that is closed now. */
  stamp(segment: Segment): FrameStamp {
    return { syncedThrough: segment.synced, commitTimeMs: this.#environment.clock.nowMs() };
  }

  fail(action: string, path: string, cause: unknown): void {
    if (this.#failure !== undefined) return;
    const error = logFailure(action, path, cause);
    this.#failure = error;
    this.#cancelInterval();
    for (const group of this.#groups) group.fail(error);
    this.#nextSync?.reject(error);
    this.#drained?.resolve();
    this.#hooks.onFailed?.(error);
  }

  /** Ends all segments; resolves when the last one is durable, or nothing can be written. */
  async drain(): Promise<void> {
    await this.#queue.at(-1)?.step;
    // The file system is full: there is no file, and no entry was taken.
    if (this.#queue.at(-1)?.isReady === false) this.#queue.pop();
    const last = this.#queue.at(-1);
    if (last === undefined || this.#failure !== undefined) return;
    last.ended = true;
    this.#drained = Promise.withResolvers();
    this.#advance();
    await this.#drained.promise;
  }

  /** Resolves when no file operation that was started here is under way. */
  async settle(): Promise<void> {
    await this.#syncUnderWay;
    await this.#retirement;
  }

  #schedule(): void {
    // A sync under way goes on by itself when it ends.
    if (this.#isScheduled || (this.#isSyncing && this.#syncsEveryGroup)) return;
    this.#isScheduled = true;
    (this.#hooks.schedule ?? setImmediate)(() => {
      this.#isScheduled = false;
      this.#advance();
    });
  }

  /** Writes what may be written now, and starts the sync that is wanted. */
  #advance(): void {
    const head = this.#queue[0];
    if (head === undefined || this.#failure !== undefined) return;
    if (this.#isSyncing && (this.#syncsEveryGroup || head.ended)) return;
    try {
      this.#write(head);
    } catch (error) {
      this.fail("append to", head.path, error);
      return;
    }
    if (this.#isSyncing || !head.isUnsynced) return;
    if (this.#syncsEveryGroup || head.ended || this.#isSyncDue) this.#syncUnderWay = this.#sync(head);
    else if (this.#options.sync === "interval") this.#armInterval();
  }

  #write(head: Segment): void {
    if (head.group !== undefined) this.#writeGroup(head, head.group);
    else if (head.ended && !head.isUnsynced) this.#writeEndMark(head, this.#queue[1]);
  }

  /** Where the next segment is not ready, its first group comes back to this. */
  #writeEndMark(head: Segment, next: Segment | undefined): void {
    if (next?.isReady === false) return;
    head.writeEndMark(this.#writtenSequence + 1, next?.number ?? 0, this.stamp(head));
  }

  #writeGroup(head: Segment, group: Group): void {
    const { clock, observer } = this.#environment;
    head.group = undefined;
    head.frames.closeFrame(this.stamp(head));
    const startedMs = clock.monotonicMs();
    const sizeBytes = head.write();
    observer.commitLogAppended(group.entryCount, sizeBytes, clock.monotonicMs() - startedMs);
    this.#writtenSequence = group.lastSequence;
    if (!this.#syncsEveryGroup) this.#acknowledge();
  }

  async #sync(head: Segment): Promise<void> {
    const { clock, observer } = this.#environment;
    const sequence = this.#writtenSequence;
    const isComplete = head.endMarked;
    const startedMs = clock.monotonicMs();
    this.#isSyncing = true;
    this.#isSyncDue = false;
    this.#cancelInterval();
    try {
      await head.sync();
    } catch (error) {
      this.fail("sync", head.path, error);
    }
    this.#isSyncing = false;
    if (this.#failure !== undefined) return;
    observer.commitLogSynced(clock.monotonicMs() - startedMs);
    this.#diskSequence = sequence;
    if (this.#syncsEveryGroup) this.#acknowledge();
    this.#nextSync?.resolve();
    this.#nextSync = undefined;
    if (isComplete) this.#retire(head);
    this.#advance();
  }

  /** Answers the groups that `syncedSequence` has come to cover. */
  #acknowledge(): void {
    const sequence = this.syncedSequence;
    let hasGrown = false;
    while (this.#groups[0] !== undefined && this.#groups[0].lastSequence <= sequence) {
      this.#groups.shift()!.acknowledge();
      hasGrown = true;
    }
    if (!hasGrown) return;
    this.#hooks.onSynced?.(sequence);
    this.#growth?.resolve();
    this.#growth = undefined;
  }

  /** The first segment is complete and durable; its file is closed beside the writing of the next one. */
  #retire(head: Segment): void {
    this.#queue.shift();
    this.#retired(head);
    this.#retirement = this.#retirement
      .then(() => head.retire())
      .catch((error: unknown) => this.fail("close", head.path, error));
    if (this.#queue.length === 0) this.#drained?.resolve();
  }

  #armInterval(): void {
    this.#intervalTimer ??= this.#environment.clock.after(this.#options.syncIntervalMs, () => {
      this.#intervalTimer = undefined;
      this.#isSyncDue = true;
      this.#advance();
    });
  }

  #cancelInterval(): void {
    this.#intervalTimer?.cancel();
    this.#intervalTimer = undefined;
  }
}

export function logFailure(action: string, path: string, cause: unknown): StorageError {
  return new StorageError(
    "COMMIT_LOG_FAILED",
    `could not ${action} ${path}: ${messageOf(cause)}; nothing is written until the node is restarted`,
    { file: path, cause },
  );
}
