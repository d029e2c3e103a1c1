/**
 * Keeps entries that were read from tables in memory, outside the JavaScript heap and within a budget of bytes.
 *
 * The slab holds the entries, the index finds them, the policy says which of them stay. Nothing here allocates per
 * operation, and there is no object per entry.
 *
 * Invariants:
 * 1. A cached entry is the newest of its key outside the memtables. So whoever stores an entry elsewhere removes
 *    the key here in the same turn, and what a look-up in the tables found is put in the turn of the look-up:
 *    between the two there is no newer entry that could be missed.
 * 2. Memory taken never exceeds the budget.
 */
import { copyRange, type Slice } from "../../base/bytes.ts";
import type { EntryKind, FoundEntry, SequenceNumber } from "../internal-key.ts";
import { KeyHash } from "../sstable/bloom-filter.ts";
import { type CacheBudget, divideBudget, segmentSizeBytes } from "./budget.ts";
import { DroppedRanges } from "./dropped-ranges.ts";
import {
  entryWord,
  headerBytes,
  keyLengthOf,
  kindOf,
  packAttributes,
  partitionOf,
  regions,
} from "./entry.ts";
import { GhostTable } from "./ghosts.ts";
import { HashIndex } from "./hash-index.ts";
import { relinkNeighbours } from "./lru-list.ts";
import { CachePartitions, type PartitionStatus } from "./partitions.ts";
import { type ContestCounters, EvictionPolicy, type PolicyMemory } from "./policy.ts";
import { FrequencySketch } from "./sketch.ts";
import { type Address, noAddress, Slab } from "./slab.ts";

export interface CacheStatus {
  readonly hits: number;
  readonly misses: number;
  /** Entries stored. */
  readonly insertions: number;
  /** Entries that were asked for often enough to take the place of another, and those that were not. */
  readonly admissions: number;
  readonly rejections: number;
  /** Entries that made room for others; not those that were removed or dropped. */
  readonly evictions: number;
  readonly entryCount: number;
  /** Memory taken. */
  readonly sizeBytes: number;
  readonly budgetBytes: number;
  /** Share of the entries' bytes that goes to recent ones, whatever their frequency. */
  readonly windowShare: number;
  /** A bounded number of them, then all others together. */
  readonly partitions: readonly PartitionStatus[];
}

/** What there is while the budget is large enough for a cache. */
interface Parts {
  readonly slab: Slab;
  readonly index: HashIndex;
  readonly policy: EvictionPolicy;
  memory: PolicyMemory;
  readonly partitions: CachePartitions;
}

export class EntryCache {
  readonly #segmentBytes: number;
  readonly #hash = new KeyHash();
  readonly #dropped = new DroppedRanges();
  readonly #partitions: CachePartitions;
  readonly #contests: ContestCounters = { admissions: 0, rejections: 0 };
  #budgetBytes: number;
  #parts: Parts | undefined;
  #insertions = 0;
  #evictions = 0;

  /**
   * `largestBudgetBytes` is the budget to begin with, up to 16 GiB; memory is taken as the cache fills. Below
   * 32 KiB it holds nothing. Entries larger than about a thousandth of it, and all above 64 KiB, are not cached.
   * Keys are counted apart by what they begin with up to `partitionDelimiter`, a byte.
   */
  constructor(largestBudgetBytes: number, partitionDelimiter?: number) {
    this.#partitions = new CachePartitions(partitionDelimiter);
    this.#segmentBytes = segmentSizeBytes(largestBudgetBytes);
    this.#budgetBytes = largestBudgetBytes;
    this.#parts = this.#createParts();
  }

  get status(): CacheStatus {
    const parts = this.#parts;
    return {
      hits: this.#partitions.hits,
      misses: this.#partitions.misses,
      insertions: this.#insertions,
      ...this.#contests,
      evictions: this.#evictions,
      entryCount: parts?.index.entryCount ?? 0,
      sizeBytes: parts === undefined ? 0 : memoryOf(parts),
      budgetBytes: this.#budgetBytes,
      windowShare: parts?.policy.windowShare ?? 0,
      partitions: this.#partitions.status(),
    };
  }

