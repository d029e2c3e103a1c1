/**
 * Answers, for ascending keys, whether a record older than a given one may lie in a table outside the job: then a
 * tombstone has to stay, or that record would come back to life.
 *
 * Each run holds tables with disjoint, ascending ranges and is gone through once.
 */
import { compareRanges, type Slice } from "../../base/bytes.ts";
import type { SequenceNumber } from "../internal-key.ts";
import type { KeyRange } from "./plan.ts";

/** A table that stays where it is. */
export interface OutsideTable extends KeyRange {
  readonly smallestSequence: SequenceNumber;
  readonly sizeBytes: number;
}

export class OlderRecords {
  readonly #runs: readonly (readonly OutsideTable[])[];
  /** By run: the first table that does not end before the last key asked for. */
  readonly #positions: number[];

  constructor(runs: readonly (readonly OutsideTable[])[]) {
    this.#runs = runs;
    this.#positions = runs.map(() => 0);
  }

  /** Keys come in ascending order. */
  mayExist(key: Slice, sequence: SequenceNumber): boolean {
    return this.#runs.some((run, index) => {
      let position = this.#positions[index]!;
      while (position < run.length && compareToKey(run[position]!.largestKey, key) < 0) position++;
      this.#positions[index] = position;
      const table = run[position];
      return (
        table !== undefined && table.smallestSequence < sequence && compareToKey(table.smallestKey, key) <= 0
      );
    });
  }
}

function compareToKey(bound: Uint8Array, key: Slice): number {
  return compareRanges(bound, 0, bound.length, key.bytes, key.start, key.length);
}
