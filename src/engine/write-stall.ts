/**
 * Keeps writers from outrunning flushes and compactions: first it slows them, then it lets them wait, then it refuses
 * them.
 *
 * *Pressure* goes from 0 to 1: how full the active memtable is while no further one may be frozen, or how far level 0
 * has grown between its two bounds, whichever is more. All writers together get `rate(pressure)`, which is without
 * limit at 0 and next to nothing at 1; so it settles where flushes and compactions keep up, whatever their speed.
 *
 * Where the active memtable has to be frozen and may not be, writers wait. Those that come when others have waited
 * for `longestWaitMs` are refused at once, until there is room again.
 *
 * While compactions are paused or fail, level 0 slows writers but does not stop them: one damaged table must not take
 * the node down.
 */
import { isDiskFull, messageOf, StorageError } from "../base/errors.ts";
import type { Timer } from "../platform/clock.ts";
import type { EngineEnvironment } from "./environment.ts";
import type { EngineOptions } from "./options.ts";

/** What the pressure comes from. */
export interface StallSources {
  readonly frozenCount: number;
  readonly activeUsedBytes: number;
  readonly level0Count: number;
  /** Why flushes fail; undefined while they do not. */
  readonly flushFailure: unknown;
  /** Compactions go on: level 0 will shrink. */
  readonly isCompacting: boolean;
}

/** At half pressure. */
const referenceBytesPerMs = 16 * 1024;
const highestPressure = 0.99;
/** Compactions that do not run get no time by slower writers: then this is the most. */
const highestPressureUncompacted = 0.8;
/** Delays shorter than a timer's steps are put together. */
const leastDelayMs = 2;

export class WriteStall {
  readonly #environment: EngineEnvironment;
  readonly #options: EngineOptions;
  readonly #sources: StallSources;
  #waiting: PromiseWithResolvers<void> | undefined;
  #waitTimer: Timer | undefined;
  #waitBeganAtMs = 0;
  /** When the first writer had to wait; undefined once one found room. */
  #blockedSinceMs: number | undefined;
  #delay: Promise<void> | undefined;
  /** When all that was written is paid for, at the rate of its time. */
  #paidAtMs = 0;

  constructor(environment: EngineEnvironment, options: EngineOptions, sources: StallSources) {
    this.#environment = environment;
    this.#options = options;
    this.#sources = sources;
  }

  /** Why the active memtable may not be frozen now; undefined where it may. */
  get obstacle(): StorageError | undefined {
    const { frozenCount, flushFailure, level0Count, isCompacting } = this.#sources;
    if (frozenCount >= this.#options.memtable.maxFrozenCount) return memtablesFull(flushFailure);
    if (isCompacting && level0Count >= this.#options.writeStall.l0StopCount) return level0Full(level0Count);
    return undefined;
  }

  /** The active memtable may be frozen again. */
  passed(): void {
    this.#blockedSinceMs = undefined;
  }

  /**
   * Where there is an obstacle: resolves when it is worth asking again. Undefined where waiting does not help: flushes
   * fail, or others have waited too long already.
   */
  wait(): Promise<void> | undefined {
    const { clock } = this.#environment;
    const nowMs = clock.monotonicMs();
    this.#blockedSinceMs ??= nowMs;
    const remainingMs = this.#blockedSinceMs + this.#options.writeStall.longestWaitMs - nowMs;
    if (this.#sources.flushFailure !== undefined || remainingMs <= 0) return undefined;
    if (this.#waiting === undefined) {
      this.#waiting = Promise.withResolvers();
      this.#waitBeganAtMs = nowMs;
      this.#waitTimer = clock.after(remainingMs, () => this.end());
    }
    return this.#waiting.promise;
  }

  /** Lets the waiting writers ask again: something was flushed or compacted, or writing has ended. */
  end(): void {
    if (this.#waiting === undefined) return;
    const { clock, observer } = this.#environment;
    observer.writeStalled(clock.monotonicMs() - this.#waitBeganAtMs);
    this.#waitTimer?.cancel();
    this.#waiting.resolve();
    this.#waiting = undefined;
  }

  /** A promise while writers are ahead of their rate; ask again then, since others may have been first. */
  delay(): Promise<void> | undefined {
    if (this.#delay !== undefined) return this.#delay;
    const { clock, observer } = this.#environment;
    const aheadMs = this.#paidAtMs === 0 ? 0 : this.#paidAtMs - clock.monotonicMs();
    if (aheadMs < leastDelayMs) return undefined;
    observer.writeDelayed(aheadMs);
    this.#delay = new Promise((resolve) => {
      clock.after(aheadMs, () => {
        this.#delay = undefined;
        resolve();
      });
    });
    return this.#delay;
  }

  /** Notes what was written. */
  charge(sizeBytes: number): void {
    const pressure = this.#pressure;
    if (pressure === 0) return;
    const bytesPerMs = (referenceBytesPerMs * (1 - pressure)) / pressure;
    this.#paidAtMs = Math.max(this.#paidAtMs, this.#environment.clock.monotonicMs()) + sizeBytes / bytesPerMs;
  }

  get #pressure(): number {
    const { memtable, writeStall } = this.#options;
    const { frozenCount, activeUsedBytes, level0Count, isCompacting } = this.#sources;
    let pressure = 0;
    if (frozenCount >= memtable.maxFrozenCount) {
      pressure = Math.min(activeUsedBytes / memtable.flushThresholdBytes, highestPressure);
    }
    const { l0SlowdownCount, l0StopCount } = writeStall;
    if (level0Count >= l0SlowdownCount) {
      const growth = (level0Count - l0SlowdownCount + 1) / (l0StopCount - l0SlowdownCount + 1);
      const bound = isCompacting ? highestPressure : highestPressureUncompacted;
      pressure = Math.max(pressure, Math.min(growth, bound));
    }
    return pressure;
  }
}

/** `cause`: why flushes fail, where they do. */
function memtablesFull(cause: unknown): StorageError {
  const code = isDiskFull(cause) ? "DISK_FULL" : "RESOURCE_EXHAUSTED";
  const why = cause === undefined ? "wait for their flush" : `cannot be flushed (${messageOf(cause)})`;
  return new StorageError(code, `all memtables are full and ${why}; try again later`, { cause });
}

function level0Full(tableCount: number): StorageError {
  return new StorageError(
    "RESOURCE_EXHAUSTED",
    `${tableCount} tables of level 0 wait for their compaction; try again later`,
  );
}
