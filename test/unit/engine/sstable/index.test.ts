import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { compareBytes } from "../../../../src/base/bytes.ts";
import { GrowableBytes } from "../../../../src/base/growable-bytes.ts";
import { blockContent, trailerSizeBytes } from "../../../../src/engine/sstable/format.ts";
import { IndexBuilder, TableIndex } from "../../../../src/engine/sstable/index.ts";
import { utf8 } from "./table-support.ts";

const file = "000001.sst";
const offset = 777;
const blockSize = 100;

/** An index over blocks of 100 bytes with these separators. */
function contentOf(separators: readonly Uint8Array[]): Uint8Array {
  const builder = new IndexBuilder();
  separators.forEach((separator, i) => {
    builder.beginBlock(separator, 0, separator.length);
    builder.endBlock(blockSize * (i + 1));
  });
  const output = new GrowableBytes(16);
  const announced = builder.sizeBytes;
  builder.appendTo(output);
  expect(output.length).toBe(announced);
  return blockContent(file, offset, output.bytes.slice(0, output.length)).slice();
}

function indexOf(separators: readonly Uint8Array[]): TableIndex {
  return new TableIndex(file, offset, contentOf(separators), blockSize * separators.length);
}

const key = fc
  .array(fc.constantFrom(0, 97, 98, 255), { maxLength: 6 })
  .map((bytes) => Uint8Array.from(bytes));

test("findBlock is the last block whose separator is at or before the key", () => {
  const separatorSets = fc
    .uniqueArray(key, { maxLength: 30, selector: (each) => each.toHex() })
    .map((keys) => [new Uint8Array(0), ...keys.filter((each) => each.length > 0).sort(compareBytes)]);
  fc.assert(
    fc.property(separatorSets, fc.array(key), (separators, keys) => {
      const index = indexOf(separators);
      for (const target of [...separators, ...keys]) {
        const wanted = separators.findLastIndex((separator) => compareBytes(separator, target) <= 0);
        expect(index.findBlock(target, target.length)).toBe(wanted);
      }
    }),
  );
});

test("blocks and separators are where they were put", () => {
  const separators = ["", "b", "cc"].map(utf8);
  const index = indexOf(separators);
  expect(index.blockCount).toBe(3);
  expect([0, 1, 2].map((i) => index.separator(i))).toEqual(separators);
  expect([0, 1, 2].map((i) => [index.blockStart(i), index.blockEnd(i)])).toEqual([
    [0, 100],
    [100, 200],
    [200, 300],
  ]);
});

describe("refuses an index that is wrong under a right checksum", () => {
  const good = () => contentOf(["", "b", "cc"].map(utf8));
  const opening =
    (content: Uint8Array, dataSizeBytes = 300) =>
    () =>
      new TableIndex(file, offset, content, dataSizeBytes);
  const refusal = (message: string) =>
    expect.objectContaining({
      code: "CORRUPTED_DATA",
      file,
      offset,
      message: expect.stringContaining(message),
    });
  const changed = (at: number, value: number) => {
    const content = good();
    content[at] = value;
    return content;
  };

  const cases: [string, () => unknown, string][] = [
    ["unknown kind", opening(changed(0, 2)), "kind 2"],
    ["nothing at all", opening(new Uint8Array(0)), "kind"],
    ["no rows", opening(changed(1, 0)), "0 rows"],
    ["more rows than there is room for", opening(changed(1, 9)), "9 rows"],
    ["a separator that ends before it begins", opening(changed(21, 0)), "row 2: the separator's end"],
    ["a separator that ends behind the content", opening(changed(13, 200)), "row 1: the separator's end"],
    ["a block that ends before it begins", opening(changed(17, 50)), "row 1: the data block"],
    ["a block shorter than a trailer", opening(changed(17, 100 + trailerSizeBytes)), "row 1: the data block"],
    ["separators out of order", opening(changed(29, 0x7a)), "row 2: the separator does not sort"],
    ["equal separators", opening(contentOf(["", "b", "b"].map(utf8))), "row 2: the separator does not sort"],
    ["bytes after the last separator", opening(Uint8Array.from([...good(), 0])), "ends elsewhere"],
    ["data blocks that end elsewhere", opening(good(), 301), "ends elsewhere"],
  ];
  for (const [name, attempt, message] of cases) {
    test(name, () => expect(attempt).toThrow(refusal(message)));
  }

  test("and takes the good one", () => {
    expect(opening(good())().blockCount).toBe(3);
  });
});
