/**
 * Gives memory of the cache back while memory is short, and takes it again when it is not.
 *
 * ```
 * share of the memory limit in use      0 ........ low mark ........ high mark ........ 1
 *                                       grows      stays as it is    shrinks
 * ```
 *
 * The cache does not swing to and fro: it grows only after several calm looks in a row, and only as far as the low
 * mark would still hold once the cache has filled all that it may take. So growing alone never leads to the high mark.
 *
 * Entries are given up in slices with pauses between them, since a megabyte of small ones takes milliseconds.
 */
import type { Timer } from "../../platform/clock.ts";
import type { MemoryStatus } from "../../platform/memory-status.ts";
import type { EngineEnvironment } from "../environment.ts";
import type { EntryCache } from "./cache.ts";

const lookIntervalMs = 5000;
const highMark = 0.9;
const lowMark = 0.75;
/** Waiting for memory shows a shortage that sizes do not. */
const highStalledShare = 0.2;
const lowStalledShare = 0.05;
const calmLooksBeforeGrowth = 6;
/** Shares of the configured size. */
const shrinkShare = 1 / 8;
const growShare = 1 / 16;
const smallestShare = 1 / 8;
const sliceBytes = 1 << 20;
const slicePauseMs = 25;

type Surroundings = Pick<EngineEnvironment, "clock" | "observer" | "memoryStatus">;

export class MemoryPressure {
  readonly #surroundings: Surroundings;
  readonly #cache: EntryCache;
  readonly #configuredBytes: number;
  /** What the budget is to be; it comes there slice by slice. */
  #targetBytes: number;
  #calmLooks = 0;
  #lookTimer: Timer | undefined;
  #sliceTimer: Timer | undefined;

  /** Begins to look; `configuredBytes` is the cache's budget now and the most that it gets. */
  constructor(surroundings: Surroundings, cache: EntryCache, configuredBytes: number) {
    this.#surroundings = surroundings;
    this.#cache = cache;
    this.#configuredBytes = configuredBytes;
    this.#targetBytes = configuredBytes;
    if (configuredBytes > 0 && surroundings.memoryStatus !== undefined) this.#schedule();
  }

  stop(): void {
    this.#lookTimer?.cancel();
    this.#sliceTimer?.cancel();
  }

  #schedule(): void {
    this.#lookTimer = this.#surroundings.clock.after(lookIntervalMs, () => {
      const memory = this.#surroundings.memoryStatus?.();
      // Where there is nothing to look at now, there never will be.
      if (memory === undefined) return;
      this.#look(memory);
      this.#schedule();
    });
  }

  #look(memory: MemoryStatus): void {
    const usedShare = memory.usedBytes / memory.limitBytes;
    const stalledShare = memory.stalledShare ?? 0;
    const isCalm = usedShare <= lowMark && stalledShare <= lowStalledShare;
    this.#calmLooks = isCalm ? this.#calmLooks + 1 : 0;
    if (usedShare >= highMark || stalledShare >= highStalledShare) this.#shrink(memory);
    else if (this.#calmLooks >= calmLooksBeforeGrowth) this.#grow(memory);
  }

  #shrink(memory: MemoryStatus): void {
    // What the cache has not taken cannot be given back.
    const { sizeBytes } = this.#cache.status;
    const base = Math.min(this.#targetBytes, sizeBytes);
    const targetBytes = Math.max(base - shrinkShare * this.#configuredBytes, this.#smallestBytes);
    if (targetBytes < this.#targetBytes) this.#setTarget(targetBytes, memory);
  }

  #grow(memory: MemoryStatus): void {
    const { sizeBytes, budgetBytes } = this.#cache.status;
    const promisedBytes = Math.max(0, budgetBytes - sizeBytes);
    const freeBytes = lowMark * memory.limitBytes - memory.usedBytes - promisedBytes;
    const stepBytes = growShare * this.#configuredBytes;
    const targetBytes = Math.min(this.#targetBytes + stepBytes, this.#configuredBytes);
    if (targetBytes - this.#targetBytes > freeBytes || targetBytes === this.#targetBytes) return;
    this.#setTarget(targetBytes, memory);
  }

  get #smallestBytes(): number {
    return smallestShare * this.#configuredBytes;
  }

  #setTarget(targetBytes: number, memory: MemoryStatus): void {
    this.#targetBytes = Math.floor(targetBytes);
    this.#surroundings.observer.cacheBudgetChanged(this.#targetBytes, memory);
    this.#sliceTimer?.cancel();
    this.#approach();
  }

  /** One slice towards the target, and the next after a pause. */
  #approach(): void {
    const { sizeBytes, budgetBytes } = this.#cache.status;
    // What is not taken costs nothing to give back.
    const nextBytes = Math.min(budgetBytes - sliceBytes, sizeBytes);
    this.#cache.resize(Math.max(this.#targetBytes, nextBytes));
    if (this.#cache.status.budgetBytes > this.#targetBytes) {
      this.#sliceTimer = this.#surroundings.clock.after(slicePauseMs, () => this.#approach());
    }
  }
}
