/**
 * One stream: what the hash ranges hold here goes to a target, until that contains it, and what is written after it.
 *
 *   copying     one pass over a pinned view; the log is held from before the view
 *   streaming   follows the log from there, until it has caught up
 *   syncing     follows the log, and compares: sends what the target lacks or has differently
 *   completed   follows the log
 *
 * A failed try begins anew where the last one was, after a pause that grows. Too many in a row, or one that no
 * pause mends, and the stream counts as failed, with the reason, until something goes well again; after an hour it is given
 * up. A stream that has lost its place in the log takes a new one and compares anew, so nothing is missed in between.
 *
 * Invariants:
 * 1. `record.position` is one before which the target has acknowledged everything that the copied view does not show; it
 *    moves on only with acknowledgements, and what is saved of it is never ahead.
 * 2. The segment of the saved position is held, as long as the log is not longer than may be kept.
 * 3. `completed` is reached through `syncing` only, and left by a lost place or a new address.
 *
 * Other work runs at every `await`. The record changes in this class alone.
 */
import { messageOf, StorageError } from "../../base/errors.ts";
import type { SequenceNumber } from "../../engine/internal-key.ts";
import { HashBuckets } from "../hash-buckets.ts";
import { HashRanges } from "../hash-ranges.ts";
import type { Peer } from "../peer.ts";
import { pause } from "../retries.ts";
import { copyRecords } from "./copy-pass.ts";
import { callTimeoutMs, type StreamEnvironment, sendLimits } from "./environment.ts";
import { LogFeed } from "./log-feed.ts";
import type { SendReason } from "./observer.ts";
import { RangeFilter } from "./range-filter.ts";
import { reconcile } from "./reconciliation.ts";
import type { RecordBatch } from "./record-batch.ts";
import { isActive, peerTarget, type StreamPhase, type StreamRecord } from "./stream-record.ts";

/** So many failed tries in a row make a failed stream: with the pauses between them, some twenty seconds. */
const triesBeforeFailed = 8;
const firstPauseMs = 100;
const longestPauseMs = 60_000;
const giveUpAfterMs = 3_600_000;
/** How far a restart may throw a stream back. */
const saveIntervalMs = 5000;
/** How long a completed stream that is to end may take for what was written before. */
export const catchUpMs = 5000;
const catchUpPollMs = 50;

export class Stream {
  readonly record: StreamRecord;
  readonly #environment: StreamEnvironment;
  /** Writes the records of all streams; durable when it resolves. */
  readonly #save: () => Promise<void>;
  readonly #ranges: HashRanges;
  readonly #filter: RangeFilter;
  readonly #stop = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #saving: Promise<void> = Promise.resolve();
  #feed: LogFeed | undefined;
  #failureCount = 0;
  #failingSinceMs = 0;
  #savedAtMs: number;

  constructor(environment: StreamEnvironment, record: StreamRecord, save: () => Promise<void>) {
    this.record = record;
    this.#environment = environment;
    this.#save = save;
    this.#ranges = new HashRanges(record.ranges);
    this.#filter = new RangeFilter(this.#ranges);
    this.#savedAtMs = environment.clock.monotonicMs();
    this.#failingSinceMs = record.failure?.sinceMs ?? 0;
  }

  /** The target has all that was written up to this one: copied, or acknowledged as the log was followed. */
  get acknowledgedSequence(): SequenceNumber {
    return (this.record.position?.nextSequence ?? 1) - 1;
  }

  /** What the log holds of what the target has not acknowledged; of this run of the node. */
  get lagBytes(): number {
    const { position, isEnded } = this.record;
    return position === undefined || isEnded ? 0 : this.#environment.log.bytesFrom(position);
  }

  /** For how long the oldest write has been waiting; undefined while the log is not followed. */
  get lagMs(): number | undefined {
    return this.#feed?.lagMs;
  }

  /** It is completed and has not ended, and the target has not acknowledged all that was written up to this one. */
  lacks(sequence: SequenceNumber): boolean {
    const { phase, isEnded } = this.record;
    return phase === "completed" && !isEnded && this.acknowledgedSequence < sequence;
  }

  /** Waits while it lacks something of that and goes without trouble, for `catchUpMs` at most. */
  async catchUp(sequence: SequenceNumber): Promise<void> {
    const { clock } = this.#environment;
    const { signal } = this.#stop;
    const endMs = clock.monotonicMs() + catchUpMs;
    const isWorthIt = () => this.lacks(sequence) && isActive(this.record) && !signal.aborted;
    while (isWorthIt() && clock.monotonicMs() < endMs) {
      await pause(clock, catchUpPollMs, signal).catch(() => {});
    }
  }

