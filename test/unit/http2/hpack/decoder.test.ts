import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { FieldList } from "../../../../src/http2/field-list.ts";
import { HpackDecoder } from "../../../../src/http2/hpack/decoder.ts";
import { encodeFields } from "../../../../src/http2/hpack/encoder.ts";

type Pair = [name: string, value: string];

class Decoding {
  readonly decoder: HpackDecoder;

  constructor(tableBytes = 4096, maxListBytes = 1 << 20) {
    this.decoder = new HpackDecoder(tableBytes, maxListBytes);
  }

  /** undefined: the block is invalid. */
  decode(hex: string): Pair[] | undefined {
    const list = new FieldList();
    // Somewhere in a larger buffer, as blocks lie.
    const bytes = Buffer.from(`ffff${hex}ffff`, "hex");
    if (!this.decoder.decode(bytes, 2, bytes.length - 4, list)) return undefined;
    return Array.from({ length: list.count }, (_, i) => [list.name(i), list.value(i)]);
  }
}

const get: Pair[] = [
  [":method", "GET"],
  [":scheme", "http"],
  [":path", "/"],
  [":authority", "www.example.com"],
];
const getWithCustom: Pair[] = [
  [":method", "GET"],
  [":scheme", "https"],
  [":path", "/index.html"],
  [":authority", "www.example.com"],
  ["custom-key", "custom-value"],
];

function response(status: string, date: string, ...more: Pair[]): Pair[] {
  return [
    [":status", status],
    ["cache-control", "private"],
    ["date", date],
    ["location", "https://www.example.com"],
    ...more,
  ];
}
const date1 = "Mon, 21 Oct 2013 20:13:21 GMT";
const date2 = "Mon, 21 Oct 2013 20:13:22 GMT";
const lastResponse = response(
  "200",
  date2,
  ["content-encoding", "gzip"],
  ["set-cookie", "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1"],
);

describe("RFC 7541, appendix C", () => {
  test.each([
    ["C.2.1", "400a637573746f6d2d6b65790d637573746f6d2d686561646572", [["custom-key", "custom-header"]]],
    ["C.2.2", "040c2f73616d706c652f70617468", [[":path", "/sample/path"]]],
    ["C.2.3", "100870617373776f726406736563726574", [["password", "secret"]]],
    ["C.2.4", "82", [[":method", "GET"]]],
  ] as [string, string, Pair[]][])("%s", (_, hex, fields) => {
    expect(new Decoding().decode(hex)).toEqual(fields);
  });

  test.each([
    [
      "C.3, without Huffman",
      [
        "828684410f7777772e6578616d706c652e636f6d",
        "828684be58086e6f2d6361636865",
        "828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565",
      ],
    ],
    [
      "C.4, with Huffman",
      [
        "828684418cf1e3c2e5f23a6ba0ab90f4ff",
        "828684be5886a8eb10649cbf",
        "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf",
      ],
    ],
  ])("%s: requests", (_, [first, second, third]) => {
    const decoding = new Decoding();
    expect(decoding.decode(first!)).toEqual(get);
    expect(decoding.decode(second!)).toEqual([...get, ["cache-control", "no-cache"]]);
    expect(decoding.decode(third!)).toEqual(getWithCustom);
    expect(decoding.decoder.insertionCount).toBe(3);
  });

  test.each([
    [
      "C.5, without Huffman",
      [
        "4803333032580770726976617465611d4d6f6e2c203231204f637420323031332032303a31333a323120474d546e1768747470733a2f2f7777772e6578616d706c652e636f6d",
        "4803333037c1c0bf",
        "88c1611d4d6f6e2c203231204f637420323031332032303a31333a323220474d54c05a04677a69707738666f6f3d4153444a4b48514b425a584f5157454f50495541585157454f49553b206d61782d6167653d333630303b2076657273696f6e3d31",
      ],
    ],
    [
      "C.6, with Huffman",
      [
        "488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8e9ae82ae43d3",
        "4883640effc1c0bf",
        "88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007",
      ],
    ],
  ])("%s: responses in a table of 256 bytes, which drops entries", (_, [first, second, third]) => {
    const decoding = new Decoding(256);
    expect(decoding.decode(first!)).toEqual(response("302", date1));
    expect(decoding.decode(second!)).toEqual(response("307", date1));
    expect(decoding.decode(third!)).toEqual(lastResponse);
  });
});

describe("dynamic table", () => {
  test("an update may lower and raise the size at the start of a block", () => {
    const decoding = new Decoding();
    expect(decoding.decode("4001610162")).toEqual([["a", "b"]]);
    expect(decoding.decode("be")).toEqual([["a", "b"]]);
    // To 0, which drops the entry, and back to 4096.
    expect(decoding.decode("203fe11f4001630164")).toEqual([["c", "d"]]);
    expect(decoding.decode("be")).toEqual([["c", "d"]]);
    expect(decoding.decode("bf")).toBeUndefined();
  });

  test("an entry larger than the table empties it and is not kept", () => {
    const decoding = new Decoding(64);
    expect(decoding.decode("4001610162")).toEqual([["a", "b"]]);
    const long = "78".repeat(40);
    expect(decoding.decode(`40016128${long}`)).toEqual([["a", "x".repeat(40)]]);
    expect(decoding.decode("be")).toBeUndefined();
  });

  test("a literal may take its name from the table", () => {
    const decoding = new Decoding();
    decoding.decode("4001610162");
    expect(decoding.decode("7e0163")).toEqual([["a", "c"]]);
    expect(decoding.decode("0f2f0164")).toEqual([["a", "d"]]);
  });
});

