import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { ndjson } from "../../../src/cli/records/ndjson.ts";
import type { RecordFormat } from "../../../src/cli/records/record-format.ts";
import { tsv } from "../../../src/cli/records/tsv.ts";

const encoder = new TextEncoder();

function bytes(text: string): Uint8Array {
  return encoder.encode(text);
}

/** The line of a record without its line feed. */
function lineOf(format: RecordFormat, key: string, value: Uint8Array): string {
  const line = format.encode({ key, value });
  expect(line.endsWith("\n")).toBe(true);
  return line.slice(0, -1);
}

const formats: [string, RecordFormat][] = [
  ["ndjson utf8", ndjson("utf8")],
  ["ndjson base64", ndjson("base64")],
  ["tsv utf8", tsv("utf8")],
  ["tsv base64", tsv("base64")],
];

describe.each(formats)("%s", (_name, format) => {
  const key = fc.string({ unit: "grapheme", minLength: 1 }).filter((text) => text.isWellFormed());

  test("every record comes back byte for byte, from one line", () => {
    fc.assert(
      fc.property(key, fc.uint8Array({ maxLength: 40 }), (key, value) => {
        const line = lineOf(format, key, value);
        expect(line).not.toMatch(/[\n\r]/);
        expect(format.decode(bytes(line))).toEqual({ key, value });
      }),
    );
  });

  test("text with marks that decoders like to change comes back", () => {
    for (const text of ["", "\ufeffbom", "a\tb\nc\rd\\e\u0000f", "\\x41", "é😀", "\u2028"]) {
      expect(format.decode(bytes(lineOf(format, "k", bytes(text))))).toEqual({
        key: "k",
        value: bytes(text),
      });
    }
  });
});

describe("ndjson", () => {
  test("is plain where the value is text, and says where it is not", () => {
    expect(lineOf(ndjson("utf8"), "k", bytes("v"))).toBe('{"key":"k","value":"v"}');
    expect(lineOf(ndjson("utf8"), "k", Uint8Array.of(255))).toBe(
      '{"key":"k","value":"/w==","encoding":"base64"}',
    );
    expect(lineOf(ndjson("base64"), "k", bytes("v"))).toBe('{"key":"k","value":"dg=="}');
  });

  test("a carriage return before the line feed is white space", () => {
    expect(ndjson("utf8").decode(bytes('{"key":"k","value":"v"}\r'))).toEqual({
      key: "k",
      value: bytes("v"),
    });
  });

  test.each([
    ["", "not JSON"],
    ["{", "not JSON"],
    ["[]", "not a JSON object"],
    ["null", "not a JSON object"],
    ['{"value":"v"}', '"key" must be a string'],
    ['{"key":1,"value":"v"}', '"key" must be a string'],
    ['{"key":"k"}', '"value" must be a string'],
    ['{"key":"k","value":{}}', '"value" must be a string'],
    ['{"key":"k","value":"v","ttl":1}', 'unknown field "ttl"'],
    ['{"key":"k","value":"v","encoding":"hex"}', '"encoding" must be "utf8" or "base64"'],
    ['{"key":"k","value":"a","encoding":"base64"}', "not base64"],
    ['{"key":"k","value":"dh==","encoding":"base64"}', "not base64"],
    ['{"key":"k","value":"\\ud800"}', "half of a surrogate pair"],
    ['{"key":"\\ud800","value":""}', "half of a surrogate pair"],
  ])("%s is refused", (line, message) => {
    expect(() => ndjson("utf8").decode(bytes(line))).toThrow(message);
  });

  test("bytes that are not UTF-8 are refused", () => {
    expect(() => ndjson("utf8").decode(Uint8Array.of(0xff))).toThrow("not UTF-8");
  });
});

describe("tsv", () => {
  test("escapes what has no place in a line", () => {
    expect(lineOf(tsv("utf8"), "a\tb", bytes("\n\r\\\u0001é"))).toBe("a\\tb\t\\n\\r\\\\\\x01é");
    expect(lineOf(tsv("utf8"), "k", Uint8Array.of(0xff, 0x41, 0x0a))).toBe("k\t\\xffA\\n");
    expect(lineOf(tsv("utf8"), "k", bytes("\u009b"))).toBe("k\t\\xc2\\x9b");
    expect(lineOf(tsv("base64"), "k", Uint8Array.of(0xff))).toBe("k\t/w==");
  });

  test.each([
    ["key only", "no tab"],
    ["k\ta\tb", "more than one tab"],
    ["k\tv\r", "a bare carriage return"],
    ["k\t\\q", '"\\q" is no escape'],
    ["k\t\\x4", "is no escape"],
    ["k\t\\xzz", "is no escape"],
    ["k\\", "no tab"],
    ["\\xff\tv", "the key is not UTF-8"],
  ])("%j is refused", (line, message) => {
    expect(() => tsv("utf8").decode(bytes(line))).toThrow(message);
  });

  test("base64 that is none is refused", () => {
    expect(() => tsv("base64").decode(bytes("k\t*"))).toThrow("not base64");
    expect(() => tsv("base64").decode(Uint8Array.of(0x6b, 0x09, 0xff))).toThrow("not base64");
  });
});
