/**
 * Remembers keys that were evicted lately, and from which side: hashes only, 4 bytes each.
 *
 * A table with one place for each hash: a newer key takes the place of an older one, so that keys are forgotten
 * gradually, after about as many evictions as there are places.
 */

/** Who lost: a candidate from the window, or an entry of the main region. */
export const ghostSides = { none: 0, window: 1, main: 2 } as const;
export type GhostSide = (typeof ghostSides)[keyof typeof ghostSides];

const sideMask = 3;

export class GhostTable {
  readonly #places: Int32Array;
  readonly #mask: number;
  /** By side. */
  readonly #counts = [0, 0, 0];

  /** `sizeBytes`: a power of two, at least 16. */
  constructor(sizeBytes: number) {
    this.#places = new Int32Array(sizeBytes / 4);
    this.#mask = this.#places.length - 1;
    this.#counts[ghostSides.none] = this.#places.length;
  }

  get sizeBytes(): number {
    return this.#places.byteLength;
  }

  /** Keys that are remembered of a side. */
  count(side: GhostSide): number {
    return this.#counts[side]!;
  }

  add(hash: number, side: GhostSide): void {
    const place = hash & this.#mask;
    this.#counts[this.#places[place]! & sideMask]!--;
    this.#counts[side]!++;
    this.#places[place] = (hash & ~sideMask) | side;
  }

  /** The side that a key was evicted from, which is forgotten with this; `none` where it is not known. */
  take(hash: number): GhostSide {
    const place = hash & this.#mask;
    const ghost = this.#places[place]!;
    if ((ghost & ~sideMask) !== (hash & ~sideMask)) return ghostSides.none;
    const side = (ghost & sideMask) as GhostSide;
    this.#counts[side]!--;
    this.#counts[ghostSides.none]!++;
    this.#places[place] = 0;
    return side;
  }
}
