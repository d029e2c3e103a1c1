/**
 * Passes over the entries of one source (a memtable or a table) that range deletions cover.
 *
 * Where nothing in the source is newer than the deletion, a covered stretch is left by one search for its end.
 * Elsewhere it is gone through entry by entry, since something newer may lie among them.
 */
import type { EntryCursor, SequenceNumber } from "../internal-key.ts";
import { DelegatingCursor } from "../iterator/delegating.ts";
import type { RangeDeletionSet } from "./range-deletion-set.ts";

/** The cursor itself where there are no deletions. `largestSequence`: of the newest entry that it may yield. */
export function surviving(
  source: EntryCursor,
  deletions: RangeDeletionSet,
  largestSequence: SequenceNumber,
): EntryCursor {
  return deletions.isEmpty ? source : new SurvivingCursor(source, deletions, largestSequence);
}

class SurvivingCursor extends DelegatingCursor {
  readonly #source: EntryCursor;
  readonly #deletions: RangeDeletionSet;
  readonly #largestSequence: SequenceNumber;

  constructor(source: EntryCursor, deletions: RangeDeletionSet, largestSequence: SequenceNumber) {
    super();
    this.#source = source;
    this.#deletions = deletions;
    this.#largestSequence = largestSequence;
  }

  override rewind(): void {
    this.#source.rewind();
    this.#settle();
  }

  override seek(key: Uint8Array): void {
    this.#source.seek(key);
    this.#settle();
  }

  override next(): void {
    this.#source.next();
    this.#settle();
  }

  #settle(): void {
    const source = this.#source;
    this.current = undefined;
    while (source.valid) {
      const { bytes, start, length } = source.key;
      const fragment = this.#deletions.fragmentAt(bytes, start, length);
      if (fragment === undefined || fragment.sequence <= source.sequence) {
        this.current = source;
        return;
      }
      if (fragment.sequence <= this.#largestSequence) source.next();
      else if (fragment.end === undefined) return;
      else source.seek(fragment.end);
    }
  }
}
