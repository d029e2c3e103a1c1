import { describe, expect, test } from "bun:test";
import { GrowableBytes } from "../../../../src/base/growable-bytes.ts";
import { readUint32, writeUint32 } from "../../../../src/base/integers.ts";
import {
  compressContent,
  decompressContent,
  uncompressedLength,
} from "../../../../src/engine/sstable/compression.ts";
import { compressions } from "../../../../src/engine/sstable/format.ts";
import { seededRandom } from "../../../../src/platform/random.ts";

const file = "000001.sst";
const corrupted = (message: string) =>
  expect.objectContaining({
    code: "CORRUPTED_DATA",
    file,
    offset: 4096,
    message: expect.stringContaining(message),
  });

/** Behind three other bytes. */
function outputOf(content: Uint8Array): GrowableBytes {
  const output = new GrowableBytes(16);
  output.appendRange(Uint8Array.from([1, 2, 3]), 0, 3);
  output.appendRange(content, 0, content.length);
  return output;
}

/** So many bytes that repeat, and noise behind them. */
function someBytes(repeatingLength: number, noiseLength: number): Uint8Array {
  const random = seededRandom(1);
  const noise = new Uint8Array(noiseLength).map(() => random.uint32());
  return Buffer.concat([new Uint8Array(repeatingLength), noise]);
}

describe("the content of a block", () => {
  test("is compressed, with its length, and comes back", () => {
    for (const length of [30, 1000, 70_000]) {
      const content = someBytes(length, length);
      const output = outputOf(content);
      expect(compressContent(output, 3, "zstd", 3)).toBe(compressions.zstd);
      expect([...output.bytes.slice(0, 3)]).toEqual([1, 2, 3]);
      expect(readUint32(output.bytes, 3)).toBe(content.length);
      expect(uncompressedLength(file, 4096, output.bytes, 3, output.length)).toBe(content.length);
      const target = new Uint8Array(content.length + 10);
      decompressContent(file, 4096, output.bytes, 3, output.length, target, 5);
      expect(target.slice(5, -5)).toEqual(new Uint8Array(content));
    }
  });

  test("stays as it is without compression, and where it does not shrink by an eighth", () => {
    for (const [content, compression] of [
      [someBytes(1000, 0), "none"],
      [someBytes(0, 1000), "zstd"],
      // 128 bytes less, and about 20 more for headers.
      [someBytes(128, 896), "zstd"],
      [someBytes(1, 0), "zstd"],
    ] as const) {
      const output = outputOf(content);
      expect(compressContent(output, 3, compression, 3)).toBe(compressions.none);
      expect(output.bytes.slice(3, output.length)).toEqual(new Uint8Array(content));
    }
    expect(compressContent(outputOf(someBytes(160, 864)), 3, "zstd", 3)).toBe(compressions.zstd);
  });

  test("stays as it is past 32 MiB", () => {
    expect(compressContent(outputOf(new Uint8Array(2 ** 25)), 3, "zstd", 1)).toBe(compressions.zstd);
    expect(compressContent(outputOf(new Uint8Array(2 ** 25 + 1)), 3, "zstd", 1)).toBe(compressions.none);
  });

  test("is refused where its length is impossible or wrong", () => {
    const output = outputOf(someBytes(1000, 10));
    compressContent(output, 3, "zstd", 3);
    const { bytes, length: end } = output;
    const target = new Uint8Array(2000);
    const read = () => decompressContent(file, 4096, bytes, 3, end, target, 0);
    expect(() => uncompressedLength(file, 4096, bytes, 3, 7)).toThrow(corrupted("less than its header"));
    writeUint32(bytes, 3, 1009);
    expect(read).toThrow(corrupted("there is more"));
    writeUint32(bytes, 3, 1011);
    expect(read).toThrow(corrupted("ends too early"));
    for (const length of [2 ** 25 + 1, 2 ** 32 - 1]) {
      writeUint32(bytes, 3, length);
      expect(() => uncompressedLength(file, 4096, bytes, 3, end)).toThrow(corrupted(`cannot hold ${length}`));
    }
  });
});
