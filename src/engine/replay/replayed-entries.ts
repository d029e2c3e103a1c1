/**
 * Makes what is replayed from the commit log durable: gathers it in lists, which become tables of level 0. A worker
 * writes one table while this thread, turn by turn, writes another and reads the log on.
 *
 * The log is cut into an even number of lists of the same size, so that both threads have as much to do; a small one
 * is not cut, and not worth the start of a worker. Where these would be more tables of level 0 than writes go on beside
 * undelayed, all lists but the first few hold as much as there is room for.
 *
 * Invariants:
 * 1. At most `mostUnderWay` lists and the one that is filled are in memory. With its rows a list is no larger
 *    than a memtable, or than one frame needs.
 * 2. The edits that name the tables are applied in the order of the log. So what the manifest calls flushed is
 *    without gaps, whichever table is written first.
 * 3. `settle` and `finish` return only when no job runs any more.
 */
import type { Frame } from "../commit-log/frame-cursor.ts";
import { type FlushContext, flushToTable } from "../flush.ts";
import { type FileNumber, isEntryKind, type SequenceNumber } from "../internal-key.ts";
import { mostRangeDeletions } from "../memtable-set.ts";
import { decodeEnd, type RangeDeletion } from "../range-deletion/range-deletion.ts";
import { InlineRunner } from "../workers/inline.ts";
import { EntryList, listedSizeBytes } from "./entry-list.ts";
import { WritingThread } from "./writing-thread.ts";

/** Lists whose tables are not in the manifest yet: two that are written, and one that waits for the one before it. */
const mostUnderWay = 3;
/** A log that is cut has more. */
const smallLogBytes = 2 ** 22;

export class ReplayedEntries {
  /** Of all entries and range deletions so far; 0 where there were none. */
  largestSequence: SequenceNumber = 0;
  readonly #context: FlushContext;
  /** Of frames: an even list that has so much takes no more. */
  readonly #evenBytes: number;
  /** So many lists are even; those after them are filled. */
  readonly #evenListCount: number;
  #listCount = 0;
  readonly #threads: readonly WritingThread[];
  #list: EntryList | undefined;
  /** Of the same stretch of the log as the list. */
  #rangeDeletions: RangeDeletion[] = [];
  /** The manifest's, and all that were replayed. */
  readonly #knownDeletions: RangeDeletion[];
  /** Oldest first; each waits for the one before. */
  readonly #underWay: Promise<void>[] = [];

  /** `logBytes`: what the frames to come take at most. */
  constructor(context: FlushContext, logBytes: number) {
    const { environment, options, versions, jobs } = context;
    this.#context = context;
    const mostBytes = Math.ceil(options.memtable.flushThresholdBytes / 2);
    const isSmall = logBytes <= Math.min(smallLogBytes, mostBytes);
    const listCount = isSmall ? 1 : 2 * Math.ceil(logBytes / (2 * mostBytes));
    this.#evenBytes = isSmall ? mostBytes : logBytes / listCount;
    const { l0SlowdownCount } = options.writeStall;
    this.#evenListCount = listCount <= l0SlowdownCount ? listCount : options.compaction.l0TriggerCount;
    const worker = new WritingThread(jobs);
    const thisThread = new WritingThread(new InlineRunner(environment.files, environment.clock));
    this.#threads = isSmall ? [thisThread, worker] : [worker, thisThread];
    this.#knownDeletions = [...versions.state.rangeDeletions];
  }

  /** Makes room for a frame's entries, which `add` takes next. Rejects where a table could not be written or named. */
  async begin(frame: Frame): Promise<void> {
    while (!this.tryBegin(frame)) await this.#flush(frame.segmentNumber);
  }

  /** As `begin`, within one turn: false, changing nothing, where a list has to be given away first. */
  tryBegin(frame: Frame): boolean {
    if (this.#rangeDeletions.length >= mostRangeDeletions) return false;
    const isEven = this.#listCount <= this.#evenListCount;
    if (this.#list !== undefined && isEven && this.#list.frameBytes >= this.#evenBytes) return false;
    this.#list ??= this.#newList(frame);
    return this.#list.tryBegin(frame);
  }

  /** Takes the entry that the frame, the last one that was begun, stands at. */
  add(frame: Frame): void {
    if (isEntryKind(frame.kind)) this.#list!.add(frame);
    else {
      const { key, value, sequence } = frame;
      const deletion = { start: key.copy(), end: decodeEnd(value.copy()), sequence };
      this.#rangeDeletions.push(deletion);
      this.#knownDeletions.push(deletion);
    }
    this.largestSequence = frame.sequence;
  }

  /** All of it is durable on return; the entries to come lie in segment `nextSegment` or later ones. */
  async finish(nextSegment: FileNumber): Promise<void> {
    await this.#flush(nextSegment);
    await Promise.all(this.#underWay);
  }

  /** Waits for the jobs that run, however they end. */
  async settle(): Promise<void> {
    await Promise.allSettled(this.#underWay);
  }

  #newList(frame: Frame): EntryList {
    this.#listCount++;
    const { flushThresholdBytes } = this.#context.options.memtable;
    return new EntryList(Math.max(flushThresholdBytes, listedSizeBytes(frame)));
  }

  async #flush(nextSegment: FileNumber): Promise<void> {
    const list = this.#list;
    const entryCount = list?.entryCount ?? 0;
    const rangeDeletions = this.#rangeDeletions;
    this.#list = undefined;
    this.#rangeDeletions = [];
    if (entryCount === 0 && rangeDeletions.length === 0) return;
    if (this.#underWay.length === mostUnderWay) await this.#underWay.shift();
    const jobs = await this.#freeThread();
    const flushing = flushToTable(
      { ...this.#context, jobs },
      {
        source: entryCount === 0 ? undefined : { entryList: list!.share() },
        entryCount,
        sizeBytes: list?.usedBytes ?? 0,
        rangeDeletions,
        knownDeletions: [...this.#knownDeletions],
        largestSequence: this.largestSequence,
        lastSequence: this.largestSequence,
        nextSegment,
        previous: this.#underWay.at(-1),
      },
    );
    // A failure is met by whoever waits for this one, which all that follow do.
    flushing.catch(() => {});
    this.#underWay.push(flushing);
  }

  async #freeThread(): Promise<WritingThread> {
    for (;;) {
      const free = this.#threads.find((thread) => thread.isFree);
      if (free !== undefined) return free;
      await Promise.race(this.#threads.map((thread) => thread.whenFree()));
    }
  }
}
