/**
 * Gathers what a start reads from the commit log in lists, each of which takes the place of a frozen memtable. Where
 * these are more than may be held, the oldest is flushed to a table; in a worker thread, while the log is read on, as
 * soon as it is known that there will be too many.
 *
 * Invariants:
 * 1. In memory are `maxReplayedBytes` of lists, or as many lists as memtables of a store at work, the active one
 *    counted, if that is more. No list is larger than a memtable is when it freezes, or than one frame needs; and there
 *    are 9 bytes for each entry of the list that is being sorted.
 * 2. `settle` and `flushAll` return only when no flush runs any more.
 */
import type { Frame } from "../commit-log/frame-cursor.ts";
import { type FlushContext, flushOldestFrozen } from "../flush.ts";
import { type FileNumber, isEntryKind, type SequenceNumber } from "../internal-key.ts";
import { mostRangeDeletions } from "../memtable-set.ts";
import { decodeEnd, type RangeDeletion } from "../range-deletion/range-deletion.ts";
import { EntryList, listedSizeBytes } from "./entry-list.ts";
import { ReplayedMemtable } from "./replayed-memtable.ts";

/** With more of smallest entries a list could not be sorted. */
const mostListBytes = 2 ** 28;

export class LogLoader {
  /** Of all entries and range deletions so far; 0 where there were none. */
  largestSequence: SequenceNumber = 0;
  readonly #context: FlushContext;
  readonly #listBytes: number;
  #list: EntryList | undefined;
  /** Of the same stretch of the log as the list. */
  #rangeDeletions: RangeDeletion[] = [];
  /** Where the stretch begins. */
  #segmentNumber: FileNumber | undefined;
  #flushing: Promise<void> | undefined;

  constructor(context: FlushContext) {
    this.#context = context;
    this.#listBytes = Math.min(mostListBytes, context.options.memtable.flushThresholdBytes);
  }

  /** Makes room for a frame's entries, which `add` takes next. Rejects where a list had to be flushed and could not be. */
  async begin(frame: Frame, remainingLogBytes: number): Promise<void> {
    while (!this.tryBegin(frame)) await this.#freeze(remainingLogBytes);
  }

  /** As `begin`, within one turn: false, changing nothing, where a list has to be frozen first. */
  tryBegin(frame: Frame): boolean {
    if (this.#rangeDeletions.length >= mostRangeDeletions) return false;
    this.#list ??= new EntryList(Math.max(this.#listBytes, listedSizeBytes(frame)));
    if (!this.#list.tryBegin(frame)) return false;
    this.#segmentNumber ??= frame.segmentNumber;
    return true;
  }

  /** Takes the entry that the frame, the last one that was begun, stands at. */
  add(frame: Frame): void {
    if (isEntryKind(frame.kind)) this.#list!.add(frame);
    else {
      const { key, value, sequence } = frame;
      this.#rangeDeletions.push({ start: key.copy(), end: decodeEnd(value.copy()), sequence });
    }
    this.largestSequence = frame.sequence;
  }

  /** After the last frame: what comes from now on lies in segment `nextSegment` or later ones. */
  async finish(nextSegment: FileNumber): Promise<void> {
    await this.#freeze(0);
    await this.settle();
    this.#context.memtables.begin(nextSegment);
  }

  /** After `finish`: makes tables of all that was replayed. */
  async flushAll(): Promise<void> {
    while (this.#context.memtables.frozenCount > 0) await this.#flush();
  }

  /** Waits for the flush that runs, however it ends. */
  async settle(): Promise<void> {
    await this.#flushing?.catch(() => {});
  }

  async #freeze(remainingLogBytes: number): Promise<void> {
    const { memtables } = this.#context;
    const list = this.#list ?? new EntryList(0);
    const rangeDeletions = this.#rangeDeletions;
    if (list.entryCount > 0 || rangeDeletions.length > 0) {
      while (!this.#mayHold(1, list.bytes.length)) await this.#flush();
      memtables.addReplayed(ReplayedMemtable.from(list), rangeDeletions, this.#segmentNumber!);
      const remainingCount = Math.max(1, Math.floor(remainingLogBytes / this.#listBytes));
      if (remainingLogBytes > 0 && !this.#mayHold(remainingCount, remainingLogBytes)) void this.#flush();
    }
    this.#list = undefined;
    this.#rangeDeletions = [];
    this.#segmentNumber = undefined;
  }

  /** Whether so many further lists may be held, which take so much memory together. */
  #mayHold(count: number, sizeBytes: number): boolean {
    const { memtables, options } = this.#context;
    const { maxFrozenCount, maxReplayedBytes } = options.memtable;
    return (
      memtables.frozenCount + count <= maxFrozenCount + 1 ||
      memtables.frozenBytes + sizeBytes <= maxReplayedBytes
    );
  }

  /** Flushes the oldest one, or waits for its flush. */
  #flush(): Promise<void> {
    this.#flushing ??= flushOldestFrozen(this.#context).finally(() => {
      this.#flushing = undefined;
    });
    // A failure is met by whoever waits, or else by the flusher of the open store.
    this.#flushing.catch(() => {});
    return this.#flushing;
  }
}
