/** Runs a trace through the entry cache and through plain caches of as many entries, and counts hits. */
import { Slice } from "../../src/base/bytes.ts";
import { EntryCache } from "../../src/engine/cache/cache.ts";
import { entryKinds, type FoundEntry } from "../../src/engine/internal-key.ts";
import type { Trace } from "./cache-traces.ts";
import { LfuCache, LruCache, type ReferenceCache } from "./reference-caches.ts";

/** Hit ratios, 0 to 1. */
export interface ContestResult {
  readonly ours: number;
  readonly lru: number;
  readonly lfu: number;
  readonly windowShare: number;
}

const keyLength = 16;
const value = new Slice(new Uint8Array(100));

/** An entry cache that is asked for numbers. */
export class NumberedCache implements ReferenceCache {
  readonly cache: EntryCache;
  readonly #key = new Uint8Array(keyLength);
  readonly #view = new DataView(this.#key.buffer);
  readonly #found: FoundEntry = { value: new Slice(), sequence: 0, kind: entryKinds.value };

  constructor(budgetBytes: number) {
    this.cache = new EntryCache(budgetBytes);
  }

  request(number: number): boolean {
    this.#view.setUint32(keyLength - 4, number);
    if (this.cache.get(this.#key, keyLength, this.#found)) return true;
    this.cache.put(this.#key, keyLength, 1, entryKinds.value, value);
    return false;
  }
}

/** Entries that such a cache holds once it is full. */
export function entriesWithin(budgetBytes: number): number {
  const filled = new NumberedCache(budgetBytes);
  while (filled.cache.status.evictions < 100) filled.request(filled.cache.status.misses);
  return filled.cache.status.entryCount;
}

/** The caches hold one twentieth of the keys. */
export function runContest(trace: Trace, budgetBytes: number, rounds: number, seed: number): ContestResult {
  const cachedCount = entriesWithin(budgetBytes);
  const keyCount = 20 * cachedCount;
  const requests = trace({ keyCount, cachedCount, requestCount: rounds * cachedCount }, seed);
  const ours = new NumberedCache(budgetBytes);
  return {
    ours: hitRatio(ours, requests),
    lru: hitRatio(new LruCache(cachedCount), requests),
    lfu: hitRatio(new LfuCache(cachedCount), requests),
    windowShare: ours.cache.status.windowShare,
  };
}

function hitRatio(cache: ReferenceCache, requests: Uint32Array): number {
  let hits = 0;
  for (const key of requests) if (cache.request(key)) hits++;
  return hits / requests.length;
}