  /** Runs in the background until it is stopped or given up. */
  start(): void {
    if (!this.record.isEnded) this.#running = this.#run();
  }

  /** Resolves when nothing runs any more; the record says where to go on. */
  async stop(): Promise<void> {
    this.#stop.abort(new StorageError("UNAVAILABLE", "the stream was stopped"));
    await this.#running;
    await this.#saving;
  }

  /** The log is not kept for it any more. */
  async release(): Promise<void> {
    await this.#environment.log.release(holderName(this.record.target.nodeId));
  }

  async #run(): Promise<void> {
    const { peers } = this.#environment;
    while (!this.#stop.signal.aborted) {
      let peer: Peer | undefined;
      try {
        peer = await peers.connect(peerTarget(this.record.target));
        await this.#try(peer);
      } catch (error) {
        if (!this.#stop.signal.aborted) await this.#failed(error);
        if (this.record.isEnded) return;
      } finally {
        peer?.close();
      }
    }
  }

  /** Goes on until the stop, or a failure, which it throws when all that it began has ended. */
  async #try(peer: Peer): Promise<void> {
    const attempt = new AbortController();
    const stop = () => attempt.abort(this.#stop.signal.reason);
    this.#stop.signal.addEventListener("abort", stop, { once: true });
    try {
      if (this.record.position === undefined) await this.#takePlace();
      if (this.record.phase === "copying") {
        await this.#copy(peer, attempt.signal);
        await this.#advance("streaming");
      }
      await this.#follow(peer, attempt);
    } finally {
      attempt.abort(new StorageError("ABORTED", "this try of the stream has ended"));
      this.#stop.signal.removeEventListener("abort", stop);
    }
  }

