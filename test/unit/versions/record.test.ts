import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { Slice } from "../../../src/base/bytes.ts";
import { StorageError } from "../../../src/base/errors.ts";
import {
  decodeRecord,
  encodedRecordLength,
  encodeRecord,
  readClock,
  readFirstVersion,
  recordClock,
  type Version,
  type VersionedRecord,
  VersionLayout,
} from "../../../src/versions/record.ts";
import { anyClock, clock, sliceOf, textOf } from "../../support/arbitrary-versions.ts";

function encode(record: VersionedRecord): Uint8Array {
  const bytes = new Uint8Array(encodedRecordLength(record));
  expect(encodeRecord(record, bytes)).toBe(bytes.length);
  return bytes;
}

/** With values of their own, so that versions compare by content. */
function contents(record: VersionedRecord) {
  return record.map((version) => ({ ...version, value: [...version.value.copy()] }));
}

const version: fc.Arbitrary<Version> = fc
  .record({
    clock: anyClock,
    timestampSeconds: fc.oneof(fc.nat(), fc.constantFrom(0, 127, 128, Number.MAX_SAFE_INTEGER)),
    isTombstone: fc.boolean(),
    value: fc.uint8Array({ maxLength: 200 }),
  })
  .map(({ value, isTombstone, ...rest }) => ({
    ...rest,
    isTombstone,
    value: new Slice(isTombstone ? new Uint8Array(0) : value),
  }));

const anyRecord = fc.array(version, { minLength: 1, maxLength: 4 });

const hello: Version = {
  clock: clock({ a: 3, b: 300 }),
  timestampSeconds: 1_700_000_000,
  isTombstone: false,
  value: sliceOf("hello"),
};
const siblings: Version[] = [
  { clock: clock({ a: 2 }), timestampSeconds: 1_700_000_000, isTombstone: false, value: sliceOf("x") },
  { clock: clock({ b: 1 }), timestampSeconds: 1_700_000_060, isTombstone: true, value: new Slice() },
];

describe("encoding", () => {
  test("comes back as it went in, wherever it lies in a buffer", () => {
    fc.assert(
      fc.property(anyRecord, fc.nat({ max: 3 }), (record, offset) => {
        const bytes = encode(record);
        const buffer = new Uint8Array(offset + bytes.length + 2).fill(0xaa);
        buffer.set(bytes, offset);
        expect(contents(decodeRecord(new Slice(buffer, offset, bytes.length)))).toEqual(contents(record));
      }),
      { numRuns: 300 },
    );
  });

  test("has the bytes that the document shows", () => {
    const document = readFileSync(join(import.meta.dir, "../../../docs/formats/record.md"), "utf8");
    const blocks = [...document.matchAll(/```hex\n(.*?)```/gs)].map((match) =>
      [...match[1]!.matchAll(/^((?:[0-9a-f]{2} )+) /gm)].map((line) => line[1]).join(""),
    );
    const expected = [[hello], siblings].map((record) => encode(record).toHex());
    expect(blocks.map((hex) => hex.replaceAll(" ", ""))).toEqual(expected);
  });

  test("hands out ranges of the record's own bytes", () => {
    const bytes = encode([hello]);
    const [decoded] = decodeRecord(new Slice(bytes));
    expect(decoded?.value.bytes).toBe(bytes);
    expect(textOf(decoded!.value)).toBe("hello");
  });
});

describe("the first version without decoding", () => {
  test("agrees with the decoder", () => {
    const layout = new VersionLayout();
    fc.assert(
      fc.property(anyRecord, (record) => {
        const slice = new Slice(encode(record));
        expect(readFirstVersion(slice, layout)).toBe(record.length);
        const first = {
          clock: readClock(slice.bytes, layout.clockStart, layout.clockLength),
          timestampSeconds: layout.timestampSeconds,
          isTombstone: layout.isTombstone,
          value: new Slice(slice.bytes, layout.valueStart, layout.valueLength),
        };
        expect(contents([first])).toEqual(contents(record.slice(0, 1)));
      }),
    );
  });

  test("its clock is the wire message, byte for byte", () => {
    const layout = new VersionLayout();
    const slice = new Slice(encode([hello]));
    readFirstVersion(slice, layout);
    const bytes = slice.bytes.slice(layout.clockStart, layout.clockStart + layout.clockLength);
    expect(bytes.toHex()).toBe("0a050a01611003" + "0a060a016210ac02");
  });
});

