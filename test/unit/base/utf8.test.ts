import { expect, test } from "bun:test";
import fc from "fast-check";
import { compareBytes } from "../../../src/base/bytes.ts";
import { compareUtf8, readUtf8, utf8Length, writeUtf8 } from "../../../src/base/utf8.ts";

const text = fc.oneof(
  fc.string({ unit: "binary", maxLength: 80 }),
  fc.string({ unit: "binary-ascii", maxLength: 80 }),
  fc.string({
    unit: fc.constantFrom("a", "\u{ffff}", "\u{e000}", "\u{d7ff}", "\u{10000}", "\u{10ffff}"),
    maxLength: 4,
  }),
);

test("text is written and measured as the runtime encodes it, and read back", () => {
  fc.assert(
    fc.property(text, fc.nat({ max: 5 }), (value, position) => {
      const expected = new TextEncoder().encode(value);
      const target = new Uint8Array(position + expected.length + 3).fill(0xee);
      expect(utf8Length(value)).toBe(expected.length);
      expect(writeUtf8(target, position, value)).toBe(position + expected.length);
      expect(target.slice(position, position + expected.length)).toEqual(expected);
      expect(target.slice(position + expected.length)).toEqual(new Uint8Array(3).fill(0xee));
      expect(readUtf8(target, position, expected.length)).toBe(value);
    }),
  );
});

test("texts order as their bytes do", () => {
  fc.assert(
    fc.property(text, text, (a, b) => {
      const expected = compareBytes(new TextEncoder().encode(a), new TextEncoder().encode(b));
      expect(Math.sign(compareUtf8(a, b))).toBe(Math.sign(expected));
    }),
    { numRuns: 1000 },
  );
});

test.each([
  ["a lone continuation byte", [0x61, 0x80]],
  ["a cut sequence", [0xe2, 0x82]],
  ["an overlong form", [0xc0, 0x80]],
  ["a surrogate", [0xed, 0xa0, 0x80]],
  ["0xff", [0xff]],
])("%s is no text", (_, bytes) => {
  expect(readUtf8(new Uint8Array(bytes), 0, bytes.length)).toBeUndefined();
});

test("a byte order mark is a character like any other", () => {
  expect(readUtf8(new Uint8Array([0xef, 0xbb, 0xbf, 0x61]), 0, 4)).toBe("\u{feff}a");
});

test("shared memory is read like any other", () => {
  const shared = new Uint8Array(new SharedArrayBuffer(8));
  const length = writeUtf8(shared, 1, "ä€");
  expect(readUtf8(shared, 1, length - 1)).toBe("ä€");
});
