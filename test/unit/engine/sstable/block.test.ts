import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { compareBytes, Slice } from "../../../../src/base/bytes.ts";
import { StorageError } from "../../../../src/base/errors.ts";
import { GrowableBytes } from "../../../../src/base/growable-bytes.ts";
import { defaultTableOptions } from "../../../../src/engine/options.ts";
import { BlockReader } from "../../../../src/engine/sstable/block.ts";
import { BlockBuilder } from "../../../../src/engine/sstable/block-builder.ts";
import { compressions, sealBlock, trailerSizeBytes } from "../../../../src/engine/sstable/format.ts";
import { type Entry, entry, sortedUnique, tombstone, utf8 } from "./table-support.ts";

function sharedLength(a: Uint8Array, b: Uint8Array): number {
  let shared = 0;
  while (shared < a.length && shared < b.length && a[shared] === b[shared]) shared++;
  return shared;
}

function newBuilder(output: GrowableBytes, restartIntervalEntries: number): BlockBuilder {
  return new BlockBuilder(output, { ...defaultTableOptions, restartIntervalEntries });
}

/** A block's content, without its trailer. */
function blockOf(entries: readonly Entry[], restartInterval: number): Uint8Array {
  const output = new GrowableBytes(16);
  const builder = newBuilder(output, restartInterval);
  let before: Uint8Array = new Uint8Array(0);
  for (const { key, sequence, kind, value } of entries) {
    builder.add(new Slice(key), sharedLength(before, key), sequence, kind, new Slice(value));
    before = key;
  }
  builder.finish();
  return output.bytes.slice(0, output.length - trailerSizeBytes);
}

/** Opened amid other bytes, as in a map; with a trailer of which only the compression counts here. */
function opened(content: Uint8Array, start = 7): BlockReader {
  const around = new Uint8Array(content.length + start + 9).fill(0xee);
  around.set(content, start);
  around[start + content.length] = compressions.none;
  const block = new BlockReader("000001.sst");
  block.open(around, start, start + content.length + trailerSizeBytes, 1000);
  return block;
}

function current(block: BlockReader): Entry {
  return {
    key: block.key.slice(0, block.keyLength),
    sequence: block.sequence,
    kind: block.kind,
    value: block.bytes.slice(block.valueStart, block.valueStart + block.valueLength),
  };
}

function rest(block: BlockReader): Entry[] {
  const entries: Entry[] = [];
  while (block.next()) entries.push(current(block));
  return entries;
}

/** The same block compressed, at file offset 1007. */
function openedCompressed(content: Uint8Array): BlockReader {
  const output = new GrowableBytes(16);
  output.appendRange(new Uint8Array(7), 0, 7);
  output.appendUint32(content.length);
  const frame = Bun.zstdCompressSync(content);
  output.appendRange(frame, 0, frame.length);
  sealBlock(output, 7, compressions.zstd);
  const block = new BlockReader("000001.sst");
  block.open(output.bytes, 7, output.length, 1000);
  return block;
}

/** Few letters, so that keys share prefixes and are prefixes of each other. */
const key = fc
  .array(fc.constantFrom(0, 1, 97, 98, 255), { maxLength: 6 })
  .map((bytes) => Uint8Array.from(bytes));
const anyEntry = fc.record({
  key,
  sequence: fc.maxSafeNat(),
  kind: fc.constantFrom(1 as const, 2 as const),
  value: fc.uint8Array({ maxLength: 5 }),
});
const anyEntries = fc.array(anyEntry, { minLength: 1, maxLength: 40 }).map(sortedUnique);
const restartInterval = fc.constantFrom(1, 2, 3, 16);

