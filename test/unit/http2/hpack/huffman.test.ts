import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  decodeHuffman,
  encodeHuffman,
  huffmanLength,
  maxDecodedLength,
} from "../../../../src/http2/hpack/huffman.ts";

function decode(bytes: Uint8Array): string | undefined {
  const target = new Uint8Array(maxDecodedLength(bytes.length));
  const length = decodeHuffman(bytes, 0, bytes.length, target);
  return length < 0 ? undefined : Buffer.from(target.subarray(0, length)).toString("latin1");
}

function encode(text: string): Uint8Array {
  const target = new Uint8Array(huffmanLength(text));
  expect(encodeHuffman(text, target, 0)).toBe(target.length);
  return target;
}

const bytesOf = (hex: string) => Uint8Array.from(Buffer.from(hex, "hex"));

// RFC 7541, appendix C.
const examples = [
  ["www.example.com", "f1e3c2e5f23a6ba0ab90f4ff"],
  ["no-cache", "a8eb10649cbf"],
  ["custom-key", "25a849e95ba97d7f"],
  ["custom-value", "25a849e95bb8e8b4bf"],
  ["302", "6402"],
  ["private", "aec3771a4b"],
  ["Mon, 21 Oct 2013 20:13:21 GMT", "d07abe941054d444a8200595040b8166e082a62d1bff"],
  ["https://www.example.com", "9d29ad171863c78f0b97c8e9ae82ae43d3"],
  [
    "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1",
    "94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007",
  ],
] as const;

describe("Huffman code", () => {
  test.each(examples)("%s", (text, hex) => {
    expect(Buffer.from(encode(text)).toString("hex")).toBe(hex);
    expect(decode(bytesOf(hex))).toBe(text);
  });

  test("every byte, and any text of bytes", () => {
    const text = fc
      .array(fc.integer({ min: 0, max: 255 }), { maxLength: 200 })
      .map((units) => String.fromCharCode(...units));
    fc.assert(fc.property(text, (value) => decode(encode(value)) === value));
    const all = String.fromCharCode(...Array.from({ length: 256 }, (_, i) => i));
    expect(decode(encode(all))).toBe(all);
  });

  test("whatever decodes, encodes to the same bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        const text = decode(bytes);
        return text === undefined || Buffer.from(encode(text)).equals(Buffer.from(bytes));
      }),
    );
  });

  test.each([
    ["padding of zeros", "00"],
    ["padding of a whole byte", "6402ff"],
    ["the end-of-string symbol", "ffffffff"],
    ["padding that is no prefix of the end of string", "f1e3c2e5f23a6ba0ab90f4fe"],
    ["a code that is cut", "fff8"],
  ])("%s is invalid", (_, hex) => {
    expect(decode(bytesOf(hex))).toBeUndefined();
  });
});
