/**
 * Where a new table has to end for the sake of the level below: before it lies over too many bytes of it. Keys come
 * in ascending order; below are tables with disjoint, ascending ranges.
 */
import { compareRanges, type Slice } from "../../base/bytes.ts";
import type { OutsideTable } from "./older-records.ts";

export class OutputSplit {
  readonly #below: readonly OutsideTable[];
  readonly #mostOverlapBytes: number;
  #position = 0;
  #overlapBytes = 0;

  constructor(below: readonly OutsideTable[], mostOverlapBytes: number) {
    this.#below = below;
    this.#mostOverlapBytes = mostOverlapBytes;
  }

  /** A new table begins with the key that was asked about last. */
  begin(): void {
    this.#overlapBytes = 0;
  }

  /** Whether the table must end before this key. */
  isDueBefore(key: Slice): boolean {
    const below = this.#below;
    while (this.#position < below.length) {
      const { largestKey, sizeBytes } = below[this.#position]!;
      if (compareRanges(largestKey, 0, largestKey.length, key.bytes, key.start, key.length) >= 0) break;
      this.#overlapBytes += sizeBytes;
      this.#position++;
    }
    return this.#overlapBytes > this.#mostOverlapBytes;
  }
}