  /** Finds the entry of a key (the first `keyLength` bytes). `found.value` is valid until the next call. */
  get(key: Uint8Array, keyLength: number, found: FoundEntry): boolean {
    const parts = this.#parts;
    if (parts === undefined) return false;
    this.#hash.of(key, 0, keyLength);
    const hash = this.#hash.first;
    parts.policy.recordRequest(hash, parts.index.entryCount);
    const address = this.#findLiving(parts, hash, key, keyLength);
    if (address === noAddress) {
      this.#partitions.missed(key, keyLength);
      return false;
    }
    parts.policy.recordUse(address);
    this.#partitions.hit(readEntry(parts.slab, address, found));
    return true;
  }

  /** Whether `get` would find the key; counts as no request. */
  has(key: Uint8Array, keyLength: number): boolean {
    const parts = this.#parts;
    if (parts === undefined) return false;
    this.#hash.of(key, 0, keyLength);
    return this.#findLiving(parts, this.#hash.first, key, keyLength) !== noAddress;
  }

  /**
   * Offers what the tables hold for a key that `get` did not find, in the turn in which they were read; copies it.
   * What is too large or comes too seldom is not kept. `value` must not come from this cache.
   */
  put(key: Uint8Array, keyLength: number, sequence: SequenceNumber, kind: EntryKind, value: Slice): void {
    const parts = this.#parts;
    if (parts === undefined) return;
    this.#hash.of(key, 0, keyLength);
    const hash = this.#hash.first;
    const existing = parts.index.find(hash, key, keyLength);
    if (existing !== noAddress) discard(parts, existing);
    const sizeBytes = headerBytes + keyLength + value.length;
    if (sizeBytes > parts.slab.maxEntryBytes) return;
    const address = this.#allocate(parts, sizeBytes);
    if (address === noAddress) return;
    const partition = this.#partitions.numberFor(key, keyLength);
    const attributes = packAttributes(partition, keyLength, kind, regions.window);
    this.#writeHeader(parts.slab, address, hash, attributes, sequence);
    const bytes = parts.slab.bytesAt(address);
    const keyStart = parts.slab.byteOffset(address) + headerBytes;
    copyRange(key, 0, keyLength, bytes, keyStart);
    copyRange(value.bytes, value.start, value.length, bytes, keyStart + keyLength);
    this.#partitions.added(partition, sizeBytes);
    this.#insertions++;
    parts.index.add(address);
    parts.policy.add(address, parts.index.entryCount);
    this.#evictOverdue(parts);
  }