describe("malformed bytes", () => {
  function expectCorrupted(bytes: Uint8Array): void {
    const slice = new Slice(bytes);
    expect(() => decodeRecord(slice)).toThrow(expect.objectContaining({ code: "CORRUPTED_DATA" }));
  }

  test("every truncation is refused, by both readers", () => {
    const firstSiblingEnd = encode([siblings[0]!]).length;
    for (const record of [[hello], siblings]) {
      const bytes = encode(record);
      for (let length = 0; length < bytes.length; length++) {
        expectCorrupted(bytes.slice(0, length));
        // What lies beyond the record's end must not be taken for a part of it.
        expect(() => decodeRecord(new Slice(bytes, 0, length))).toThrow(StorageError);
        if (record.length > 1 && length >= firstSiblingEnd) continue;
        expect(() => readFirstVersion(new Slice(bytes, 0, length), new VersionLayout())).toThrow(
          StorageError,
        );
      }
    }
  });

  test("any bytes are either refused or the one encoding of a record", () => {
    const mutated = fc
      .tuple(anyRecord, fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { maxLength: 3 }))
      .map(([record, changes]) => {
        const bytes = encode(record);
        for (const [at, byte] of changes) bytes[at % bytes.length] = byte;
        return bytes;
      });
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 64 }), mutated), (bytes) => {
        let decoded: Version[];
        try {
          decoded = decodeRecord(new Slice(bytes));
        } catch (error) {
          expect(error).toMatchObject({ name: "StorageError", code: "CORRUPTED_DATA" });
          return;
        }
        expect(encode(decoded)).toEqual(bytes);
      }),
      { numRuns: 3000 },
    );
  });

  test.each([
    ["a format of the future", "02 01 00 00 00 00"],
    ["no version", "01 00"],
    ["an unknown flag", "01 01 02 00 00 00"],
    ["a tombstone with a value", "01 01 01 00 00 01 61"],
    ["bytes after the last version", "01 01 00 00 00 00 00"],
    ["a longer number than needed", "01 01 00 80 00 00 00"],
    ["a length past the end", "01 01 00 00 00 02 61"],
    ["a huge length", "01 01 00 00 ff ff ff ff ff ff ff 0f 00"],
    ["a clock entry of 0", "01 01 00 00 07 00 0a 05 0a 01 61 10 00"],
    ["a longer timestamp than needed", "01 01 00 00 08 00 0a 06 0a 01 61 10 81 00"],
    ["a timestamp of ten bytes", "01 01 00 00 10 00 0a 0e 0a 01 61 10 ff ff ff ff ff ff ff ff ff 01"],
    ["a longer length than needed", "01 01 00 00 08 00 0a 85 00 0a 01 61 10 01"],
    ["an entry that is longer than its parts", "01 01 00 00 08 00 0a 06 0a 01 61 10 01 00"],
    ["another field in an entry", "01 01 00 00 07 00 0a 05 12 01 61 10 01"],
    ["an id that is no UTF-8", "01 01 00 00 07 00 0a 05 0a 01 ff 10 01"],
    ["an id twice", "01 01 00 00 0e 00 0a 05 0a 01 61 10 01 0a 05 0a 01 61 10 02"],
    ["ids out of order", "01 01 00 00 0e 00 0a 05 0a 01 62 10 01 0a 05 0a 01 61 10 01"],
  ])("%s is refused, by both readers", (_, hex) => {
    const bytes = Uint8Array.fromHex(hex.replaceAll(" ", ""));
    expectCorrupted(bytes);
    const layout = new VersionLayout();
    const slice = new Slice(bytes);
    expect(
      () => readFirstVersion(slice, layout) && readClock(slice.bytes, layout.clockStart, layout.clockLength),
    ).toThrow(StorageError);
  });
});

test("the clock of a record has seen all of its versions", () => {
  expect(recordClock(siblings)).toEqual(clock({ a: 2, b: 1 }));
  expect(recordClock([hello])).toEqual(hello.clock);
});
