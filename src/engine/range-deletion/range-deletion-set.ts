/**
 * An immutable set of range deletions, and what it covers.
 *
 * Views pin the set of their moment. In an empty set every question costs one branch, else a binary search over the
 * fragments.
 */
import { compareBytes, compareRanges } from "../../base/bytes.ts";
import type { SequenceNumber } from "../internal-key.ts";
import { firstEndingAfter, fragmentsOf } from "./fragments.ts";
import { type DatedTable, isBeforeEnd, mayHoldCovered, type RangeDeletion } from "./range-deletion.ts";

export class RangeDeletionSet {
  readonly deletions: readonly RangeDeletion[];
  /** Of the newest one; 0 in an empty set. */
  readonly largestSequence: SequenceNumber;
  readonly #fragments: readonly RangeDeletion[];

  constructor(deletions: readonly RangeDeletion[]) {
    this.deletions = deletions;
    this.largestSequence = deletions.reduce((largest, { sequence }) => Math.max(largest, sequence), 0);
    this.#fragments = fragmentsOf(deletions);
  }

  get isEmpty(): boolean {
    return this.#fragments.length === 0;
  }

  with(deletion: RangeDeletion): RangeDeletionSet {
    return new RangeDeletionSet([...this.deletions, deletion]);
  }

  /** What was in the set as of `sequence`. */
  asOf(sequence: SequenceNumber): RangeDeletionSet {
    if (this.largestSequence <= sequence) return this;
    return new RangeDeletionSet(this.deletions.filter((deletion) => deletion.sequence <= sequence));
  }

  /**
   * The fragment that holds a key (`length` bytes from `start` on), with the number of the newest deletion there:
   * entries of the key with smaller numbers are covered.
   */
  fragmentAt(bytes: Uint8Array, start: number, length: number): RangeDeletion | undefined {
    const fragments = this.#fragments;
    let low = 0;
    let high = fragments.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const key = fragments[middle]!.start;
      if (compareRanges(key, 0, key.length, bytes, start, length) <= 0) low = middle + 1;
      else high = middle;
    }
    const fragment = fragments[low - 1];
    const end = fragment?.end;
    if (end === undefined || compareRanges(bytes, start, length, end, 0, end.length) < 0) return fragment;
    return undefined;
  }

  /** The number of the deletion that covers an entry; 0 where none does. */
  coveringSequence(
    bytes: Uint8Array,
    start: number,
    length: number,
    sequence: SequenceNumber,
  ): SequenceNumber {
    const fragment = this.fragmentAt(bytes, start, length);
    return fragment !== undefined && fragment.sequence > sequence ? fragment.sequence : 0;
  }

  /** Whether every entry of the table is covered, whatever its key. */
  coversTable({ smallestKey, largestKey, largestSequence }: DatedTable): boolean {
    let position = smallestKey;
    for (let index = firstEndingAfter(this.#fragments, smallestKey); ; index++) {
      const fragment = this.#fragments[index];
      if (fragment === undefined || fragment.sequence <= largestSequence) return false;
      if (compareBytes(fragment.start, position) > 0) return false;
      if (isBeforeEnd(largestKey, fragment.end)) return true;
      position = fragment.end!;
    }
  }

  /** Whether the table may hold an entry that is covered. */
  touchesTable(table: DatedTable): boolean {
    for (let index = firstEndingAfter(this.#fragments, table.smallestKey); ; index++) {
      const fragment = this.#fragments[index];
      if (fragment === undefined || compareBytes(fragment.start, table.largestKey) > 0) return false;
      if (mayHoldCovered(table, fragment)) return true;
    }
  }
}