  /** Forgets a key: it was written. */
  remove(key: Uint8Array, keyLength: number): void {
    const parts = this.#parts;
    if (parts === undefined || parts.index.entryCount === 0) return;
    this.#hash.of(key, 0, keyLength);
    const address = parts.index.find(this.#hash.first, key, keyLength);
    if (address !== noAddress) discard(parts, address);
  }

  /** Forgets the keys in [start, end), an undefined bound being open, in a time that does not depend on them. */
  dropRange(start: Uint8Array | undefined, end: Uint8Array | undefined): void {
    this.#dropped.drop(start, end);
  }

  /** Forgets everything and gives its memory back. */
  clear(): void {
    this.#parts = this.#createParts();
  }

  /**
   * Changes the budget, up to the largest. Giving memory back costs time, some milliseconds for a megabyte of small
   * entries: who wants to give back much without a pause does it in steps.
   */
  resize(budgetBytes: number): void {
    this.#budgetBytes = budgetBytes;
    const budget = divideBudget(budgetBytes, this.#segmentBytes);
    const parts = this.#parts;
    if (budget === undefined || parts === undefined) {
      this.#parts = this.#createParts();
      return;
    }
    if (parts.memory.sketch.sizeBytes !== budget.sketchBytes) parts.memory = createMemory(budget);
    parts.policy.resize(parts.memory, budget.capacityBytes);
    this.#evictOverdue(parts);
    parts.slab.segmentLimit = budget.segmentLimit;
    while (!parts.slab.trim()) this.#evict(parts, parts.policy.leastValuable());
    parts.index.limitBytes = budget.indexBytes;
  }

  #createParts(): Parts | undefined {
    this.#partitions.cleared();
    const budget = divideBudget(this.#budgetBytes, this.#segmentBytes);
    if (budget === undefined) return undefined;
    return createParts(budget, this.#segmentBytes, this.#partitions, this.#contests);
  }

  /** The entry of a key, unless it was in a range that was dropped; then it is forgotten now. */
  #findLiving(parts: Parts, hash: number, key: Uint8Array, keyLength: number): Address {
    const address = parts.index.find(hash, key, keyLength);
    if (address === noAddress) return noAddress;
    const generation = parts.slab.wordAt(address, entryWord.generation) >>> 0;
    if (generation === this.#dropped.generation) return address;
    if (this.#dropped.covers(generation, key, keyLength)) {
      discard(parts, address);
      return noAddress;
    }
    parts.slab.setWord(address, entryWord.generation, this.#dropped.generation);
    return address;
  }

  #allocate(parts: Parts, sizeBytes: number): Address {
    for (;;) {
      const address = parts.slab.allocate(sizeBytes);
      if (address !== noAddress) return address;
      const victim = parts.policy.leastValuable();
      if (victim === noAddress) return noAddress;
      this.#evict(parts, victim);
    }
  }

  #evictOverdue(parts: Parts): void {
    for (let victim = parts.policy.nextEviction(); victim !== noAddress; ) {
      this.#evict(parts, victim);
      victim = parts.policy.nextEviction();
    }
  }

  #evict(parts: Parts, address: Address): void {
    discard(parts, address);
    this.#evictions++;
  }

  #writeHeader(
    slab: Slab,
    address: Address,
    hash: number,
    attributes: number,
    sequence: SequenceNumber,
  ): void {
    slab.setWord(address, entryWord.hash, hash);
    slab.setWord(address, entryWord.attributes, attributes);
    slab.setWord(address, entryWord.sequenceHigh, Math.floor(sequence / 2 ** 32));
    slab.setWord(address, entryWord.sequenceLow, sequence);
    slab.setWord(address, entryWord.generation, this.#dropped.generation);
  }
}

function createParts(
  budget: CacheBudget,
  segmentBytes: number,
  partitions: CachePartitions,
  contests: ContestCounters,
): Parts {
  const slab = new Slab(segmentBytes, budget.segmentLimit, (from, to) => {
    relinkNeighbours(slab, to);
    index.move(from, to);
  });
  const index = new HashIndex(slab, budget.indexBytes);
  const memory = createMemory(budget);
  const policy = new EvictionPolicy(slab, memory, budget.capacityBytes, contests);
  return { slab, index, policy, memory, partitions };
}

function createMemory({ sketchBytes, ghostBytes }: CacheBudget): PolicyMemory {
  return { sketch: new FrequencySketch(sketchBytes), ghosts: new GhostTable(ghostBytes) };
}

function memoryOf(parts: Parts): number {
  const { slab, index, memory } = parts;
  return slab.sizeBytes + index.sizeBytes + memory.sketch.sizeBytes + memory.ghosts.sizeBytes;
}

function discard(parts: Parts, address: Address): void {
  const { slab } = parts;
  const partition = partitionOf(slab.wordAt(address, entryWord.attributes));
  parts.partitions.removed(partition, slab.wordAt(address, entryWord.sizeBytes));
  parts.policy.remove(address);
  parts.index.remove(address);
  parts.slab.free(address);
}

/** Gives the entry's partition. */
function readEntry(slab: Slab, address: Address, found: FoundEntry): number {
  const attributes = slab.wordAt(address, entryWord.attributes);
  const keyLength = keyLengthOf(attributes);
  const sizeBytes = slab.wordAt(address, entryWord.sizeBytes);
  const valueStart = slab.byteOffset(address) + headerBytes + keyLength;
  found.value.set(slab.bytesAt(address), valueStart, sizeBytes - headerBytes - keyLength);
  found.sequence =
    slab.wordAt(address, entryWord.sequenceHigh) * 2 ** 32 +
    (slab.wordAt(address, entryWord.sequenceLow) >>> 0);
  found.kind = kindOf(attributes) as EntryKind;
  return partitionOf(attributes);
}