describe("a block against a sorted list", () => {
  test("next goes through all entries", () => {
    fc.assert(
      fc.property(anyEntries, restartInterval, (entries, interval) => {
        const content = blockOf(entries, interval);
        expect(rest(opened(content))).toEqual(entries);
        expect(rest(openedCompressed(content))).toEqual(entries);
      }),
    );
  });

  test("find and seek, for keys that are there and keys between", () => {
    fc.assert(
      fc.property(anyEntries, restartInterval, fc.array(key), (entries, interval, others) => {
        const content = blockOf(entries, interval);
        const block = opened(content);
        for (const target of [...entries.map((each) => each.key), ...others]) {
          const from = entries.filter((each) => compareBytes(each.key, target) >= 0);
          const isThere = from.length > 0 && compareBytes(from[0]!.key, target) === 0;
          expect(block.find(target, target.length)).toBe(isThere);
          if (isThere) expect({ ...current(block), key: target }).toEqual(from[0]!);
          expect(block.seek(target, target.length)).toBe(from.length > 0);
          if (from.length > 0) expect([current(block), ...rest(block)]).toEqual(from);
        }
      }),
    );
  });
});

test("a reader goes from compressed blocks to others and back", () => {
  const entries = [entry("aa", "x".repeat(300)), entry("b", "two")];
  const few = blockOf([entry("c", "d")], 2);
  const output = new GrowableBytes(16);
  const builder = new BlockBuilder(output, { ...defaultTableOptions, compression: "zstd" });
  let before: Uint8Array = new Uint8Array(0);
  for (const { key, sequence, kind, value } of entries) {
    builder.add(new Slice(key), sharedLength(before, key), sequence, kind, new Slice(value));
    before = key;
  }
  const uncompressedSize = output.length + builder.closingSizeBytes;
  expect(builder.finish()).toBe(uncompressedSize - output.length);
  const end = output.length;
  output.appendRange(few, 0, few.length);
  sealBlock(output, end);
  const block = new BlockReader("000001.sst");
  for (let round = 0; round < 2; round++) {
    block.open(output.bytes, 0, end, 0);
    expect(block.contentLength).toBe(uncompressedSize - trailerSizeBytes);
    expect(rest(block)).toEqual(entries);
    block.open(output.bytes, end, output.length, 0);
    expect(block.offsetOf(end)).toBe(end);
    expect(rest(block)).toEqual([entry("c", "d")]);
  }
});

test("the builder says what closing will add", () => {
  const output = new GrowableBytes(16);
  const builder = newBuilder(output, 2);
  expect([builder.isEmpty, builder.closingSizeBytes, builder.entriesSizeBytes]).toEqual([true, 0, 0]);
  for (const letter of "abc") builder.add(new Slice(utf8(letter)), 0, 1, 1, new Slice(utf8("v")));
  expect(builder.entriesSizeBytes).toBe(output.length);
  const announced = output.length + builder.closingSizeBytes;
  builder.finish();
  expect(output.length).toBe(announced);
  expect(builder.isEmpty).toBe(true);
});

/** Everything that can be read from a block, each result checked to lie within it. */
function readAll(content: Uint8Array, targets: readonly Uint8Array[]): void {
  const start = 7;
  const block = opened(content, start);
  const checkBounds = () => {
    expect(block.valueStart).toBeGreaterThanOrEqual(start);
    expect(block.valueStart + block.valueLength).toBeLessThanOrEqual(start + content.length - 8);
  };
  while (block.next()) checkBounds();
  for (const target of targets) {
    if (block.find(target, target.length)) checkBounds();
    if (block.seek(target, target.length)) {
      checkBounds();
      while (block.next()) checkBounds();
    }
  }
}

test("a block that is wrong under a right checksum is never read past its end", () => {
  const entries = [
    entry("aa", "one"),
    entry("ab", "two"),
    tombstone("abc", "", 300),
    entry("b", "three", 2 ** 40),
  ];
  const content = blockOf(entries, 2);
  const targets = [...entries.map((each) => each.key), utf8(""), utf8("aaa"), utf8("zz")];
  let refusals = 0;
  for (let at = 0; at < content.length; at++) {
    for (let value = 0; value < 256; value++) {
      const changed = content.slice();
      changed[at] = value;
      try {
        readAll(changed, targets);
      } catch (error) {
        if (!(error instanceof StorageError)) throw error;
        expect(error.code).toBe("CORRUPTED_DATA");
        refusals++;
      }
    }
  }
  expect(refusals).toBeGreaterThan(1000);
});

