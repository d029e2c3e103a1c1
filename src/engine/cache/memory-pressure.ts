/**
 * Gives memory of the caches back while memory is short, and takes it again when it is not.
 *
 * ```
 * share of the memory limit in use      0 ........ low mark ........ high mark ........ 1
 *                                       grows      stays as it is    shrinks
 * ```
 *
 * They do not swing to and fro: they grow only after several calm looks in a row, and only as far as the low mark would
 * still hold once all have filled what they may take. So growing alone never leads to the high mark.
 *
 * Entries are given up in slices with pauses between them, since a megabyte of small ones takes milliseconds.
 */
import type { Timer } from "../../platform/clock.ts";
import type { MemoryStatus } from "../../platform/memory-status.ts";
import type { EngineEnvironment } from "../environment.ts";

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

/** A cache whose size may change. */
export interface ResizableCache {
  readonly status: { readonly sizeBytes: number; readonly budgetBytes: number };
  resize(budgetBytes: number): void;
}

export class MemoryPressure {
  readonly #surroundings: Surroundings;
  readonly #caches: readonly CacheBudget[];
  #calmLooks = 0;
  #lookTimer: Timer | undefined;

  /** Begins to look; the caches' budgets now are the most that they get. */
  constructor(surroundings: Surroundings, { entries, blocks }: Record<"entries" | "blocks", ResizableCache>) {
    this.#surroundings = surroundings;
    this.#caches = [
      new CacheBudget(surroundings, "entries", entries),
      new CacheBudget(surroundings, "blocks", blocks),
    ].filter(({ configuredBytes }) => configuredBytes > 0);
    if (this.#caches.length > 0 && surroundings.memoryStatus !== undefined) this.#schedule();
  }

  stop(): void {
    this.#lookTimer?.cancel();
    for (const cache of this.#caches) cache.stop();
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
    if (usedShare >= highMark || stalledShare >= highStalledShare) {
      for (const cache of this.#caches) cache.shrink(memory);
    } else if (this.#calmLooks >= calmLooksBeforeGrowth) this.#grow(memory);
  }

  #grow(memory: MemoryStatus): void {
    let freeBytes = lowMark * memory.limitBytes - memory.usedBytes;
    for (const cache of this.#caches) freeBytes -= cache.promisedBytes;
    for (const cache of this.#caches) freeBytes -= cache.grow(freeBytes, memory);
  }
}

/** One cache's, and the way of the cache there. */
class CacheBudget {
  readonly configuredBytes: number;
  readonly #surroundings: Surroundings;
  readonly #name: "entries" | "blocks";
  readonly #cache: ResizableCache;
  /** What the budget is to be; it comes there slice by slice. */
  #targetBytes: number;
  #sliceTimer: Timer | undefined;

  constructor(surroundings: Surroundings, name: "entries" | "blocks", cache: ResizableCache) {
    this.#surroundings = surroundings;
    this.#name = name;
    this.#cache = cache;
    this.configuredBytes = cache.status.budgetBytes;
    this.#targetBytes = this.configuredBytes;
  }

  /** What it may take and has not taken. */
  get promisedBytes(): number {
    const { sizeBytes, budgetBytes } = this.#cache.status;
    return Math.max(0, budgetBytes - sizeBytes);
  }

  shrink(memory: MemoryStatus): void {
    // What the cache has not taken cannot be given back.
    const base = Math.min(this.#targetBytes, this.#cache.status.sizeBytes);
    const smallestBytes = smallestShare * this.configuredBytes;
    const targetBytes = Math.max(base - shrinkShare * this.configuredBytes, smallestBytes);
    if (targetBytes < this.#targetBytes) this.#setTarget(targetBytes, memory);
  }

  /** By a step, where so much is free; says by how much. */
  grow(freeBytes: number, memory: MemoryStatus): number {
    const stepBytes = growShare * this.configuredBytes;
    const grownBytes = Math.min(this.#targetBytes + stepBytes, this.configuredBytes) - this.#targetBytes;
    if (grownBytes > freeBytes || grownBytes === 0) return 0;
    this.#setTarget(this.#targetBytes + grownBytes, memory);
    return grownBytes;
  }

  stop(): void {
    this.#sliceTimer?.cancel();
  }

  #setTarget(targetBytes: number, memory: MemoryStatus): void {
    this.#targetBytes = Math.floor(targetBytes);
    this.#surroundings.observer.cacheBudgetChanged(this.#name, this.#targetBytes, memory);
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
