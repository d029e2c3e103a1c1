import { describe, expect, test } from "bun:test";
import { seededRandom } from "../../../src/platform/random.ts";
import { compress, decompress, zstdLevels } from "../../../src/platform/zstd.ts";

/** Bytes of which about half repeat. */
function someBytes(length: number, seed = 1): Uint8Array {
  const random = seededRandom(seed);
  return new Uint8Array(length).map((_, i) => (i % 2 === 0 ? random.uint32() : 7));
}

/** Decompresses amid other bytes, and checks that those stay. */
function decompressed(frame: Uint8Array, length: number): Uint8Array | string {
  const source = Uint8Array.from([1, 2, 3, ...frame, 4, 5]);
  const target = new Uint8Array(length + 20).fill(0xee);
  const problem = decompress(source, 3, frame.length, target, 10, length);
  expect(target.slice(0, 10)).toEqual(new Uint8Array(10).fill(0xee));
  expect(target.slice(10 + length)).toEqual(new Uint8Array(10).fill(0xee));
  return problem ?? target.slice(10, 10 + length);
}

describe("zstd", () => {
  test("gives back what it was given, at every level and of any length", () => {
    for (const level of [zstdLevels.least, 3, 9, zstdLevels.most]) {
      for (const length of [1, 2, 100, 255, 256, 4096, 70_000]) {
        const bytes = someBytes(length);
        const frame = compress(bytes, 0, length, level);
        expect(decompressed(frame, length)).toEqual(bytes);
        expect(Bun.zstdDecompressSync(Uint8Array.from(frame)).equals(bytes)).toBe(true);
      }
    }
    const bytes = someBytes(100);
    expect(decompressed(compress(bytes, 10, 90, 3), 80)).toEqual(bytes.slice(10, 90));
  });

  test("gives back what is larger than its window", () => {
    const bytes = someBytes(20 << 20);
    const frame = compress(bytes, 0, bytes.length, 3);
    const target = new Uint8Array(bytes.length);
    expect(decompress(frame, 0, frame.length, target, 0, target.length)).toBeUndefined();
    expect(Bun.hash(target)).toBe(Bun.hash(bytes));
  });

  test("writes no more than it may, and says when there is more or less", () => {
    const frame = compress(someBytes(1000), 0, 1000, 3);
    expect(decompressed(frame, 999)).toBe("there is more");
    expect(decompressed(frame, 1001)).toBe("it ends too early");
    expect(decompressed(frame, 1)).toBe("there is more");
    const zeros = new Uint8Array(64 << 20);
    expect(decompressed(compress(zeros, 0, zeros.length, 1), 4096)).toBe("there is more");
  });

  test("refuses a frame that is cut anywhere, or followed by something", () => {
    const frame = compress(someBytes(300), 0, 300, 3);
    for (let length = 0; length < frame.length; length++) {
      expect(decompressed(frame.slice(0, length), 300)).toBeString();
    }
    expect(decompressed(Uint8Array.from([...frame, 0]), 300)).toBe("there is more");
    expect(decompressed(Uint8Array.from([...frame, ...frame]), 300)).toBe("there is more");
  });

  test("survives any damage, and is right again afterwards", async () => {
    const bytes = someBytes(300);
    const frame = compress(bytes, 0, 300, 3);
    let refusals = 0;
    for (let bit = 0; bit < 8 * frame.length; bit++) {
      const damaged = Uint8Array.from(frame);
      damaged[bit >> 3]! ^= 1 << (bit & 7);
      if (typeof decompressed(damaged, 300) === "string") refusals++;
      expect(decompressed(frame, 300)).toEqual(bytes);
    }
    expect(refusals).toBeGreaterThan(50);
    // An error of the stream underneath would end the process in a later turn.
    await new Promise((resolve) => setImmediate(resolve));
  });
});