describe("refuses, with the offset in the file", () => {
  const refusal = (position: number, message: string) =>
    expect.objectContaining({
      code: "CORRUPTED_DATA",
      file: "000001.sst",
      offset: 1007 + position,
      message: expect.stringContaining(message),
    });
  /** One restart point, at the start. */
  const withRestart = (...entries: number[]) => Uint8Array.from([...entries, 0, 0, 0, 0, 1, 0, 0, 0]);
  const find = (content: Uint8Array) => () => opened(content).find(utf8("z"), 1);
  const walk = (content: Uint8Array) => () => rest(opened(content));
  const a = [0, 1, 0, 1, 1, 97];

  test("which is the block's, where that was compressed", () => {
    const block = openedCompressed(withRestart(...a, 1, 1, 9, 1, 1, 98));
    expect(() => rest(block)).toThrow(refusal(0, "malformed"));
    expect(() => openedCompressed(Uint8Array.from([1, 0]))).toThrow(refusal(0, "restart points"));
  });

  test("a first entry that shares", () => {
    const content = withRestart(1, 1, 0, 1, 1, 97);
    expect(find(content)).toThrow(refusal(0, "shares more"));
    expect(walk(content)).toThrow(refusal(0, "shares more"));
  });

  test("a key out of order", () => {
    expect(walk(withRestart(...a, ...a))).toThrow(refusal(6, "out of order"));
  });

  test("an unknown kind", () => {
    expect(walk(withRestart(0, 1, 0, 1, 3, 97))).toThrow(refusal(0, "malformed"));
  });

  test("a value that ends behind the block", () => {
    expect(find(withRestart(...a, 1, 1, 9, 1, 1, 98))).toThrow(refusal(6, "malformed"));
  });

  test("a length without an end", () => {
    expect(find(withRestart(...a, 255, 255, 255))).toThrow(refusal(6, "malformed"));
  });

  test("a number that does not end where numbers end", () => {
    const endless = new Array<number>(8).fill(0x80);
    expect(find(withRestart(...a, ...endless, 1, 0, 1, 1, 98))).toThrow(refusal(6, "malformed"));
  });

  test("no restart point, or more than there is room for", () => {
    expect(() => opened(Uint8Array.from([...a, 0, 0, 0, 0]))).toThrow(refusal(0, "restart points"));
    expect(() => opened(Uint8Array.from([...a, 9, 0, 0, 0]))).toThrow(refusal(0, "restart points"));
    expect(() => opened(Uint8Array.from([1, 0]))).toThrow(refusal(0, "restart points"));
  });

  test("a first restart point elsewhere than at the first entry", () => {
    expect(() => opened(Uint8Array.from([...a, 1, 0, 0, 0, 1, 0, 0, 0]))).toThrow(
      refusal(0, "restart points"),
    );
  });

  test("a restart point at an entry whose key is not whole", () => {
    const content = Uint8Array.from([...a, 1, 1, 0, 1, 1, 98, 0, 0, 0, 0, 6, 0, 0, 0, 2, 0, 0, 0]);
    expect(find(content)).toThrow(refusal(6, "not whole"));
  });

  test("a key that grows past the limit", () => {
    const long = new Uint8Array(70_000).fill(97);
    const content = Uint8Array.from([0, 0xf0, 0xa2, 0x04, 0, 1, 1, ...long, 0, 0, 0, 0, 1, 0, 0, 0]);
    expect(walk(content)).toThrow(refusal(7, "longer than allowed"));
  });
});