describe("invalid blocks", () => {
  test.each([
    ["index 0", "80"],
    ["an index beyond both tables", "be"],
    ["the name of an index beyond both tables", "7e0161"],
    ["a size of the table above our setting", "3fe21f"],
    ["a size of the table after a field", "8220"],
    ["an integer that does not end", "ffffffffffff"],
    ["an integer that is cut", "ff"],
    ["a string longer than the block", "40056162"],
    ["a literal without a value", "400161"],
    ["a literal without a name", "40"],
    ["a Huffman string with bad padding", "4081000161"],
  ])("%s", (_, hex) => {
    expect(new Decoding().decode(hex)).toBeUndefined();
  });

  test("any bytes are fields or invalid, and never more than the limit", () => {
    const decoder = new HpackDecoder(4096, 300);
    const list = new FieldList();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        list.clear();
        decoder.decode(bytes, 0, bytes.length, list);
        let kept = 0;
        for (let i = 0; i < list.count; i++) kept += list.name(i).length + list.value(i).length + 32;
        expect(kept).toBeLessThanOrEqual(300);
      }),
      { numRuns: 2000 },
    );
  });
});

describe("limits", () => {
  test("fields beyond the limit are left out, but still join the table", () => {
    const decoding = new Decoding(4096, 70);
    const list = new FieldList();
    const block = Buffer.from("4001610162400163016440016501664001670168", "hex");
    expect(decoding.decoder.decode(block, 0, block.length, list)).toBe(true);
    expect(list.count).toBe(2);
    expect(list.sizeBytes).toBe(4 * 34);
    expect(decoding.decoder.isTooLarge(list)).toBe(true);
    expect(decoding.decode("be")).toEqual([["g", "h"]]);
  });
});

describe("literals that come again", () => {
  test("each keeps its own value, coded one way or the other, under its own name", () => {
    const decoding = new Decoding();
    const plain = Array.from({ length: 600 }, (_, i) => `/path/${i}`);
    for (let round = 0; round < 2; round++) {
      for (const path of plain) {
        const location = Buffer.from(encodeFields([["location", path]])).toString("hex");
        expect(decoding.decode(location)).toEqual([["location", path]]);
        const raw = `04${path.length.toString(16).padStart(2, "0")}${Buffer.from(path).toString("hex")}`;
        expect(decoding.decode(raw)).toEqual([[":path", path]]);
        expect(decoding.decode(`01${raw.slice(2)}`)).toEqual([[":authority", path]]);
        // Names spelled out: "to", and one that is as long.
        expect(decoding.decode(`0002746f${raw.slice(2)}`)).toEqual([["to", path]]);
        expect(decoding.decode(`0002646f${raw.slice(2)}`)).toEqual([["do", path]]);
      }
    }
  });

  test("one that is cut is not taken for one that is known", () => {
    const decoding = new Decoding();
    expect(decoding.decode("04022f61")).toEqual([[":path", "/a"]]);
    expect(decoding.decode("04032f61")).toBeUndefined();
    expect(decoding.decode("0002746f022f61")).toEqual([["to", "/a"]]);
    expect(decoding.decode("0002746f032f61")).toBeUndefined();
    expect(decoding.decode("0002746f")).toBeUndefined();
    expect(decoding.decode("0003746f")).toBeUndefined();
  });
});

describe("literals that must never be indexed", () => {
  const hex = (text: string) => Buffer.from(text, "latin1").toString("hex");
  const literal = (first: string, value: string) =>
    `${first}${value.length.toString(16).padStart(2, "0")}${hex(value)}`;
  // 23 is authorization: an index of 15 and 8 more.
  const authorization = (value: string) => literal("1f08", value);

  test("the last one is known again, and no other is taken for it", () => {
    const decoding = new Decoding();
    const values = ["secret", "secret", "secreT", "Secret", "secret", "secret2", "x".repeat(90)];
    for (const value of values) {
      expect(decoding.decode(authorization(value))).toEqual([["authorization", value]]);
    }
    for (const value of values) {
      expect(decoding.decode(authorization(value))).toEqual([["authorization", value]]);
      // The same bytes under another name: 4 is path, 32 cookie.
      expect(decoding.decode(literal("14", value))).toEqual([[":path", value]]);
      expect(decoding.decode(literal("1f11", value))).toEqual([["cookie", value]]);
      expect(decoding.decode(literal("1002746f", value))).toEqual([["to", value]]);
    }
    expect(decoding.decoder.insertionCount).toBe(0);
  });

  test("connections do not know each other's", () => {
    const [first, second] = [new Decoding(), new Decoding()];
    expect(first.decode(authorization("of the first"))).toEqual([["authorization", "of the first"]]);
    expect(second.decode(authorization("of a second!"))).toEqual([["authorization", "of a second!"]]);
    expect(first.decode(authorization("of the first"))).toEqual([["authorization", "of the first"]]);
  });
});

describe("round trip", () => {
  const text = fc
    .array(fc.integer({ min: 0, max: 255 }), { maxLength: 300 })
    .map((units) => String.fromCharCode(...units));
  const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,20}$/);
  const value = text.map((any) => any.replaceAll(/[\0\r\n]/g, "").replaceAll(/^[ \t]+|[ \t]+$/g, ""));

  test.each([
    ["Content-Type", "a"],
    ["", "a"],
    ["a b", "c"],
    [":path", "/"],
    ["a", "b\r\nc: d"],
    ["a", " b"],
    ["a", "\u0100"],
  ])("%j: %j is not encoded", (badName, badValue) => {
    expect(() => encodeFields([[badName, badValue]])).toThrow("no header field");
  });

  test("what is encoded decodes to the same", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(name, value), { maxLength: 20 }), (fields) => {
        const block = encodeFields(fields);
        expect(new Decoding().decode(Buffer.from(block).toString("hex"))).toEqual(fields);
      }),
    );
  });
});
