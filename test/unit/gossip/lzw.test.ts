import { describe, expect, test } from "bun:test";
import { compress, decompress } from "../../../src/gossip/wire/lzw.ts";
import { Dice } from "../../support/dice.ts";

describe("LZW", () => {
  test("writes what Go writes", () => {
    expect(compress(new Uint8Array(0)).toHex()).toBe("000302");
    expect(compress(Uint8Array.of(0x61)).toHex()).toBe("00c30404");
    const ack = Uint8Array.fromHex("0282a75061796c6f6164c0a55365714e6f07");
    expect(compress(ack).toHex()).toBe("0005083a05254c1e366fc29001566a4a99384ede1c0808");
  });

  test("what was compressed comes back, also where the table is full and cleared", () => {
    const dice = new Dice(7);
    for (let round = 0; round < 60; round++) {
      const alphabet = 1 + dice.below(256);
      const source = Uint8Array.from({ length: dice.below(4000) }, () => dice.below(alphabet));
      expect(decompress(compress(source), source.length)).toEqual(source);
    }
    for (const source of [new Uint8Array(100_000), dice.bytes(100_000)]) {
      expect(decompress(compress(source), source.length)).toEqual(source);
    }
  });

  test("a stream that goes on with a full table is read", () => {
    // Literals only: from the 3,838th on the table is full, and nothing is defined any more.
    const source = new Dice(3).bytes(6000);
    let bits = 256n;
    let bitCount = 9n;
    let highest = 257;
    let width = 9;
    for (const byte of [...source, 257]) {
      bits |= BigInt(byte) << bitCount;
      bitCount += BigInt(width);
      highest = Math.min(4096, highest + 1);
      if (highest === 1 << width && width < 12) width++;
    }
    const stream = Uint8Array.fromHex(
      bits.toString(16).padStart(2 * Number((bitCount + 7n) / 8n), "0"),
    ).reverse();
    expect(decompress(stream, 6000)).toEqual(source);
  });

  test("a bomb ends at the bound", () => {
    const bomb = compress(new Uint8Array(1_000_000));
    expect(bomb.length).toBeLessThan(3000);
    expect(decompress(bomb, 999_999)).toBeUndefined();
    expect(decompress(bomb, 1_000_000)?.length).toBe(1_000_000);
  });

  test("what is cut off or broken is refused, and nothing throws", () => {
    const whole = compress(new Dice(5).bytes(300));
    for (let length = 0; length < whole.length; length++) {
      expect(decompress(whole.subarray(0, length), 1000)).toBeUndefined();
    }
    // A first code that refers to what was never defined.
    expect(decompress(Uint8Array.of(0x00, 0x05, 0xff, 0xff), 1000)).toBeUndefined();
    const dice = new Dice(11);
    for (let round = 0; round < 2000; round++) {
      expect(decompress(dice.bytes(dice.below(60)), 500)?.length ?? 0).toBeLessThanOrEqual(500);
    }
  });
});
