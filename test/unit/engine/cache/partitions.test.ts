/** Who uses the cache: what it counts for keys that begin alike. */
import { expect, test } from "bun:test";
import { Slice } from "../../../../src/base/bytes.ts";
import { EntryCache } from "../../../../src/engine/cache/cache.ts";
import { headerBytes } from "../../../../src/engine/cache/entry.ts";
import { entryKinds, type FoundEntry } from "../../../../src/engine/internal-key.ts";
import { seededRandom } from "../../../../src/platform/random.ts";

const found: FoundEntry = { value: new Slice(), sequence: 0, kind: entryKinds.value };

class TenantCache {
  readonly cache: EntryCache;

  constructor(budgetBytes = 1 << 20, delimiter: number | undefined = 0x3a) {
    this.cache = new EntryCache(budgetBytes, delimiter);
  }

  get(key: string): boolean {
    return this.cache.get(Buffer.from(key), Buffer.byteLength(key), found);
  }

  put(key: string, valueBytes = 10): void {
    this.cache.put(
      Buffer.from(key),
      Buffer.byteLength(key),
      1,
      entryKinds.value,
      new Slice(new Uint8Array(valueBytes)),
    );
  }

  remove(key: string): void {
    this.cache.remove(Buffer.from(key), Buffer.byteLength(key));
  }

  counts(name: string | undefined) {
    return this.cache.status.partitions.find((partition) => partition.name === name);
  }
}

test("entries, bytes and hits are those of keys that are the same up to the delimiter", () => {
  const cache = new TenantCache();
  cache.put("one:a");
  cache.put("one:b:c", 20);
  cache.put("oneself:a");
  cache.put("no delimiter");
  cache.put("größe:a");
  for (const key of ["one:a", "one:a", "one:b:c", "oneself:a", "no delimiter"])
    expect(cache.get(key)).toBe(true);
  const sizeBytes = 2 * headerBytes + "one:a".length + 10 + "one:b:c".length + 20;
  expect(cache.counts("one")).toEqual({ name: "one", entryCount: 2, sizeBytes, hits: 3, misses: 0 });
  expect(cache.counts("oneself")).toMatchObject({ entryCount: 1, hits: 1 });
  expect(cache.counts(undefined)).toMatchObject({ entryCount: 1, hits: 1 });
  expect(cache.cache.status.partitions.map(({ name }) => name)).toEqual([
    "one",
    "oneself",
    "größe",
    undefined,
  ]);
});

test("entries leave their partition when they are removed, replaced or dropped", () => {
  const cache = new TenantCache();
  for (const key of ["t:a", "t:b", "t:c"]) cache.put(key);
  cache.remove("t:a");
  expect(cache.counts("t")).toMatchObject({ entryCount: 2 });
  cache.put("t:b", 50);
  expect(cache.counts("t")).toMatchObject({
    entryCount: 2,
    sizeBytes: 2 * (headerBytes + "t:b".length) + 50 + 10,
  });
  cache.cache.dropRange(Buffer.from("t:c"), undefined);
  expect(cache.get("t:c")).toBe(false);
  expect(cache.counts("t")).toMatchObject({ entryCount: 1 });
  cache.cache.clear();
  expect(cache.counts("t")).toMatchObject({ entryCount: 0, sizeBytes: 0 });
  cache.put("t:d");
  expect(cache.counts("t")).toMatchObject({ entryCount: 1 });
});

test("partitions add up to the whole, whatever comes and goes, also where there are too many of them", () => {
  const cache = new TenantCache(256 * 1024);
  const random = seededRandom(7);
  for (let round = 0; round < 20_000; round++) {
    const key = `tenant-${random.uint32() % 400}:${random.uint32() % 20}`;
    const choice = random.uint32() % 100;
    if (choice < 90) {
      if (!cache.get(key)) cache.put(key, random.uint32() % 100);
    } else if (choice < 99) cache.remove(key);
    else cache.cache.resize(65_536 + (random.uint32() % (192 * 1024)));
  }
  const { partitions, ...whole } = cache.cache.status;
  const total = (figure: (partition: (typeof partitions)[number]) => number) =>
    partitions.reduce((sum, partition) => sum + figure(partition), 0);
  expect(partitions).toHaveLength(256);
  expect(whole.evictions).toBeGreaterThan(100);
  expect(whole.entryCount).toBeGreaterThan(0);
  expect(total(({ entryCount }) => entryCount)).toBe(whole.entryCount);
  expect(total(({ hits }) => hits)).toBe(whole.hits);
  // Each share is rounded.
  expect(Math.abs(total(({ misses }) => misses) - whole.misses)).toBeLessThan(partitions.length / 2);
  expect(Math.min(...partitions.map(({ sizeBytes }) => sizeBytes))).toBeGreaterThanOrEqual(0);
  expect(partitions.at(-1)).toMatchObject({ name: undefined });
  expect(partitions.at(-1)!.hits).toBeGreaterThan(0);
});

test("misses are estimated well, also where requests come in a pattern", () => {
  const cache = new TenantCache();
  cache.put("often:here");
  cache.put("seldom:here");
  for (let round = 0; round < 4000; round++) {
    for (let i = 0; i < 7; i++) cache.get(`often:${round}-${i}`);
    cache.get(`seldom:${round}`);
  }
  expect(cache.cache.status.misses).toBe(32_000);
  const [often, seldom] = [cache.counts("often")!.misses, cache.counts("seldom")!.misses];
  expect(Math.abs(often - 28_000)).toBeLessThan(1400);
  expect(Math.abs(seldom - 4000)).toBeLessThan(600);
  expect(often + seldom).toBe(32_000);
});

test("asking for what is not there takes no place", () => {
  const cache = new TenantCache();
  for (let i = 0; i < 1000; i++) cache.get(`tenant-${i}:a`);
  cache.put("late:a");
  expect(cache.cache.status.partitions.map(({ name }) => name)).toEqual(["late", undefined]);
});

test("without a delimiter everything is one", () => {
  const cache = new EntryCache(65_536);
  cache.put(Buffer.from("t:a"), 3, 1, entryKinds.value, new Slice(new Uint8Array(1)));
  cache.get(Buffer.from("t:a"), 3, found);
  cache.get(Buffer.from("t:b"), 3, found);
  expect(cache.status.partitions).toMatchObject([{ name: undefined, entryCount: 1, hits: 1, misses: 1 }]);
});

test("contests are counted by how they ended", () => {
  const cache = new TenantCache(65_536);
  const fill = (name: string) => {
    for (let i = 0; i < 2000; i++) if (!cache.get(`${name}:${i}`)) cache.put(`${name}:${i}`);
  };
  fill("once");
  const { insertions, rejections, evictions } = cache.cache.status;
  expect(insertions).toBe(2000);
  expect(rejections).toBeGreaterThan(500);
  expect(evictions).toBe(2000 - cache.cache.status.entryCount);
  for (let i = 0; i < 8; i++)
    for (let key = 0; key < 50; key++) if (!cache.get(`hot:${key}`)) cache.put(`hot:${key}`);
  expect(cache.cache.status.admissions).toBeGreaterThan(0);
});
