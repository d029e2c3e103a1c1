import { describe, expect, test } from "bun:test";
import { GrowableBytes } from "../../../../src/base/growable-bytes.ts";
import { writeUint32 } from "../../../../src/base/integers.ts";
import {
  appendFooter,
  blockContent,
  blockProblem,
  compressions,
  type Footer,
  footerSizeBytes,
  readFooter,
  sealBlock,
} from "../../../../src/engine/sstable/format.ts";
import { appendProperties, readProperties } from "../../../../src/engine/sstable/properties.ts";
import { sealed, utf8 } from "./table-support.ts";

const file = "000001.sst";
const corrupted = (offset: number, message: string) =>
  expect.objectContaining({
    code: "CORRUPTED_DATA",
    file,
    offset,
    message: expect.stringContaining(message),
  });

describe("a block's trailer", () => {
  test("gives the content back", () => {
    expect(blockContent(file, 5, sealed(utf8("content")))).toEqual(utf8("content"));
  });

  test("finds every flipped bit", () => {
    const block = sealed(utf8("content"));
    for (let bit = 0; bit < 8 * block.length; bit++) {
      const flipped = block.slice();
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      expect(() => blockContent(file, 5, flipped)).toThrow(corrupted(5, "checksum"));
    }
  });

  test("refuses a block shorter than itself", () => {
    expect(blockProblem(new Uint8Array(4), 0, 4)).toContain("4 bytes");
  });

  test("refuses a compression of a later program", () => {
    const block = sealed(utf8("content"));
    block[block.length - 5] = 2;
    writeUint32(block, block.length - 4, Bun.hash.crc32(block.subarray(0, block.length - 4)));
    expect(() => blockContent(file, 5, block)).toThrow(corrupted(5, "compression 2"));
  });

  test("takes a compressed block, but not for a filter, an index or properties", () => {
    const output = new GrowableBytes(16);
    output.appendRange(utf8("content"), 0, 7);
    sealBlock(output, 0, compressions.zstd);
    const block = output.bytes.slice(0, output.length);
    expect(blockProblem(block, 0, block.length)).toBeUndefined();
    expect(() => blockContent(file, 5, block)).toThrow(corrupted(5, "which only data blocks have"));
  });
});

describe("the footer", () => {
  const sizeBytes = 1000;
  const footerOffset = sizeBytes - footerSizeBytes;
  const footer: Footer = { filterOffset: 500, indexOffset: 600, propertiesOffset: 800 };
  const bytesOf = (of: Footer) => {
    const output = new GrowableBytes(footerSizeBytes);
    appendFooter(output, of);
    return output.bytes.slice(0, output.length);
  };

  test("is read back, from the footer alone or a longer end of the file", () => {
    const placed = { ...footer, footerOffset };
    expect(readFooter(file, sizeBytes, bytesOf(footer))).toEqual(placed);
    expect(readFooter(file, sizeBytes, Uint8Array.from([1, 2, 3, ...bytesOf(footer)]))).toEqual(placed);
  });

  test("finds every flipped bit", () => {
    for (let bit = 0; bit < 8 * footerSizeBytes; bit++) {
      const flipped = bytesOf(footer);
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      expect(() => readFooter(file, sizeBytes, flipped)).toThrow(
        expect.objectContaining({ code: "CORRUPTED_DATA" }),
      );
    }
  });

  test("refuses blocks out of order or too short for their trailer", () => {
    const wrong: Partial<Footer>[] = [
      { filterOffset: 4 },
      { filterOffset: 600 },
      { indexOffset: 504 },
      { indexOffset: 801 },
      { propertiesOffset: footerOffset - 4 },
      { propertiesOffset: 2000 },
    ];
    for (const part of wrong) {
      const bytes = bytesOf({ ...footer, ...part });
      expect(() => readFooter(file, sizeBytes, bytes)).toThrow(corrupted(footerOffset, "out of order"));
    }
  });

  test("refuses a later format and says what to do", () => {
    const bytes = bytesOf(footer);
    bytes[12] = 2;
    writeUint32(bytes, 16, Bun.hash.crc32(bytes.subarray(0, 16)));
    expect(() => readFooter(file, sizeBytes, bytes)).toThrow(
      expect.objectContaining({
        code: "SSTABLE_FAILED",
        message: expect.stringMatching(/the table has format 2; .* use one that is newer/),
      }),
    );
  });

  test("refuses files that are too short or too long to be a table", () => {
    expect(() => readFooter(file, 27, new Uint8Array(27))).toThrow(corrupted(0, "27 bytes"));
    expect(() => readFooter(file, 2 ** 32, bytesOf(footer))).toThrow(corrupted(0, "4294967296 bytes"));
  });
});

describe("properties", () => {
  const properties = {
    entryCount: 3,
    tombstoneCount: 1,
    smallestSequence: 7,
    largestSequence: Number.MAX_SAFE_INTEGER,
    dataSizeBytes: 2 ** 32 - 1,
    uncompressedDataBytes: 2 ** 32 - 1,
    createdAtMs: 1_700_000_000_000,
    smallestKey: utf8("a"),
    largestKey: utf8("zebra"),
  };
  const content = (uncompressedDataBytes = properties.uncompressedDataBytes) => {
    const output = new GrowableBytes(16);
    appendProperties(output, { ...properties, uncompressedDataBytes });
    return blockContent(file, 9, output.bytes.slice(0, output.length)).slice();
  };

  test("are read back", () => {
    expect(readProperties(file, 9, content())).toEqual(properties);
  });

  test("take eight bytes more where blocks are compressed", () => {
    const compressed = content(2 ** 40);
    expect(compressed.length).toBe(content().length + 8);
    expect(readProperties(file, 9, compressed)).toEqual({ ...properties, uncompressedDataBytes: 2 ** 40 });
  });

  test("are refused where lengths do not fit or a number is too large", () => {
    const longer = Uint8Array.from([...content(), 0]);
    const hugeKey = content();
    hugeKey[51] = 255;
    const hugeNumber = content();
    hugeNumber[7] = 255;
    expect(() => readProperties(file, 9, new Uint8Array(55))).toThrow(corrupted(9, "take 55 bytes"));
    expect(() => readProperties(file, 9, longer)).toThrow(corrupted(9, "instead of"));
    expect(() => readProperties(file, 9, hugeKey)).toThrow(corrupted(9, "instead of"));
    expect(() => readProperties(file, 9, hugeNumber)).toThrow(corrupted(9, "out of range"));
  });
});
