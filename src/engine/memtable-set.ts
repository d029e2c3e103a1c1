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
import { Memtable, type MemtableReader } from "./memtable/memtable.ts";
import type { MemtableOptions } from "./options.ts";
import type { RangeDeletion } from "./range-deletion/range-deletion.ts";
import type { FlushSource } from "./workers/protocol.ts";

/** With so many range deletions a memtable counts as full, so that a quiet store gets rid of them. */
export const mostRangeDeletions = 128;

/** What is asked of a memtable that takes no more entries, whatever it is made of. */
export interface FrozenMemtable
  extends Pick<
    MemtableReader,
    | "find"
    | "newestCursor"
    | "approximateBytes"
    | "entryCount"
    | "tombstoneCount"
    | "usedBytes"
    | "capacityBytes"
    | "smallestSequence"
    | "largestSequence"
  > {
  /** For the worker that writes its table. */
  flushSource(): FlushSource;
}

/** A memtable with the commit-log segment where its entries begin. */
export class TrackedMemtable {
  readonly memtable: FrozenMemtable;
  readonly firstSegmentNumber: FileNumber;
  /** Ascending by sequence number. */
  readonly rangeDeletions: RangeDeletion[];
  /** The set gave it up; only views hold it. */
  flushed = false;
  #references = 1;
  readonly #unreferenced: (memtable: TrackedMemtable) => void;

  constructor(
    memtable: FrozenMemtable,
    rangeDeletions: RangeDeletion[],
    firstSegmentNumber: FileNumber,
    unreferenced: (memtable: TrackedMemtable) => void,
  ) {
    this.memtable = memtable;
    this.rangeDeletions = rangeDeletions;
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
  /** Takes the entries; its place in the order is `#active`. */
  #activeMemtable: Memtable;
  #active: TrackedMemtable;
  /** Active first, then frozen from the newest to the oldest: the order of reading. */
  #newestFirst: readonly TrackedMemtable[];
  #spare: Memtable | undefined;
  readonly #emptyFreeBytes: number;
  #pinnedBytes = 0;

  constructor(options: MemtableOptions, random: Random, firstSegmentNumber: FileNumber) {
    this.#options = options;
    this.#random = random;
    this.#activeMemtable = this.#takeEmpty();
    this.#active = this.#track(this.#activeMemtable, [], firstSegmentNumber);
    this.#newestFirst = [this.#active];
    this.#emptyFreeBytes = this.active.freeBytes;
  }

  get active(): Memtable {
    return this.#activeMemtable;
  }

  get newestFirst(): readonly TrackedMemtable[] {
    return this.#newestFirst;
  }

  get frozenCount(): number {
    return this.#newestFirst.length - 1;
  }

  get frozenBytes(): number {
    return this.#newestFirst.slice(1).reduce((sum, { memtable }) => sum + memtable.capacityBytes, 0);
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
    return this.#pinnedBytes;
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
    this.#activeMemtable = this.#takeEmpty();
    this.#active = this.#track(this.#activeMemtable, [], firstSegmentNumber);
    this.#newestFirst = [this.#active, ...this.#newestFirst];
  }

  /** Of a start, before anything is written: newer than all that are frozen. */
  addReplayed(memtable: FrozenMemtable, deletions: RangeDeletion[], firstSegmentNumber: FileNumber): void {
    const tracked = this.#track(memtable, deletions, firstSegmentNumber);
    this.#newestFirst = [this.#active, tracked, ...this.#newestFirst.slice(1)];
  }

  /** Of a start, after that: entries of the active memtable begin in the given segment. */
  begin(firstSegmentNumber: FileNumber): void {
    assert(this.#active.isEmpty, "entries were written before the log began");
    this.#active = this.#track(this.#activeMemtable, [], firstSegmentNumber);
    this.#newestFirst = [this.#active, ...this.#newestFirst.slice(1)];
  }

  /** Gives up the oldest frozen memtable: its table is in the version. */
  dropOldestFrozen(): void {
    const oldest = this.oldestFrozen;
    assert(oldest !== undefined, "there is no frozen memtable to drop");
    this.#newestFirst = this.#newestFirst.slice(0, -1);
    oldest.flushed = true;
    this.#pinnedBytes += oldest.memtable.capacityBytes;
    oldest.release();
  }

  /** All memtables for a view, one reference each. */
  acquireAll(): readonly TrackedMemtable[] {
    for (const tracked of this.#newestFirst) tracked.acquire();
    return this.#newestFirst;
  }

  #takeEmpty(): Memtable {
    const memtable = this.#spare ?? Memtable.create(this.#options.maxSizeBytes, this.#random);
    this.#spare = undefined;
    return memtable;
  }

  #track(memtable: FrozenMemtable, deletions: RangeDeletion[], firstSegment: FileNumber): TrackedMemtable {
    return new TrackedMemtable(memtable, deletions, firstSegment, (tracked) => this.#recycle(tracked));
  }

  #recycle({ memtable, flushed }: TrackedMemtable): void {
    if (flushed) this.#pinnedBytes -= memtable.capacityBytes;
    if (this.#spare !== undefined || !(memtable instanceof Memtable)) return;
    memtable.reset();
    this.#spare = memtable;
  }
}
