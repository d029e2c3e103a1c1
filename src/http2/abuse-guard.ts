/** Counts what a peer does on one connection that costs us and brings nothing, and says when it is too much. */
import type { Http2Limits, LimitName } from "./limits.ts";
import type { Sender } from "./sender.ts";
import { TokenBucket } from "./token-bucket.ts";

/** Frames without content that an answered stream makes up for, … */
const idleFramesPerAnswer = 8;
/** … and a DATA frame of ours: two windows are opened for it. */
const idleFramesPerData = 2;

export class AbuseGuard {
  readonly #limits: Http2Limits;
  readonly #sender: Sender;
  readonly #resets: TokenBucket;
  readonly #pings: TokenBucket;
  readonly #settings: TokenBucket;
  readonly #idle: TokenBucket;
  #hasMoved = false;
  #dataFrameCount = 0;
  #unansweredPings = 0;
  #insertionsAllowed: number;
  #insertionCount = 0;

  constructor(limits: Http2Limits, sender: Sender, nowMs: number) {
    this.#limits = limits;
    this.#sender = sender;
    this.#resets = new TokenBucket(limits.resets, nowMs);
    this.#pings = new TokenBucket(limits.pings, nowMs);
    this.#settings = new TokenBucket(limits.settingsFrames, nowMs);
    this.#idle = new TokenBucket(limits.idleFrames, nowMs);
    this.#insertionsAllowed = limits.tableInsertions.burst;
  }

  /** A body moved, in either direction. */
  moved(): void {
    this.#hasMoved = true;
  }

  answered(): void {
    this.#hasMoved = true;
    this.#resets.giveBack(1);
    this.#idle.giveBack(idleFramesPerAnswer);
  }

  /** The peer has read all that we wrote. */
  outputDrained(): void {
    this.#unansweredPings = 0;
  }

  // Each of these is asked when something came, and names the limit when that was too much.

  reset(nowMs: number): LimitName | undefined {
    return this.#resets.take(nowMs) ? undefined : "resets";
  }

  /** `isBlocked`: answers of before are still unread. */
  ping(nowMs: number, isBlocked: boolean): LimitName | undefined {
    if (isBlocked && ++this.#unansweredPings > this.#limits.maxUnansweredPings) return "pings";
    if (this.#hasMoved) this.#pings.giveBack(this.#limits.pings.burst);
    this.#hasMoved = false;
    return this.#pings.take(nowMs) ? undefined : "pings";
  }

  settings(nowMs: number): LimitName | undefined {
    return this.#settings.take(nowMs) ? undefined : "settings_frames";
  }

  idleFrame(nowMs: number): LimitName | undefined {
    const { dataFrameCount } = this.#sender;
    this.#idle.giveBack((dataFrameCount - this.#dataFrameCount) * idleFramesPerData);
    this.#dataFrameCount = dataFrameCount;
    return this.#idle.take(nowMs) ? undefined : "idle_frames";
  }

  /** A header block was decoded; `insertionCount` is that of the decoder. */
  headerBlock(insertionCount: number): LimitName | undefined {
    const { burst, perBlock } = this.#limits.tableInsertions;
    const inserted = insertionCount - this.#insertionCount;
    this.#insertionCount = insertionCount;
    this.#insertionsAllowed = Math.min(burst, this.#insertionsAllowed + perBlock - inserted);
    return this.#insertionsAllowed < 0 ? "table_insertions" : undefined;
  }
}
