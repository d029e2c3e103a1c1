/**
 * Draining: the node takes no new data from anybody, so that it can be removed once nothing of its own is left to do.
 *
 *   serving ──begin──► draining ──recorded; all durable, flushed and streamed──► drained
 *      ▲                  └────────────────────────────end─────────────────────────┘
 *      └───────────────────────────────────────────────┘
 *
 * Writes, deletions, repairs and batches are refused, replicated ones too: what they bring nobody would move away any
 * more. Reads, scans and streams to other nodes go on. The node itself never begins it, and never ends it.
 *
 * Invariants:
 * 1. Whoever puts anything into the store has called `check` in the same turn. So nothing is stored after the turn in
 *    which `begin` was called, and what was is what `left` tells of.
 * 2. `begin` resolves once the manifest says it: a node that starts again goes on draining. Writes are taken again only
 *    after the manifest says that.
 */
import { StorageError } from "../base/errors.ts";
import type { SequenceNumber } from "../engine/internal-key.ts";
import type { EngineStatus } from "../engine/status.ts";
import type { Clock } from "../platform/clock.ts";

/** What draining asks of the engine; `Engine` has this shape, and tests bring their own. */
export interface DrainedStore {
  status(): EngineStatus;
  setDraining(isDraining: boolean): Promise<void>;
  flush(): Promise<void>;
}

/** A stream of this node's data to another one, as far as draining waits for it. */
export interface ActiveStream {
  /** As GetStreamStatus tells it. */
  readonly state: string;
  /** The target has acknowledged all that was written up to this one, as far as it is to have it. */
  readonly acknowledgedSequence: SequenceNumber;
}

export type DrainState = "serving" | "draining" | "drained";

export interface DrainStatus {
  readonly state: DrainState;
  /** What draining still waits for, one sentence each. */
  readonly left: readonly string[];
}

export interface DrainParts {
  readonly store: DrainedStore;
  readonly clock: Pick<Clock, "monotonicMs" | "after">;
  /** Those that nobody has stopped. */
  readonly activeStreams: () => readonly ActiveStream[];
}

const pollIntervalMs = 100;

export class Drain {
  readonly #parts: DrainParts;
  #isDraining: boolean;
  #isStopping = false;
  /** Changes of the manifest, one after the other; never rejects. */
  #changes: Promise<void> = Promise.resolve();

  constructor(parts: DrainParts) {
    this.#parts = parts;
    this.#isDraining = parts.store.status().isDraining;
  }

  /** Throws UNAVAILABLE with the reason NODE_DRAINING where no write is taken. */
  check(): void {
    if (this.#isDraining) throw refusal();
  }

  status(): DrainStatus {
    if (!this.#isDraining) return { state: "serving", left: [] };
    const left = this.#left();
    return { state: left.length === 0 ? "drained" : "draining", left };
  }

  /** Refuses writes from now on; durable on return. Rejects, taking writes as before, where that cannot be recorded. */
  begin(): Promise<void> {
    this.#isDraining = true;
    return this.#change(async () => {
      this.#isDraining = true;
      try {
        await this.#parts.store.setDraining(true);
      } catch (error) {
        this.#isDraining = this.#parts.store.status().isDraining;
        throw error;
      }
    });
  }

  /**
   * Begins, flushes, and waits until nothing is left, for `timeoutMs` at most; 0 waits for nothing. Rejects where it
   * cannot be recorded, and where a flush fails in this time: the node is draining then all the same.
   */
  async drain(timeoutMs: number): Promise<DrainStatus> {
    const { clock, store } = this.#parts;
    const endMs = clock.monotonicMs() + timeoutMs;
    await this.begin();
    const failure = Promise.withResolvers<never>();
    // Nobody may be waiting for it.
    failure.promise.catch(() => undefined);
    store.flush().catch(failure.reject);
    for (;;) {
      const status = this.status();
      const remainingMs = endMs - clock.monotonicMs();
      if (status.state !== "draining" || remainingMs <= 0 || this.#isStopping) return status;
      const pause = new Promise<void>((resolve) => {
        clock.after(Math.min(pollIntervalMs, remainingMs), resolve);
      });
      await Promise.race([pause, failure.promise]);
    }
  }

  /** Takes writes again, once that is durable. Gives whether it was draining. */
  async end(): Promise<boolean> {
    let wasDraining = false;
    await this.#change(async () => {
      wasDraining = this.#isDraining;
      if (wasDraining) await this.#parts.store.setDraining(false);
      this.#isDraining = false;
    });
    return wasDraining;
  }

  /** The node stops: nobody waits for draining any more. */
  stop(): void {
    this.#isStopping = true;
  }

  #change(change: () => Promise<void>): Promise<void> {
    const done = this.#changes.then(change);
    this.#changes = done.catch(() => undefined);
    return done;
  }

  #left(): string[] {
    const { store, activeStreams } = this.#parts;
    const status = store.status();
    const { lastSequence, durableSequence, activeMemtableEntryCount, frozenMemtableCount } = status;
    const left: string[] = [];
    if (!status.isDraining) left.push("that the node is draining is not recorded yet");
    if (durableSequence < lastSequence) left.push("writes are not durable yet");
    if (activeMemtableEntryCount > 0 || frozenMemtableCount > 0) left.push("the memtable is not flushed");
    const streams = activeStreams();
    const states = streams.flatMap(({ state }) => (state === "completed" ? [] : [state]));
    if (states.length > 0) left.push(`${states.length} streams are not completed (${states.join(", ")})`);
    // A completed stream follows the log, and the last writes may still be on their way.
    const isBehind = ({ state, acknowledgedSequence }: ActiveStream) =>
      state === "completed" && acknowledgedSequence < lastSequence;
    const behindCount = streams.filter(isBehind).length;
    if (behindCount > 0) left.push(`${behindCount} completed streams have not sent the last writes`);
    return left;
  }
}

function refusal(): StorageError {
  return new StorageError(
    "UNAVAILABLE",
    'the node is draining and takes no writes; they go to other nodes, or "pairdb-node undrain" ends it',
    { details: { reason: "NODE_DRAINING" } },
  );
}
