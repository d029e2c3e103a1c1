/** How many entries a skip list says are in a range, against how many there are. */
import { describe, expect, test } from "bun:test";
import { entryKinds } from "../../../../src/engine/internal-key.ts";
import { Arena } from "../../../../src/engine/memtable/arena.ts";
import { Memtable } from "../../../../src/engine/memtable/memtable.ts";
import { SkipList } from "../../../../src/engine/memtable/skip-list.ts";
import { seededRandom } from "../../../../src/platform/random.ts";

const mebibyte = 1 << 20;
const keyOf = (index: number) => Buffer.from(`key-${String(index).padStart(6, "0")}`);

function listOf(indexes: Iterable<number>): SkipList {
  const list = new SkipList(Arena.create(8 * mebibyte), 5);
  list.clear();
  let sequence = 0;
  for (const index of indexes) {
    const key = keyOf(index);
    list.insert(key, key.length, ++sequence, entryKinds.value, key, key.length);
  }
  return list;
}

const upTo = (count: number) => Array.from({ length: count }, (_, index) => index);

describe("an estimate of the entries in a range", () => {
  test("is exact where there are few, at every bound", () => {
    const list = listOf(upTo(12).reverse());
    for (let start = 0; start <= 13; start++) {
      for (let end = 0; end <= 13; end++) {
        const expected = Math.max(0, Math.min(12, end) - start);
        expect(list.estimateCount(keyOf(start), keyOf(end))).toBe(expected);
      }
      expect(list.estimateCount(keyOf(start), undefined)).toBe(Math.max(0, 12 - start));
      expect(list.estimateCount(undefined, keyOf(start))).toBe(Math.min(12, start));
    }
    expect(list.estimateCount(undefined, undefined)).toBe(12);
    expect(listOf([]).estimateCount(undefined, undefined)).toBe(0);
  });

  test("counts every entry of a key", () => {
    const list = listOf([1, 2, 2, 2, 3]);
    expect(list.estimateCount(keyOf(2), keyOf(3))).toBe(3);
  });

  test("errs by less than half, and by a sixth in the mean, where there are many", () => {
    const list = listOf(upTo(40_000));
    const random = seededRandom(3);
    const errors = upTo(300).map(() => {
      const start = random.uint32() % 30_000;
      const count = 100 + (random.uint32() % 9_000);
      return Math.abs(list.estimateCount(keyOf(start), keyOf(start + count)) / count - 1);
    });
    expect(Math.max(...errors)).toBeLessThan(0.5);
    expect(errors.reduce((sum, error) => sum + error, 0) / errors.length).toBeLessThan(1 / 6);
  });
});

test("a memtable's bytes are shared out by the number of entries", () => {
  const memtable = Memtable.create(mebibyte, seededRandom(1));
  expect(memtable.approximateBytes(undefined, undefined)).toBe(0);
  const value = new Uint8Array(100);
  for (const index of upTo(20)) {
    const key = keyOf(index);
    memtable.insert(key, key.length, index + 1, entryKinds.value, value, value.length);
  }
  expect(memtable.approximateBytes(undefined, undefined)).toBe(memtable.usedBytes);
  expect(memtable.approximateBytes(keyOf(0), keyOf(5))).toBe(Math.round(memtable.usedBytes / 4));
  expect(memtable.approximateBytes(keyOf(20), undefined)).toBe(0);
});
