/**
 * Key ranges of which everything stored before a moment is dead, without a walk through the entries.
 *
 * Each dropped range raises the generation by one. An entry keeps the generation at which it was stored; when it is
 * found, only ranges dropped since then can have killed it. The last `keptCount` ranges are kept; what was stored
 * before them and not looked at since counts as dead, which is always safe.
 *
 * Bounds are copied. A range is [start, end); an undefined bound is open.
 */
import { compareRanges } from "../../base/bytes.ts";

const keptCount = 64;

interface DroppedRange {
  readonly start: Uint8Array | undefined;
  readonly end: Uint8Array | undefined;
}

export class DroppedRanges {
  readonly #ranges: DroppedRange[] = [];
  #generation = 0;

  /** Ranges dropped so far. */
  get generation(): number {
    return this.#generation;
  }

  drop(start: Uint8Array | undefined, end: Uint8Array | undefined): void {
    this.#ranges.push({ start: start?.slice(), end: end?.slice() });
    this.#generation++;
    if (this.#ranges.length > keptCount) this.#ranges.shift();
  }

  /** Whether a key (the first `keyLength` bytes) stored at `generation` is dead by now. */
  covers(generation: number, key: Uint8Array, keyLength: number): boolean {
    const first = generation - (this.#generation - this.#ranges.length);
    if (first < 0) return true;
    for (let i = first; i < this.#ranges.length; i++) {
      const { start, end } = this.#ranges[i]!;
      const reachesStart =
        start === undefined || compareRanges(key, 0, keyLength, start, 0, start.length) >= 0;
      if (!reachesStart) continue;
      if (end === undefined || compareRanges(key, 0, keyLength, end, 0, end.length) < 0) return true;
    }
    return false;
  }
}
