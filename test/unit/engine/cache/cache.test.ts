import { expect, test } from "bun:test";
import { Slice } from "../../../../src/base/bytes.ts";
import { EntryCache } from "../../../../src/engine/cache/cache.ts";
import { type EntryKind, entryKinds, type FoundEntry } from "../../../../src/engine/internal-key.ts";
import { type Random, seededRandom } from "../../../../src/platform/random.ts";

const kibibyte = 1024;

/** The cache with keys as text; found values are copied. */
class TextCache {
  readonly cache: EntryCache;
  readonly found: FoundEntry = { value: new Slice(), sequence: 0, kind: entryKinds.value };

  constructor(budgetBytes: number) {
    this.cache = new EntryCache(budgetBytes);
  }

  get(key: string): Uint8Array | undefined {
    const bytes = Buffer.from(key);
    return this.cache.get(bytes, bytes.length, this.found) ? this.found.value.copy() : undefined;
  }

  put(key: string, value: Uint8Array, sequence = 1, kind: EntryKind = entryKinds.value): void {
    const bytes = Buffer.from(key);
    this.cache.put(bytes, bytes.length, sequence, kind, new Slice(value));
  }

  remove(key: string): void {
    this.cache.remove(Buffer.from(key), key.length);
  }

  dropRange(start: string | undefined, end: string | undefined): void {
    const bound = (text: string | undefined) => (text === undefined ? undefined : Buffer.from(text));
    this.cache.dropRange(bound(start), bound(end));
  }
}

const encoded = (text: string): Uint8Array => Buffer.from(text);

test("finds what was put, with sequence number and kind", () => {
  const cache = new TextCache(64 * kibibyte);
  expect(cache.get("t:a")).toBeUndefined();
  cache.put("t:a", encoded("one"), 2 ** 40 + 5, entryKinds.tombstone);
  expect(cache.get("t:a")).toEqual(new Uint8Array(encoded("one")));
  expect(cache.found.sequence).toBe(2 ** 40 + 5);
  expect(cache.found.kind).toBe(entryKinds.tombstone);
  cache.put("t:b", new Uint8Array(0), 2 ** 32 - 1);
  expect(cache.get("t:b")).toEqual(new Uint8Array(0));
  expect(cache.found.sequence).toBe(2 ** 32 - 1);
  expect(cache.cache.status).toMatchObject({ hits: 2, misses: 1, evictions: 0, entryCount: 2 });
});

test("looks at no more of the buffers than it is told, and takes part of a value's buffer", () => {
  const { cache, found } = new TextCache(64 * kibibyte);
  cache.put(Buffer.from("key and more"), 3, 1, entryKinds.value, new Slice(Buffer.from("..value.."), 2, 5));
  expect(cache.get(Buffer.from("key!"), 3, found)).toBe(true);
  expect(Buffer.from(found.value.copy()).toString()).toBe("value");
  expect(cache.get(Buffer.from("key!"), 4, found)).toBe(false);
});

test("a put replaces, a remove forgets", () => {
  const cache = new TextCache(64 * kibibyte);
  cache.put("t:a", encoded("old"), 1);
  cache.put("t:a", encoded("newer"), 2);
  expect(cache.get("t:a")).toEqual(new Uint8Array(encoded("newer")));
  cache.remove("t:a");
  cache.remove("t:never");
  expect(cache.get("t:a")).toBeUndefined();
  expect(cache.cache.status.entryCount).toBe(0);
});

test("a dropped range is not found again, but what is put into it afterwards is", () => {
  const cache = new TextCache(64 * kibibyte);
  for (const key of ["s:a", "t:a", "t:b", "u:a"]) cache.put(key, encoded(key));
  cache.dropRange("t:", "t;");
  cache.put("t:b", encoded("again"));
  expect(["s:a", "t:a", "t:b", "u:a"].map((key) => cache.get(key) !== undefined)).toEqual([
    true,
    false,
    true,
    true,
  ]);
  expect(cache.get("t:b")).toEqual(new Uint8Array(encoded("again")));
  cache.dropRange(undefined, undefined);
  expect(cache.get("s:a")).toBeUndefined();
});

test("refuses what is larger than its largest entry, and below its least budget everything", () => {
  const cache = new TextCache(1024 * kibibyte);
  cache.put("t:large", new Uint8Array(2000));
  cache.put("t:fits", new Uint8Array(900));
  expect(cache.get("t:large")).toBeUndefined();
  expect(cache.get("t:fits")).toHaveLength(900);
  for (const budgetBytes of [0, 1, 4096, 32_767]) {
    const none = new TextCache(budgetBytes);
    none.put("t:a", encoded("a"));
    none.remove("t:a");
    none.dropRange(undefined, undefined);
    expect(none.get("t:a")).toBeUndefined();
    expect(none.cache.status).toMatchObject({ entryCount: 0, sizeBytes: 0 });
  }
});

test("an entry whose newer one is too large is forgotten", () => {
  const cache = new TextCache(1024 * kibibyte);
  cache.put("t:a", encoded("small"), 1);
  cache.put("t:a", new Uint8Array(100_000), 2);
  expect(cache.get("t:a")).toBeUndefined();
});

