import { expect, test } from "bun:test";
import { type Address, minSegmentBytes, noAddress, Slab } from "../../../../src/engine/cache/slab.ts";
import { seededRandom } from "../../../../src/platform/random.ts";

const segmentLimit = 8;

/** A slab whose entries carry their name behind the size word, and where they are to be found. */
function filledSlab() {
  const places = new Map<number, Address>();
  const slab = new Slab(minSegmentBytes, segmentLimit, (_, to) => places.set(slab.wordAt(to, 1), to));
  const add = (name: number, sizeBytes: number): boolean => {
    const address = slab.allocate(sizeBytes);
    if (address === noAddress) return false;
    slab.setWord(address, 1, name);
    slab.bytesAt(address).fill(name, slab.byteOffset(address) + 8, slab.byteOffset(address) + sizeBytes);
    places.set(name, address);
    return true;
  };
  const remove = (name: number): void => {
    slab.free(places.get(name)!);
    places.delete(name);
  };
  const check = (): void => {
    for (const [name, address] of places) {
      expect(slab.wordAt(address, 1)).toBe(name);
      const end = slab.byteOffset(address) + slab.wordAt(address, 0);
      const content = slab.bytesAt(address).subarray(slab.byteOffset(address) + 8, end);
      expect(content.every((byte) => byte === (name & 255))).toBe(true);
    }
  };
  return { slab, places, add, remove, check };
}

test("takes memory segment by segment, and keeps one in reserve", () => {
  const { slab, add } = filledSlab();
  expect(slab.sizeBytes).toBe(0);
  let count = 0;
  while (add(count, 128)) expect(slab.sizeBytes).toBe(Math.ceil(++count / 32) * minSegmentBytes);
  expect(count).toBe((segmentLimit - 1) * 32);
});

test("uses the holes of freed entries, and entries survive their moves", () => {
  const { slab, places, add, remove, check } = filledSlab();
  const random = seededRandom(7);
  let name = 0;
  for (let i = 0; i < 20_000; i++) {
    const sizeBytes = 12 + (random.uint32() % (slab.maxEntryBytes - 11));
    while (!add(name, sizeBytes)) {
      const names = [...places.keys()];
      remove(names[random.uint32() % names.length]!);
    }
    name++;
    if (i % 1000 === 0) check();
  }
  check();
  expect(slab.sizeBytes).toBe(segmentLimit * minSegmentBytes);
  const live = [...places.values()].reduce((sum, address) => sum + slab.wordAt(address, 0), 0);
  expect(live).toBeGreaterThan(0.85 * (segmentLimit - 1) * minSegmentBytes);
});

test("a segment is reused when its last entry goes", () => {
  const { slab, add, remove } = filledSlab();
  for (let name = 0; name < 10_000; name++) {
    expect(add(name, 200)).toBe(true);
    if (name >= 20) remove(name - 20);
  }
  expect(slab.sizeBytes).toBeLessThanOrEqual(3 * minSegmentBytes);
});

test("gives memory back down to a lower limit", () => {
  const { slab, places, add, remove, check } = filledSlab();
  let name = 0;
  while (add(name, 100)) name++;
  slab.segmentLimit = 4;
  while (!slab.trim()) remove(places.keys().next().value!);
  expect(slab.sizeBytes).toBeLessThanOrEqual(4 * minSegmentBytes);
  check();
  expect(places.size).toBeGreaterThan(80);
  slab.segmentLimit = segmentLimit;
  while (add(name, 100)) name++;
  expect(slab.sizeBytes).toBe((segmentLimit - 1) * minSegmentBytes);
  check();
});

test("a double free is a bug that shows", () => {
  const { slab, add, places } = filledSlab();
  add(1, 64);
  slab.free(places.get(1)!);
  expect(() => slab.free(places.get(1)!)).toThrow("freed twice");
});
