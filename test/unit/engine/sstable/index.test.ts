import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { compareBytes } from "../../../../src/base/bytes.ts";
import { StorageError } from "../../../../src/base/errors.ts";
import { GrowableBytes } from "../../../../src/base/growable-bytes.ts";
import { writeUint32 } from "../../../../src/base/integers.ts";
import { blockContent, trailerSizeBytes } from "../../../../src/engine/sstable/format.ts";
import { type PartitionSource, TableIndex } from "../../../../src/engine/sstable/index.ts";
import { IndexBuilder } from "../../../../src/engine/sstable/index-builder.ts";
import { utf8 } from "./table-support.ts";

const file = "000001.sst";
const offset = 777;
const blockSize = 100;

/** What a builder has made: the index block's content, and the partitions, which begin where the data blocks end. */
interface Built {
  readonly content: Uint8Array;
  readonly partitions: Uint8Array;
  readonly dataSizeBytes: number;
}

/** An index over blocks of 100 bytes with these separators. */
function build(separators: readonly Uint8Array[], partitionBytes = Number.POSITIVE_INFINITY): Built {
  const builder = new IndexBuilder(partitionBytes);
  separators.forEach((separator, i) => {
    builder.beginBlock(separator, 0, separator.length);
    builder.endBlock(blockSize * (i + 1));
  });
  const output = new GrowableBytes(16);
  const announced = builder.sizeBytes;
  builder.appendPartitions(output);
  const partitionsEnd = output.length;
  builder.appendTo(output);
  expect(output.length).toBe(announced);
  return {
    content: blockContent(file, offset, output.bytes.slice(partitionsEnd, output.length)).slice(),
    partitions: output.bytes.slice(0, partitionsEnd),
    dataSizeBytes: blockSize * separators.length,
  };
}

/** Loads each partition as a copy. */
function open(built: Built, overrides: Partial<PartitionSource> = {}): TableIndex {
  const { content, partitions, dataSizeBytes } = built;
  const source: PartitionSource = {
    load: (start, end, partition) =>
      partition.set(partitions.slice(start - dataSizeBytes, end - dataSizeBytes), 0, end - start),
    isMapped: false,
    usesPrefixes: false,
    ...overrides,
  };
  return new TableIndex(file, offset, content, dataSizeBytes + partitions.length, source);
}

const key = fc
  .array(fc.constantFrom(0, 97, 98, 255), { maxLength: 6 })
  .map((bytes) => Uint8Array.from(bytes));

const partitionSizes = fc.constantFrom(1, 30, 50, Number.POSITIVE_INFINITY);

test("findBlock is the last block whose separator is at or before the key", () => {
  const separatorSets = fc
    .uniqueArray(key, { maxLength: 30, selector: (each) => each.toHex() })
    .map((keys) => [new Uint8Array(0), ...keys.filter((each) => each.length > 0).sort(compareBytes)]);
  fc.assert(
    fc.property(
      separatorSets,
      fc.array(key),
      partitionSizes,
      fc.boolean(),
      (separators, keys, partitionBytes, usesPrefixes) => {
        const index = open(build(separators, partitionBytes), { usesPrefixes });
        for (const target of [...separators, ...keys]) {
          const wanted = separators.findLastIndex((separator) => compareBytes(separator, target) <= 0);
          expect(index.findBlock(target, target.length)).toBe(wanted);
        }
      },
    ),
  );
});

for (const [partitionBytes, partitionCount] of [
  [Number.POSITIVE_INFINITY, undefined],
  [25, 2],
  [1, 3],
] as const) {
  test(`blocks and separators are where they were put, with partitions of ${partitionBytes} bytes`, () => {
    const separators = ["", "b", "cc"].map(utf8);
    const index = open(build(separators, partitionBytes));
    expect([index.blockCount, index.dataSizeBytes]).toEqual([3, 300]);
    expect(index.topLevel?.partitionCount).toBe(partitionCount);
    const forwards = [0, 1, 2];
    for (const order of [forwards, forwards.toReversed()]) {
      expect(order.map((i) => index.separator(i))).toEqual(order.map((i) => separators[i]!));
      expect(order.map((i) => index.blockEnd(i))).toEqual(order.map((i) => 100 * i + 100));
      expect(order.map((i) => index.blockStart(i))).toEqual(order.map((i) => 100 * i));
    }
  });
}

