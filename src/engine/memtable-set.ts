/**
 * The memtables in use: one active, and frozen ones that wait for their flush, oldest first. Each has with it the range
 * deletions that were logged while it was active, which its flush puts into the manifest.
 *
 * A memtable is counted: the set holds it until its table is in the version, views hold it for as long as they
 * read it. Its arena is reused once nobody holds it, which saves the page faults of a fresh one; one spare arena
 * is kept at most.
 */
import { assert } from "../base/errors.ts";
import type { Random } from "../platform/random.ts";
import type { FileNumber, SequenceNumber } from "./internal-key.ts";
import { Memtable } from "./memtable/memtable.ts";
import type { MemtableOptions } from "./options.ts";
import type { RangeDeletion } from "./range-deletion/range-deletion.ts";

/** With so many range deletions a memtable counts as full, so that a quiet store gets rid of them. */
export const mostRangeDeletions = 128;

/** A memtable with the commit-log segment where its entries begin. */
export class TrackedMemtable {
  readonly memtable: Memtable;
  readonly firstSegmentNumber: FileNumber;
  /** Ascending by sequence number. */
  readonly rangeDeletions: RangeDeletion[] = [];
  /** The set gave it up; only views hold it. */
  flushed = false;
  #references = 1;
  readonly #unreferenced: (memtable: TrackedMemtable) => void;

  constructor(
    memtable: Memtable,
    firstSegmentNumber: FileNumber,
    unreferenced: (memtable: TrackedMemtable) => void,
  ) {
    this.memtable = memtable;
    this.firstSegmentNumber = firstSegmentNumber;
    this.#unreferenced = unreferenced;
  }

  get isEmpty(): boolean {
    return this.memtable.entryCount === 0 && this.rangeDeletions.length === 0;
  }

  /** Of the newest entry or range deletion; 0 when there is none. */
  get largestSequence(): SequenceNumber {
    return Math.max(this.memtable.largestSequence, this.rangeDeletions.at(-1)?.sequence ?? 0);
  }

  acquire(): this {
    assert(this.#references > 0, "a released memtable was acquired");
    this.#references++;
    return this;
  }

  release(): void {
    assert(this.#references > 0, "a memtable was released twice");
    if (--this.#references === 0) this.#unreferenced(this);
  }
}

export class MemtableSet {
  readonly #options: MemtableOptions;
  readonly #random: Random;
  #active: TrackedMemtable;
  /** Active first, then frozen from the newest to the oldest: the order of reading. */
  #newestFirst: readonly TrackedMemtable[];
  #spare: Memtable | undefined;
  readonly #emptyFreeBytes: number;
  #pinnedCount = 0;

  constructor(options: MemtableOptions, random: Random, firstSegmentNumber: FileNumber) {
    this.#options = options;
    this.#random = random;
    this.#active = this.#create(firstSegmentNumber);
    this.#newestFirst = [this.#active];
    this.#emptyFreeBytes = this.active.freeBytes;
  }

  get active(): Memtable {
    return this.#active.memtable;
  }

  get newestFirst(): readonly TrackedMemtable[] {
    return this.#newestFirst;
  }

  get frozenCount(): number {
    return this.#newestFirst.length - 1;
  }

  /** The frozen memtable to flush next. */
  get oldestFrozen(): TrackedMemtable | undefined {
    return this.frozenCount === 0 ? undefined : this.#newestFirst[this.#newestFirst.length - 1];
  }

  /** The segment from which the log is needed once the oldest frozen memtable is flushed. */
  get segmentAfterOldestFrozen(): FileNumber {
    return this.#newestFirst[this.#newestFirst.length - 2]!.firstSegmentNumber;
  }

  /** Whether there is nothing in the active memtable that a flush would make durable. */
  get activeIsEmpty(): boolean {
    return this.#active.isEmpty;
  }

  /** Of the newest entry or range deletion in all of them; 0 when they are empty. */
  get largestSequence(): SequenceNumber {
    return this.#newestFirst.find(({ isEmpty }) => !isEmpty)?.largestSequence ?? 0;
  }

  /** Arena bytes of flushed memtables that views still hold. */
  get pinnedBytes(): number {
    return this.#pinnedCount * this.#options.maxSizeBytes;
  }

  /** Whether the active memtable has reached the size at which it is flushed. */
  get activeIsFull(): boolean {
    const isCrowded = this.#active.rangeDeletions.length >= mostRangeDeletions;
    return isCrowded || this.active.usedBytes >= this.#options.flushThresholdBytes;
  }

  /** Whether entries that take so much of an arena may go into the active memtable; else it has to freeze. */
  activeTakes(arenaBytes: number): boolean {
    return !this.activeIsFull && arenaBytes <= this.active.freeBytes;
  }

  /** Whether entries that take so much of an arena fit a memtable that is empty. */
  canEverHold(arenaBytes: number): boolean {
    return arenaBytes <= this.#emptyFreeBytes;
  }

  /** For a range deletion that was logged after all entries and before those to come. */
  addRangeDeletion(deletion: RangeDeletion): void {
    this.#active.rangeDeletions.push(deletion);
  }

  /** Freezes the active memtable; entries of the new one begin in the given segment. */
  freeze(firstSegmentNumber: FileNumber): void {
    this.#active = this.#create(firstSegmentNumber);
    this.#newestFirst = [this.#active, ...this.#newestFirst];
  }

  /** Gives up the oldest frozen memtable: its table is in the version. */
  dropOldestFrozen(): void {
    const oldest = this.oldestFrozen;
    assert(oldest !== undefined, "there is no frozen memtable to drop");
    this.#newestFirst = this.#newestFirst.slice(0, -1);
    oldest.flushed = true;
    this.#pinnedCount++;
    oldest.release();
  }

  /** All memtables for a view, one reference each. */
  acquireAll(): readonly TrackedMemtable[] {
    for (const tracked of this.#newestFirst) tracked.acquire();
    return this.#newestFirst;
  }

  #create(firstSegmentNumber: FileNumber): TrackedMemtable {
    const memtable = this.#spare ?? Memtable.create(this.#options.maxSizeBytes, this.#random);
    this.#spare = undefined;
    return new TrackedMemtable(memtable, firstSegmentNumber, (tracked) => this.#recycle(tracked));
  }

  #recycle(tracked: TrackedMemtable): void {
    if (tracked.flushed) this.#pinnedCount--;
    if (this.#spare !== undefined) return;
    tracked.memtable.reset();
    this.#spare = tracked.memtable;
  }
}
