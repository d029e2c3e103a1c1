import { describe, expect, test } from "bun:test";
import { MessagePackReader } from "../../../src/gossip/wire/message-pack-reader.ts";
import { MessagePackWriter } from "../../../src/gossip/wire/message-pack-writer.ts";
import { decodeMessage, encodeMessage } from "../../../src/gossip/wire/messages.ts";

const loopback = Uint8Array.of(127, 0, 0, 1);
const plainVersions = Uint8Array.of(1, 5, 2, 0, 0, 0);
const noSource = { sourceAddress: new Uint8Array(0), sourceName: "", sourcePort: 0 };

function hex(text: string): Uint8Array {
  return Uint8Array.fromHex(text.replaceAll(/\s/g, ""));
}

/** As real members write them. */
const examples = [
  {
    name: "ping without a source",
    bytes: "00 82 a44e6f6465 a462657461 a55365714e6f 07",
    message: { kind: "ping", body: { name: "beta", sequence: 7, ...noSource } },
  },
  {
    name: "ping",
    bytes: `00 85 a44e6f6465 a462657461 a55365714e6f cd012c aa536f7572636541646472 a47f000001
      aa536f757263654e6f6465 a5616c706861 aa536f75726365506f7274 cd1f0a`,
    message: {
      kind: "ping",
      body: {
        name: "beta",
        sequence: 300,
        sourceAddress: loopback,
        sourceName: "alpha",
        sourcePort: 7946,
      },
    },
  },
  {
    name: "ack without a payload",
    bytes: "02 82 a75061796c6f6164 c0 a55365714e6f 07",
    message: { kind: "ack", body: { payload: new Uint8Array(0), sequence: 7 } },
  },
  { name: "nack", bytes: "0b 81 a55365714e6f 07", message: { kind: "nack", body: { sequence: 7 } } },
  {
    name: "indirect ping",
    bytes: `01 85 a44e61636b c3 a44e6f6465 a567616d6d61 a4506f7274 cd1f0b a55365714e6f 07
      a6546172676574 a47f000001`,
    message: {
      kind: "indirectPing",
      body: { wantsNack: true, name: "gamma", port: 7947, sequence: 7, address: loopback, ...noSource },
    },
  },
  {
    name: "suspect",
    bytes: "03 83 a446726f6d a5616c706861 ab496e6361726e6174696f6e 01 a44e6f6465 a462657461",
    message: { kind: "suspect", body: { from: "alpha", incarnation: 1, name: "beta" } },
  },
  {
    name: "dead, which says here that a member leaves",
    bytes: "05 83 a446726f6d a5616c706861 ab496e6361726e6174696f6e 01 a44e6f6465 a5616c706861",
    message: { kind: "dead", body: { from: "alpha", incarnation: 1, name: "alpha" } },
  },
  {
    name: "alive",
    bytes: `04 86 a441646472 a47f000001 ab496e6361726e6174696f6e 01 a44d657461 c0 a44e6f6465 a5616c706861
      a4506f7274 cd1f0a a356736e a6010502000000`,
    message: {
      kind: "alive",
      body: {
        address: loopback,
        incarnation: 1,
        meta: new Uint8Array(0),
        name: "alpha",
        port: 7946,
        versions: plainVersions,
      },
    },
  },
  {
    name: "error",
    bytes: "0d 81 a54572726f72 a4626f6f6d",
    message: { kind: "error", body: { message: "boom" } },
  },
] as const;

describe("messages", () => {
  test.each(examples)("$name reads and writes the bytes of real members", ({ bytes, message }) => {
    expect(decodeMessage(hex(bytes))).toEqual(message);
    expect(encodeMessage(message.kind, message.body as never)).toEqual(hex(bytes));
  });

  test.each(examples)("$name is short at every length below its own", ({ bytes }) => {
    const whole = hex(bytes);
    for (let length = 0; length < whole.length; length++) {
      expect(decodeMessage(whole.subarray(0, length))).toBe("short");
    }
  });

  test("keys come in any order, unknown ones are passed over, missing ones are empty", () => {
    const read = decodeMessage(hex("0b 83 a3616263 93 01 c0 81 a178 ca00000000 a55365714e6f 2a a178 c40101"));
    expect(read).toEqual({ kind: "nack", body: { sequence: 42 } });
    expect(decodeMessage(hex("0b 80"))).toEqual({ kind: "nack", body: { sequence: 0 } });
  });

  test.each([
    ["unsigned 8", "cc 80", 128],
    ["unsigned 16", "cd 0100", 256],
    ["unsigned 32", "ce ffffffff", 0xffffffff],
    ["unsigned 64", "cf 0000000000000001", 1],
    ["signed 8", "d0 7f", 127],
    ["signed 16, as newer members write lengths", "d1 00c8", 200],
    ["signed 32", "d2 00010000", 65_536],
    ["signed 64", "d3 00000000ffffffff", 0xffffffff],
  ])("a number is read as %s", (_, bytes, sequence) => {
    expect(decodeMessage(hex(`0b 81 a55365714e6f ${bytes}`))).toEqual({ kind: "nack", body: { sequence } });
  });

  test.each([
    ["a negative number", "0b 81 a55365714e6f d0 ff"],
    ["a negative fixed number", "0b 81 a55365714e6f ff"],
    ["a number beyond 32 bits", "0b 81 a55365714e6f cf 0000000100000000"],
    ["a number beyond 2^53", "0b 81 a55365714e6f cf ffffffffffffffff"],
    ["a fraction", "0b 81 a55365714e6f ca 3f800000"],
    ["text for a number", "0b 81 a55365714e6f a131"],
    ["no map", "0b 93 01 02 03"],
    ["text that is not UTF-8", "03 81 a446726f6d a2c328"],
    ["a name beyond 255 bytes", `03 81 a446726f6d da0100 ${"61".repeat(256)}`],
    ["an address beyond 16 bytes", `04 81 a441646472 b1 ${"00".repeat(17)}`],
    ["values nested without end", `0b 81 a178 ${"91".repeat(100)}`],
    ["a type that nobody knows", "7f 80"],
    ["a type that is no message of its own", "07 00"],
  ])("%s is malformed", (_, bytes) => {
    expect(decodeMessage(hex(bytes))).toBe("malformed");
  });

  test("a length that lies takes no memory", () => {
    expect(decodeMessage(hex("02 81 a75061796c6f6164 da ffff 00"))).toBe("short");
    expect(decodeMessage(hex("02 81 a75061796c6f6164 db ffffffff 00"))).toBe("malformed");
    expect(decodeMessage(hex("0b 81 a178 dd ffffffff 00"))).toBe("short");
    expect(decodeMessage(hex("0b df ffffffff"))).toBe("malformed");
  });

  test("strings of every length class come back, and none is written as bin or str8", () => {
    for (const [length, tag] of [
      [0, 0xa0],
      [31, 0xbf],
      [32, 0xda],
      [65_535, 0xda],
      [65_536, 0xdb],
    ] as const) {
      const writer = new MessagePackWriter();
      writer.writeBytes(new Uint8Array(length).fill(7));
      const written = writer.finish();
      expect(written[0]).toBe(tag);
      const reader = new MessagePackReader(written);
      expect(reader.readBytes(65_536)).toEqual(new Uint8Array(length).fill(7));
      expect([reader.position, reader.failure]).toEqual([written.length, undefined]);
    }
  });
});
