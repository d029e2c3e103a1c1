/**
 * Makes what is replayed from the commit log durable: gathers it in lists, which workers write to tables of level 0,
 * more than one at a time, while the log is read on.
 *
 * A list holds half of what a memtable does, so that two workers share the memtable's worth that a crash leaves.
 *
 * Invariants:
 * 1. The edits that name the tables are applied in the order of the log. So what the manifest calls flushed is
 *    without gaps, whichever table is written first.
 * 2. `settle` and `finish` return only when no job runs any more.
 */
import type { Frame } from "../commit-log/frame-cursor.ts";
import { type FlushContext, flushToTable } from "../flush.ts";
import { type FileNumber, isEntryKind, type SequenceNumber } from "../internal-key.ts";
import { mostRangeDeletions } from "../memtable-set.ts";
import { decodeEnd, type RangeDeletion } from "../range-deletion/range-deletion.ts";
import { EntryList, entrySizeBytes } from "./entry-list.ts";

/** Lists whose tables are not in the manifest yet, the one that is being filled aside. */
const mostUnderWay = 2;

export class ReplayedEntries {
  /** Of all entries and range deletions so far; 0 where there were none. */
  largestSequence: SequenceNumber = 0;
  readonly #context: FlushContext;
  readonly #listBytes: number;
  #list: EntryList | undefined;
  /** Of the same stretch of the log as the list. */
  #rangeDeletions: RangeDeletion[] = [];
  /** The manifest's, and all that were replayed. */
  readonly #knownDeletions: RangeDeletion[];
  /** Oldest first; each waits for the one before. */
  readonly #underWay: Promise<void>[] = [];

  constructor(context: FlushContext) {
    this.#context = context;
    this.#listBytes = Math.ceil(context.options.memtable.flushThresholdBytes / 2);
    this.#knownDeletions = [...context.versions.state.rangeDeletions];
  }

  /** Takes the frame's entry. Rejects where a table could not be written or named. */
  async add(frame: Frame): Promise<void> {
    while (!this.tryAdd(frame)) await this.#flush(frame.segmentNumber);
  }

  /** As `add`, within one turn: false, changing nothing, where a list has to be given to a worker first. */
  tryAdd({ kind, key, value, sequence }: Frame): boolean {
    if (isEntryKind(kind)) {
      const list = this.#listFor(key.length, value.length);
      if (!list.add(key, sequence, kind, value)) return false;
    } else {
      if (this.#rangeDeletions.length >= mostRangeDeletions) return false;
      const deletion = { start: key.copy(), end: decodeEnd(value.copy()), sequence };
      this.#rangeDeletions.push(deletion);
      this.#knownDeletions.push(deletion);
    }
    this.largestSequence = sequence;
    return true;
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

  /** An entry that is larger than a list gets one of its own. */
  #listFor(keyLength: number, valueLength: number): EntryList {
    this.#list ??= new EntryList(Math.max(this.#listBytes, entrySizeBytes(keyLength, valueLength)));
    return this.#list;
  }

  async #flush(nextSegment: FileNumber): Promise<void> {
    const list = this.#list;
    const rangeDeletions = this.#rangeDeletions;
    if (list === undefined && rangeDeletions.length === 0) return;
    this.#list = undefined;
    this.#rangeDeletions = [];
    const flushing = flushToTable(this.#context, {
      source: list === undefined ? undefined : { entryList: list.share() },
      entryCount: list?.entryCount ?? 0,
      sizeBytes: list?.usedBytes ?? 0,
      rangeDeletions,
      knownDeletions: [...this.#knownDeletions],
      largestSequence: this.largestSequence,
      lastSequence: this.largestSequence,
      nextSegment,
      previous: this.#underWay.at(-1),
    });
    // A failure is met by whoever waits for this one, which all that follow do.
    flushing.catch(() => {});
    this.#underWay.push(flushing);
    if (this.#underWay.length <= mostUnderWay) return;
    await this.#underWay.shift();
  }
}