test("memory is taken as it fills, and given back by clear", () => {
  const cache = new TextCache(1024 * kibibyte);
  const emptyBytes = cache.cache.status.sizeBytes;
  expect(emptyBytes).toBeLessThan(64 * kibibyte);
  for (let i = 0; i < 20_000; i++) cache.put(`t:${i}`, new Uint8Array(100));
  const { sizeBytes, evictions } = cache.cache.status;
  expect(sizeBytes).toBeGreaterThan(900 * kibibyte);
  expect(sizeBytes).toBeLessThanOrEqual(1024 * kibibyte);
  expect(evictions).toBeGreaterThan(10_000);
  cache.cache.clear();
  expect(cache.cache.status).toMatchObject({ entryCount: 0, sizeBytes: emptyBytes });
  expect(cache.get("t:19999")).toBeUndefined();
});

test("keys that are asked for stay when it shrinks", () => {
  const cache = new TextCache(1024 * kibibyte);
  const ask = (key: string): void => {
    if (cache.get(key) === undefined) cache.put(key, new Uint8Array(100));
  };
  for (let i = 0; i < 4000; i++) {
    ask(`t:${i}`);
    ask(`hot:${i % 300}`);
  }
  for (const budgetKibibytes of [700, 500, 300, 200]) {
    cache.cache.resize(budgetKibibytes * kibibyte);
    expect(cache.cache.status.sizeBytes).toBeLessThanOrEqual(budgetKibibytes * kibibyte);
    for (let i = 0; i < 300; i++) expect(cache.get(`hot:${i}`)).toBeDefined();
  }
  cache.cache.resize(0);
  expect(cache.cache.status).toMatchObject({ sizeBytes: 0, entryCount: 0, budgetBytes: 0 });
  cache.cache.resize(1024 * kibibyte);
  ask("t:1");
  expect(cache.get("t:1")).toBeDefined();
});

/** Random operations against a map of what may be found: a hit is the newest put, and nothing else. */
class Model {
  readonly #random: Random;
  readonly #cache: TextCache;
  readonly #largestBudgetBytes: number;
  readonly #newest = new Map<string, { value: Uint8Array; sequence: number; kind: EntryKind }>();
  #budgetBytes: number;
  #sequence = 0;
  hitCount = 0;

  constructor(seed: number, largestBudgetBytes: number) {
    this.#random = seededRandom(seed);
    this.#cache = new TextCache(largestBudgetBytes);
    this.#largestBudgetBytes = largestBudgetBytes;
    this.#budgetBytes = largestBudgetBytes;
  }

  step(): void {
    const choice = this.#below(1000);
    if (choice < 500) this.#get();
    else if (choice < 900) this.#put();
    else if (choice < 994) this.#remove();
    else if (choice < 998) this.#dropRange();
    else this.#resize();
    expect(this.#cache.cache.status.sizeBytes).toBeLessThanOrEqual(this.#budgetBytes);
  }

  #below(limit: number): number {
    return this.#random.uint32() % limit;
  }

  /** Low numbers far more often; lengths differ. */
  #key(): string {
    const number = Math.floor(3000 * (this.#random.uint32() / 2 ** 32) ** 3);
    return `${"abcd"[number % 4]}:${"x".repeat(number % 7)}${number}`;
  }

  #get(): void {
    const key = this.#key();
    const value = this.#cache.get(key);
    if (value === undefined) return;
    this.hitCount++;
    const { sequence, kind } = this.#cache.found;
    expect({ value, sequence, kind }).toEqual(this.#newest.get(key)!);
  }

  #put(): void {
    const key = this.#key();
    const longest = this.#below(20) === 0 ? 3000 : 200;
    const value = new Uint8Array(this.#below(longest)).fill(this.#below(256));
    const kind = this.#below(5) === 0 ? entryKinds.tombstone : entryKinds.value;
    const sequence = ++this.#sequence * (this.#below(2) === 0 ? 1 : 2 ** 33);
    this.#cache.put(key, value, sequence, kind);
    this.#newest.set(key, { value, sequence, kind });
  }

  #remove(): void {
    const key = this.#key();
    this.#cache.remove(key);
    this.#newest.delete(key);
  }

  #dropRange(): void {
    const bounds = [this.#key(), this.#key()].sort();
    const start = this.#below(8) === 0 ? undefined : bounds[0];
    const end = this.#below(8) === 0 ? undefined : bounds[1];
    this.#cache.dropRange(start, end);
    for (const key of this.#newest.keys()) {
      if ((start === undefined || key >= start) && (end === undefined || key < end)) this.#newest.delete(key);
    }
  }

  #resize(): void {
    const largest = this.#largestBudgetBytes;
    this.#budgetBytes = [0, this.#below(largest), largest, largest][this.#below(4)]!;
    this.#cache.cache.resize(this.#budgetBytes);
  }
}

for (const [seed, budgetKibibytes] of [
  [1, 33],
  [2, 64],
  [3, 200],
  [4, 1000],
] as const) {
  test(`agrees with a model, seed ${seed}, ${budgetKibibytes} KiB`, () => {
    const model = new Model(seed, budgetKibibytes * kibibyte);
    for (let i = 0; i < 30_000; i++) model.step();
    expect(model.hitCount).toBeGreaterThan(500);
  });
}
