/** Plain caches of a number of entries, to compare with; each tells whether a request was a hit. */

export interface ReferenceCache {
  /** Asks for a key, which the cache keeps afterwards. */
  request(key: number): boolean;
}

/** Evicts what was not asked for the longest. */
export class LruCache implements ReferenceCache {
  readonly #capacity: number;
  /** Oldest first. */
  readonly #keys = new Set<number>();

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  request(key: number): boolean {
    const hit = this.#keys.delete(key);
    this.#keys.add(key);
    if (this.#keys.size > this.#capacity) {
      for (const oldest of this.#keys) {
        this.#keys.delete(oldest);
        break;
      }
    }
    return hit;
  }
}

/** Evicts what was asked for least often since it came, of those the one that was not asked for the longest. */
export class LfuCache implements ReferenceCache {
  readonly #capacity: number;
  readonly #counts = new Map<number, number>();
  /** Keys by count, oldest first. */
  readonly #byCount = new Map<number, Set<number>>();
  #smallestCount = 1;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  request(key: number): boolean {
    const count = this.#counts.get(key);
    if (count === undefined) {
      if (this.#counts.size === this.#capacity) this.#evict();
      this.#place(key, 1);
      this.#smallestCount = 1;
      return false;
    }
    const sameCount = this.#byCount.get(count)!;
    sameCount.delete(key);
    if (sameCount.size === 0) {
      this.#byCount.delete(count);
      if (this.#smallestCount === count) this.#smallestCount++;
    }
    this.#place(key, count + 1);
    return true;
  }

  #place(key: number, count: number): void {
    this.#counts.set(key, count);
    const sameCount = this.#byCount.get(count);
    if (sameCount === undefined) this.#byCount.set(count, new Set([key]));
    else sameCount.add(key);
  }

  #evict(): void {
    const smallest = this.#byCount.get(this.#smallestCount)!;
    for (const key of smallest) {
      smallest.delete(key);
      if (smallest.size === 0) this.#byCount.delete(this.#smallestCount);
      this.#counts.delete(key);
      break;
    }
  }
}
