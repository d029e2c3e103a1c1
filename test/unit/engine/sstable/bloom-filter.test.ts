import { describe, expect, test } from "bun:test";
import { GrowableBytes } from "../../../../src/base/growable-bytes.ts";
import { BloomFilter, BloomFilterBuilder, KeyHash } from "../../../../src/engine/sstable/bloom-filter.ts";
import { blockContent } from "../../../../src/engine/sstable/format.ts";
import { seededRandom } from "../../../../src/platform/random.ts";
import { utf8 } from "./table-support.ts";

type KeyShape = (i: number) => Uint8Array;

const random = seededRandom(7);
const bigEndian = (i: number) => new Uint8Array([i >>> 24, i >>> 16, i >>> 8, i]);

const shapes: Record<string, KeyShape> = {
  "decimal, padded": (i) => utf8(`tenant-1:u${String(i).padStart(14, "0")}`),
  "decimal, bare": (i) => utf8(String(i)),
  "four big-endian bytes": bigEndian,
  "four bytes and a long common tail": (i) => new Uint8Array([...bigEndian(i), ...utf8("/".repeat(40))]),
  "one byte repeated": (i) => new Uint8Array(1 + (i >>> 8)).fill(i),
  "random bytes": () => new Uint8Array(16).map(() => random.uint32()),
  paths: (i) => utf8(`tenant:/a/${i % 10}/b/${Math.floor(i / 10) % 100}/c/${Math.floor(i / 1000)}.json`),
};

function filterOf(keys: Uint8Array[], falsePositiveRate: number): BloomFilter {
  const builder = new BloomFilterBuilder(falsePositiveRate);
  for (const key of keys) builder.add(key, 0, key.length);
  const announced = builder.sizeBytes;
  const output = new GrowableBytes(64);
  builder.appendTo(output);
  expect(output.length).toBe(announced);
  return new BloomFilter("f", 0, blockContent("f", 0, output.bytes.slice(0, output.length)));
}

describe("false positives", () => {
  for (const [name, shape] of Object.entries(shapes)) {
    for (const rate of [0.1, 0.01, 0.001]) {
      test(`${name}: ${rate} wanted, at most half as many more let through, no key missed`, () => {
        const count = name === "one byte repeated" ? 5_000 : 20_000;
        const probeCount = name === "one byte repeated" ? count : 5 * count;
        const keys = Array.from({ length: count }, (_, i) => shape(2 * i));
        const filter = filterOf(keys, rate);
        expect(keys.every((key) => filter.mayContain(key, 0, key.length))).toBe(true);
        let letThrough = 0;
        for (let i = 0; i < probeCount; i++) {
          const key = shape(2 * i + 1);
          if (filter.mayContain(key, 0, key.length)) letThrough++;
        }
        // Three standard deviations of chance on top, which matter for small rates only.
        const expected = probeCount * rate;
        expect(letThrough).toBeLessThan(1.5 * expected + 3 * Math.sqrt(expected));
      });
    }
  }
});

describe("the hash, which is part of the format", () => {
  const hashOf = (bytes: Uint8Array, start = 0, length = bytes.length) => {
    const hash = new KeyHash();
    hash.of(bytes, start, length);
    return [hash.first >>> 0, hash.step >>> 0];
  };

  test("never changes", () => {
    const pinned: Record<string, number[]> = {
      "": [2066478199, 3348245849],
      a: [3280038551, 79785821],
      abc: [1740740263, 3450943701],
      abcd: [4252837133, 3736333117],
      "tenant:key": [1982735214, 3480010765],
    };
    for (const [key, hashes] of Object.entries(pinned)) expect(hashOf(utf8(key))).toEqual(hashes);
  });

  test("depends on the key's bytes alone, not on where they lie", () => {
    const key = utf8("a key of some length");
    const around = new Uint8Array(64).fill(0xff);
    around.set(key, 3);
    expect(hashOf(around, 3, key.length)).toEqual(hashOf(key));
  });

  test("tells trailing zeros apart", () => {
    const hashes = Array.from({ length: 12 }, (_, length) => hashOf(new Uint8Array(length)).join());
    expect(new Set(hashes).size).toBe(12);
  });
});

test("a filter of impossible size or probes is refused", () => {
  for (const content of [[], [7], [0, 1], [31, 1]]) {
    expect(() => new BloomFilter("000001.sst", 99, new Uint8Array(content))).toThrow(
      expect.objectContaining({ code: "CORRUPTED_DATA", file: "000001.sst", offset: 99 }),
    );
  }
});
