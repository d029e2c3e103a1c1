/**
 * Which entries stay: W-TinyLFU, a window for the recent and a main region for the frequent.
 *
 * ```
 * new entry -> window (LRU) -> contest -> probation (LRU) -> on a hit -> protected (LRU)
 *                                 |           ^                              |
 *                              evicted        +---- when it is too large ----+
 * ```
 *
 * When the cache is full, the window's oldest entry contests with the oldest of probation, and the one that was
 * asked for more often lately stays. So a scan passes through the window and leaves the main region alone.
 *
 * The keys of the evicted are remembered for a while as ghosts, and a ghost that is asked for again teaches:
 *
 * - It goes where it would be had it stayed: a loser of the contest to probation, an entry of the main region to
 *   protected. So a new hot set settles quickly against what was frequent before.
 * - The side that it came from was too small and grows. The step is weighed by the number of ghosts of both sides,
 *   so that the window settles where a byte more of it is worth as much as a byte more of the main region.
 *
 * Shares are of bytes. After a change of the shares the lists approach their new sizes a few entries at a time.
 */
import { entryWord, regionOf, regions } from "./entry.ts";
import { type GhostSide, type GhostTable, ghostSides } from "./ghosts.ts";
import { LruList } from "./lru-list.ts";
import type { FrequencySketch } from "./sketch.ts";
import { type Address, noAddress, type Slab } from "./slab.ts";

const smallestWindowShare = 0.01;
const largestWindowShare = 0.99;
/** Of the main region. */
const protectedShare = 0.8;
/** Entries that one operation may move to bring a list to its size. */
const maxMoves = 4;
/** The sketch forgets half of all after so many requests for each cached entry. */
const requestsPerEntry = 10;
const minSampleSize = 1000;

/** What the policy remembers of keys that need not be cached. */
export interface PolicyMemory {
  readonly sketch: FrequencySketch;
  readonly ghosts: GhostTable;
}

/** How contests ended for the entry of the window. */
export interface ContestCounters {
  admissions: number;
  rejections: number;
}

export class EvictionPolicy {
  readonly #slab: Slab;
  readonly #window: LruList;
  readonly #probation: LruList;
  readonly #protected: LruList;
  readonly #contests: ContestCounters;
  #memory: PolicyMemory;
  #capacityBytes: number;
  #windowShare = smallestWindowShare;
  #windowLimitBytes = 0;
  #protectedLimitBytes = 0;

  constructor(slab: Slab, memory: PolicyMemory, capacityBytes: number, contests: ContestCounters) {
    this.#contests = contests;
    this.#slab = slab;
    this.#window = new LruList(slab, regions.window);
    this.#probation = new LruList(slab, regions.probation);
    this.#protected = new LruList(slab, regions.protected);
    this.#memory = memory;
    this.#capacityBytes = capacityBytes;
    this.#setLimits();
  }

  get windowShare(): number {
    return this.#windowShare;
  }

  resize(memory: PolicyMemory, capacityBytes: number): void {
    this.#memory = memory;
    this.#capacityBytes = capacityBytes;
    this.#setLimits();
  }

  /** A key was asked for, while so many entries are cached. */
  recordRequest(hash: number, entryCount: number): void {
    this.#memory.sketch.increment(hash, Math.max(minSampleSize, requestsPerEntry * entryCount));
  }

  /** The entry was found. */
  recordUse(address: Address): void {
    const list = this.#listOf(address);
    if (list !== this.#probation) {
      list.touch(address);
      return;
    }
    list.remove(address);
    this.#addProtected(address);
  }

  /** Takes in a new entry, beside so many; `nextEviction` says what must go for it. */
  add(address: Address, entryCount: number): void {
    const side = this.#memory.ghosts.take(this.#hashOf(address));
    if (side !== ghostSides.none) this.#learn(side, entryCount);
    this.#shift(this.#window, this.#windowLimitBytes);
    if (side === ghostSides.none) this.#window.addNewest(address);
    else if (side === ghostSides.window) this.#probation.addNewest(address);
    else this.#addProtected(address);
  }

  remove(address: Address): void {
    this.#listOf(address).remove(address);
  }

  /** What to evict, and then to ask again; `noAddress` when the entries fit the cache. */
  nextEviction(): Address {
    if (this.#sizeBytes <= this.#capacityBytes) return noAddress;
    const victim = this.leastValuable();
    const candidate = this.#window.oldest;
    if (candidate === victim) return victim;
    if (this.#window.sizeBytes > this.#windowLimitBytes) {
      if (this.#frequency(candidate) <= this.#frequency(victim)) {
        this.#memory.ghosts.add(this.#hashOf(candidate), ghostSides.window);
        this.#contests.rejections++;
        return candidate;
      }
      this.#contests.admissions++;
      this.#window.remove(candidate);
      this.#probation.addNewest(candidate);
    }
    this.#memory.ghosts.add(this.#hashOf(victim), ghostSides.main);
    return victim;
  }

  /** What to evict where space is needed whatever the cost; `noAddress` when there are no entries. */
  leastValuable(): Address {
    return this.#probation.oldest || this.#protected.oldest || this.#window.oldest;
  }

  get #sizeBytes(): number {
    return this.#window.sizeBytes + this.#probation.sizeBytes + this.#protected.sizeBytes;
  }

  #hashOf(address: Address): number {
    return this.#slab.wordAt(address, entryWord.hash);
  }

  #frequency(address: Address): number {
    return this.#memory.sketch.estimate(this.#hashOf(address));
  }

  #listOf(address: Address): LruList {
    switch (regionOf(this.#slab.wordAt(address, entryWord.attributes))) {
      case regions.window:
        return this.#window;
      case regions.probation:
        return this.#probation;
      case regions.protected:
        return this.#protected;
    }
  }

  #addProtected(address: Address): void {
    this.#protected.addNewest(address);
    this.#shift(this.#protected, this.#protectedLimitBytes);
  }

  /** Moves the oldest entries of a list that is too large to probation. */
  #shift(list: LruList, limitBytes: number): void {
    for (let moves = 0; moves < maxMoves && list.sizeBytes > limitBytes; moves++) {
      const oldest = list.oldest;
      list.remove(oldest);
      this.#probation.addNewest(oldest);
    }
  }

  /** A ghost of this side is back: moves the border by one entry, or more where such ghosts are the fewer. */
  #learn(side: GhostSide, entryCount: number): void {
    const { ghosts } = this.#memory;
    const ratio = (ghosts.count(ghostSides.main) + 1) / (ghosts.count(ghostSides.window) + 1);
    const entries = side === ghostSides.window ? Math.max(1, ratio) : -Math.max(1, 1 / ratio);
    const share = this.#windowShare + entries / entryCount;
    this.#windowShare = Math.min(largestWindowShare, Math.max(smallestWindowShare, share));
    this.#setLimits();
  }

  #setLimits(): void {
    this.#windowLimitBytes = this.#capacityBytes * this.#windowShare;
    this.#protectedLimitBytes = (this.#capacityBytes - this.#windowLimitBytes) * protectedShare;
  }
}
