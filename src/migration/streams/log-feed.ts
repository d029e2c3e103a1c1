/**
 * Sends what the commit log says from a position on, for as long as it runs: records as the node wrote them, which hold
 * all versions of their key.
 *
 * What is deleted by range goes no further: that is an act on one node alone.
 *
 * While the log grows by single writes, the feed gathers them for a moment, so that a write does not cost a call. It
 * keeps the thread for a slice at most, and holds what is on its way and one frame of the log, however far it is behind.
 */
import { StorageError } from "../../base/errors.ts";
import { nextTurn } from "../../base/next-turn.ts";
import type { LogFollower, LogPosition } from "../../engine/commit-log/follower.ts";
import { logEntryKinds } from "../../engine/commit-log/format.ts";
import type { Frame } from "../../engine/commit-log/frame-cursor.ts";
import type { SequenceNumber } from "../../engine/internal-key.ts";
import type { Clock } from "../../platform/clock.ts";
import { pause } from "../retries.ts";
import type { RangeFilter } from "./range-filter.ts";
import { RecordBatch } from "./record-batch.ts";
import { type SendLimits, SendWindow } from "./send-window.ts";
import type { SourceLog } from "./source.ts";
import { Wakeup } from "./wakeup.ts";

export interface FeedEnvironment {
  readonly log: SourceLog;
  readonly clock: Clock;
  readonly filter: RangeFilter;
  readonly limits: SendLimits;
  readonly send: (batch: RecordBatch) => Promise<void>;
  /** All before `position` is acknowledged. */
  readonly acknowledged: (position: LogPosition, batch: RecordBatch | undefined) => void;
}

interface Fed {
  readonly position: LogPosition;
  /** Of the last frame before it. */
  readonly commitTimeMs: number;
}

interface Waiter {
  readonly sequence: SequenceNumber;
  readonly outcome: PromiseWithResolvers<void>;
}

/** How long the feed keeps the thread. */
const sliceMs = 3;
/** Writes are gathered for this long. */
const gatherMs = 10;

export class LogFeed {
  readonly #environment: FeedEnvironment;
  readonly #follower: LogFollower;
  readonly #window: SendWindow<Fed>;
  readonly #wakeup = new Wakeup();
  #batch = new RecordBatch();
  #acknowledged: LogPosition;
  #behindSinceMs: number | undefined;
  #waiters: Waiter[] = [];
  #isLost = false;

  constructor(environment: FeedEnvironment, position: LogPosition) {
    this.#environment = environment;
    this.#follower = environment.log.follow(position);
    this.#acknowledged = position;
    this.#window = new SendWindow(
      (batch) => this.#send(batch),
      environment.limits,
      (fed, batch) => this.#noteAcknowledged(fed, batch),
    );
  }

  /** It failed since the log could not be followed without a gap. */
  get isLost(): boolean {
    return this.#isLost;
  }

  /** For how long something has been waiting to be sent. */
  get lagMs(): number {
    if (this.#behindSinceMs === undefined) return 0;
    return Math.max(0, this.#environment.clock.nowMs() - this.#behindSinceMs);
  }

  /** Until the signal; throws its reason, or the first failure. */
  async run(signal: AbortSignal): Promise<never> {
    signal.addEventListener("abort", this.#wakeup.wake, { once: true });
    try {
      return await this.#run(signal);
    } catch (error) {
      this.#window.abandon(error);
      for (const { outcome } of this.#waiters) outcome.reject(error);
      throw error;
    } finally {
      signal.removeEventListener("abort", this.#wakeup.wake);
      this.#follower.close();
    }
  }

  /** Resolves when the target has acknowledged all entries up to this one; rejects when the feed ends first. */
  async whenAcknowledged(sequence: SequenceNumber): Promise<void> {
    if (this.#acknowledged.nextSequence > sequence) return;
    const outcome = Promise.withResolvers<void>();
    this.#waiters.push({ sequence, outcome });
    await outcome.promise;
  }

  async #run(signal: AbortSignal): Promise<never> {
    const { clock, log } = this.#environment;
    let fed: Fed = { position: this.#acknowledged, commitTimeMs: clock.nowMs() };
    for (let sliceEndMs = clock.monotonicMs() + sliceMs; ; ) {
      signal.throwIfAborted();
      // Before it is looked at, so that no growth is missed.
      const grown = log.whenGrown();
      const frame = this.#nextFrame();
      if (frame !== undefined) {
        await this.#gather(frame, fed);
        fed = { position: this.#follower.position, commitTimeMs: frame.commitTimeMs };
        if (this.#batch.isEmpty) this.#window.mark(fed);
      } else {
        await this.#flush(fed);
        void grown.then(this.#wakeup.wake);
        await this.#wakeup.sleep();
        await pause(clock, gatherMs, signal);
      }
      if (frame !== undefined && clock.monotonicMs() < sliceEndMs) continue;
      await nextTurn();
      sliceEndMs = clock.monotonicMs() + sliceMs;
    }
  }

  #nextFrame(): Frame | undefined {
    try {
      return this.#follower.next();
    } catch (error) {
      this.#isLost = error instanceof StorageError && error.code === "ABORTED";
      throw error;
    }
  }

  /** `before`: where to go on after a batch that holds a part of the frame only. */
  async #gather(frame: Frame, before: Fed): Promise<void> {
    const { filter } = this.#environment;
    this.#behindSinceMs ??= frame.commitTimeMs;
    while (frame.next()) {
      if (frame.kind === logEntryKinds.rangeDeletion || !filter.includes(frame.key)) continue;
      this.#batch.add(frame.key, frame.value);
      if (this.#batch.isFull) await this.#flush(before);
    }
  }

  async #flush(fed: Fed): Promise<void> {
    if (this.#batch.isEmpty) {
      this.#window.mark(fed);
      return;
    }
    const batch = this.#batch;
    this.#batch = new RecordBatch();
    await this.#window.add(batch, fed);
  }

  async #send(batch: RecordBatch): Promise<void> {
    try {
      await this.#environment.send(batch);
    } catch (error) {
      // The feed may be asleep, and finds the failure when it goes on.
      this.#wakeup.wake();
      throw error;
    }
  }

  #noteAcknowledged({ position, commitTimeMs }: Fed, batch: RecordBatch | undefined): void {
    const { log, acknowledged } = this.#environment;
    this.#acknowledged = position;
    const isAtEnd = position.nextSequence >= log.end().nextSequence;
    this.#behindSinceMs = isAtEnd ? undefined : commitTimeMs;
    acknowledged(position, batch);
    const due = this.#waiters.filter(({ sequence }) => position.nextSequence > sequence);
    if (due.length === 0) return;
    this.#waiters = this.#waiters.filter((waiter) => !due.includes(waiter));
    for (const { outcome } of due) outcome.resolve();
  }
}