describe("refuses an index that is wrong under a right checksum", () => {
  const built = build(["", "b", "cc"].map(utf8));
  const good = () => built.content.slice();
  const opening =
    (content: Uint8Array, dataSizeBytes = 300) =>
    () =>
      open({ ...built, content, dataSizeBytes });
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
    ["unknown kind", opening(changed(0, 3)), "kind 3"],
    ["nothing at all", opening(new Uint8Array(0)), "kind"],
    ["no rows", opening(changed(1, 0)), "0 rows"],
    ["more rows than there is room for", opening(changed(1, 9)), "9 rows"],
    ["a separator that ends before it begins", opening(changed(21, 0)), "row 2: the separator's end"],
    ["a separator that ends behind the content", opening(changed(13, 200)), "row 1: the separator's end"],
    ["a block that ends before it begins", opening(changed(17, 50)), "row 1: the data block"],
    ["a block shorter than a trailer", opening(changed(17, 100 + trailerSizeBytes)), "row 1: the data block"],
    ["separators out of order", opening(changed(29, 0x7a)), "row 2: the separator does not sort"],
    [
      "equal separators",
      opening(build(["", "b", "b"].map(utf8)).content),
      "row 2: the separator does not sort",
    ],
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

describe("refuses a top level that is wrong under a right checksum", () => {
  const built = build(["", "b", "cc"].map(utf8), 1);
  const firstRow = 5;
  const rowSize = 16;
  const [blocksEnd, dataEnd, end] = [4, 8, 12];
  const changed = (row: number, at: number, value: number) => {
    const content = built.content.slice();
    writeUint32(content, firstRow + rowSize * row + at, value);
    return { ...built, content };
  };
  const cases: [string, Built, string][] = [
    ["a partition without blocks", changed(1, blocksEnd, 1), "row 1: no data block"],
    ["blocks that end before they begin", changed(1, dataEnd, 100), "row 1: its data blocks end"],
    ["a partition too short for a row", changed(0, end, 309), "row 0: the partition is too short"],
    ["partitions that end elsewhere", changed(2, end, 400), "ends elsewhere than its partitions"],
    ["separators out of order", changed(1, 0, 0), "row 1: the separator does not sort"],
  ];
  for (const [name, wrong, message] of cases) {
    test(name, () => expect(() => open(wrong)).toThrow(message));
  }
});

describe("a partition that is wrong", () => {
  const built = build(["", "b", "cc"].map(utf8), 1);
  /** Where the second one begins and ends. */
  const start = 18;
  const end = 36;

  /** With a byte of the second partition changed, and the checksum that fits where it is asked for. */
  function damaged(at: number, value: number, isSealed = true): Built {
    const partitions = built.partitions.slice();
    partitions[start + at] = value;
    if (isSealed) writeUint32(partitions, end - 4, Bun.hash.crc32(partitions.subarray(start, end - 4)));
    return { ...built, partitions };
  }

  const cases: [string, Built, string][] = [
    ["whose checksum is wrong", damaged(12, 1, false), "index partition 1: block checksum"],
    ["of an unknown kind", damaged(0, 2), "kind 2 and compression 0"],
    ["that is compressed", damaged(13, 1), "kind 1 and compression 1"],
    ["with rows for other blocks than the top level says", damaged(1, 2), "2 rows instead of 1"],
    ["with a separator past its end", damaged(5, 1), "row 0: the separator's end"],
    ["whose blocks end elsewhere", damaged(9, 201), "ends elsewhere than its data blocks"],
  ];
  for (const [name, wrong, message] of cases) {
    test(`${name} is refused whenever it is used, and the others are not`, () => {
      const heard: StorageError[] = [];
      const index = open(wrong, { corruptionFound: (error) => heard.push(error) });
      const refusal = expect.objectContaining({ code: "CORRUPTED_DATA", file, offset: 300 + start });
      const uses = [
        () => index.findBlock(utf8("bb"), 2),
        () => index.blockStart(1),
        () => index.blockEnd(1),
        () => index.separator(1),
        () => index.openPartition(1),
      ];
      for (const use of [...uses, ...uses]) {
        expect(use).toThrow(refusal);
        expect(use).toThrow(message);
        expect(index.findBlock(utf8("a"), 1)).toBe(0);
        expect([index.blockStart(2), index.blockEnd(2)]).toEqual([200, 300]);
      }
      expect(heard).toHaveLength(4 * uses.length);
      expect(heard[0]).toBeInstanceOf(StorageError);
    });
  }

  test("is found at its first use alone where it is mapped, and at each where it is read anew", () => {
    for (const isMapped of [true, false]) {
      const partitions = built.partitions.slice();
      const load: PartitionSource["load"] = (from, to, partition) =>
        partition.set(partitions, from - built.dataSizeBytes, to - from);
      const index = open(built, { load, isMapped });
      expect(index.blockEnd(1)).toBe(200);
      expect(index.blockEnd(0)).toBe(100);
      partitions[end - 1]! ^= 1;
      if (isMapped) expect(index.blockEnd(1)).toBe(200);
      else expect(() => index.blockEnd(1)).toThrow("checksum");
    }
  });
});