  /** A place in the log: what a view that is opened after this does not show comes behind it. */
  async #takePlace(): Promise<void> {
    const { log } = this.#environment;
    const end = log.end();
    await log.hold(holderName(this.record.target.nodeId), end.segmentNumber);
    await log.whenDurable(end.nextSequence - 1);
    this.record.position = end;
    await this.#save();
  }

  async #copy(peer: Peer, signal: AbortSignal): Promise<void> {
    const { source } = this.#environment;
    const acknowledged = (throughKey: Uint8Array, batch: RecordBatch | undefined): void => {
      this.record.copiedThrough = throughKey;
      this.#count("copied", batch);
      this.#progressed();
    };
    const send = this.#sender(peer, signal);
    const { copiedThrough: afterKey } = this.record;
    await copyRecords(
      { source, filter: this.#filter, limits: sendLimits, send, acknowledged },
      {
        tenantId: "",
        deletedBeforeSeconds: source.deletedBeforeSeconds,
        signal,
        ...(afterKey === undefined ? {} : { afterKey }),
      },
    );
    this.record.copiedThrough = undefined;
  }

  async #follow(peer: Peer, attempt: AbortController): Promise<void> {
    const feed = this.#openFeed(peer, attempt.signal);
    this.#feed = feed;
    const following = feed.run(attempt.signal);
    const settling = this.#settle(peer, feed, attempt.signal);
    try {
      await Promise.all([following, settling]);
    } catch (error) {
      attempt.abort(error);
      await Promise.allSettled([following, settling]);
      if (!feed.isLost) throw error;
      await this.#losePlace(error);
    } finally {
      this.#feed = undefined;
    }
  }

  #openFeed(peer: Peer, signal: AbortSignal): LogFeed {
    const { log, clock } = this.#environment;
    return new LogFeed(
      {
        log,
        clock,
        filter: this.#filter,
        limits: sendLimits,
        send: this.#sender(peer, signal),
        acknowledged: (position, batch) => {
          this.record.position = position;
          this.#count("streamed", batch);
          // A target that takes what it is sent may still be one that does not keep it.
          if (this.record.phase !== "syncing") this.#progressed();
          else this.#saveNowAndThen();
        },
      },
      this.record.position ?? log.end(),
    );
  }

  /** From `streaming` to `completed`, while the feed goes on. */
  async #settle(peer: Peer, feed: LogFeed, signal: AbortSignal): Promise<void> {
    const { source, log } = this.#environment;
    if (this.record.phase === "streaming") {
      await feed.whenAcknowledged(log.end().nextSequence - 1);
      await this.#advance("syncing");
    }
    if (this.record.phase !== "syncing") return;
    await reconcile({
      source,
      signal,
      peer,
      feed,
      buckets: new HashBuckets(this.#ranges),
      limits: sendLimits,
      send: this.#sender(peer, signal),
      acknowledged: (batch) => this.#count("repaired", batch),
    });
    await this.#advance("completed");
  }

  #sender(peer: Peer, signal: AbortSignal): (batch: RecordBatch) => Promise<void> {
    return async ({ records }) => {
      await peer.writeReplicated(records, { signal, timeoutMs: callTimeoutMs });
    };
  }

  async #advance(phase: StreamPhase): Promise<void> {
    this.record.phase = phase;
    this.#progressed();
    await this.#save();
    this.#environment.observer.phaseReached(this.record.target, phase);
  }

  /** Not completed from this turn on, and never saved so with the new place: what lies between was not sent. */
  async #losePlace(error: unknown): Promise<void> {
    this.record.phase = "syncing";
    this.#environment.observer.placeLost(this.record.target, messageOf(error));
    await this.#takePlace();
  }

  #count(reason: SendReason, batch: RecordBatch | undefined): void {
    if (batch === undefined) return;
    const { counts } = this.record;
    const keyCount = batch.records.length;
    if (reason === "copied") {
      counts.keysCopied += keyCount;
      counts.bytesCopied += batch.sizeBytes;
    } else if (reason === "streamed") {
      counts.keysStreamed += keyCount;
      counts.bytesStreamed += batch.sizeBytes;
    } else {
      counts.keysRepaired += keyCount;
      counts.bytesRepaired += batch.sizeBytes;
    }
    this.#environment.observer.recordsSent(reason, keyCount, batch.sizeBytes);
  }

  #progressed(): void {
    this.#failureCount = 0;
    if (this.record.failure !== undefined) {
      this.record.failure = undefined;
      this.#environment.observer.streamRecovered(this.record.target);
    }
    this.#saveNowAndThen();
  }

  /** In the background; the log is kept only from the saved position on. */
  #saveNowAndThen(): void {
    const { clock, observer, log } = this.#environment;
    if (clock.monotonicMs() - this.#savedAtMs < saveIntervalMs) return;
    this.#savedAtMs = clock.monotonicMs();
    const { position } = this.record;
    this.#saving = this.#saving
      .then(() => this.#save())
      .then(async () => {
        if (position === undefined) return;
        await log.hold(holderName(this.record.target.nodeId), position.segmentNumber);
      })
      .catch((error: unknown) => observer.streamsNotSaved(error));
  }

  /** Notes the failure and waits until it is time for another try; ends the stream when there have been enough. */
  async #failed(error: unknown): Promise<void> {
    const { clock, observer } = this.#environment;
    const { target } = this.record;
    const reason = messageOf(error);
    if (this.#failureCount++ === 0 && this.record.failure === undefined) this.#failingSinceMs = clock.nowMs();
    if (clock.nowMs() - this.#failingSinceMs > giveUpAfterMs) return this.#giveUp(reason);
    const pauseMs = this.#pauseMs();
    observer.tryFailed(target, reason, pauseMs);
    if (this.#failureCount >= triesBeforeFailed || isHopeless(error)) {
      if (this.record.failure === undefined) observer.streamFailed(target, reason);
      this.record.failure = { reason, sinceMs: this.#failingSinceMs };
      await this.#save().catch((saveError: unknown) => observer.streamsNotSaved(saveError));
    }
    await pause(clock, pauseMs, this.#stop.signal).catch(() => {});
  }

  /** Between half of it and all of it, so that not all streams try at the same moment. */
  #pauseMs(): number {
    const ceilingMs = Math.min(firstPauseMs * 2 ** Math.min(this.#failureCount - 1, 20), longestPauseMs);
    return (ceilingMs / 2) * (1 + this.#environment.random.uint32() / 2 ** 32);
  }

  async #giveUp(reason: string): Promise<void> {
    const { observer } = this.#environment;
    this.record.failure = { reason, sinceMs: this.#failingSinceMs };
    this.record.isEnded = true;
    observer.streamEnded(this.record.target, `given up after an hour of tries: ${reason}`);
    await this.#save()
      .then(() => this.release())
      .catch((error: unknown) => observer.streamsNotSaved(error));
  }
}

/** What another try soon after will hardly mend. */
function isHopeless(error: unknown): boolean {
  return (
    error instanceof StorageError && ["INTERNAL", "CORRUPTED_DATA", "VALUE_TOO_LARGE"].includes(error.code)
  );
}

export function holderName(nodeId: string): string {
  return `stream:${nodeId}`;
}
