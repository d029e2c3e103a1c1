import { describe, expect, test } from "bun:test";
import { Envelope } from "../../../src/gossip/wire/envelope.ts";
import { Keyring } from "../../../src/gossip/wire/keyring.ts";
import { compress } from "../../../src/gossip/wire/lzw.ts";
import { MessagePackWriter } from "../../../src/gossip/wire/message-pack-writer.ts";
import { systemSecrets } from "../../../src/platform/secrets.ts";
import { Dice } from "../../support/dice.ts";

const ping = Uint8Array.fromHex("0082a44e6f6465a462657461a55365714e6f07");
const key = Uint8Array.from({ length: 16 }, (_, index) => index);
const otherKey = new Uint8Array(32).fill(9);
const fixedNonce = { randomBytes: () => Uint8Array.from({ length: 12 }, (_, index) => 0xa0 + index) };

function envelope(options: { label?: string; keys?: Uint8Array[]; compresses?: boolean } = {}): Envelope {
  const keyring = options.keys === undefined ? undefined : new Keyring(options.keys, systemSecrets);
  return new Envelope({ label: options.label ?? "", keyring, compresses: options.compresses ?? false });
}

function squeezed(message: Uint8Array): Uint8Array {
  const writer = new MessagePackWriter();
  for (const byte of [0x09, 0x82, 0xa4, 0x41, 0x6c, 0x67, 0x6f, 0x00, 0xa3, 0x42, 0x75, 0x66])
    writer.writeByte(byte);
  writer.writeBytes(compress(message));
  return writer.finish();
}

function joined(...messages: Uint8Array[]): Uint8Array {
  const lengths = messages.flatMap((message) => [message.length >> 8, message.length & 0xff]);
  return Buffer.concat([Uint8Array.of(0x07, messages.length, ...lengths), ...messages]);
}

describe("packets", () => {
  test("a compound packet and its checksum are those of real members", () => {
    const parts = ["0282a75061796c6f6164c0a55365714e6f07", `${"04"}80`].map((hex) => Uint8Array.fromHex(hex));
    const packet = envelope().wrapPacket(parts, false);
    expect(packet.toHex()).toBe("070200120002" + "0282a75061796c6f6164c0a55365714e6f070480");
    const checked = envelope().wrapPacket(parts, true);
    expect(checked.toHex()).toBe(
      `0c${Bun.hash.crc32(packet).toString(16).padStart(8, "0")}${packet.toHex()}`,
    );
    expect(envelope().unwrapPacket(checked)).toEqual(parts);
  });

  test.each([
    ["", "01a0a1a2a3a4a5a6a7a8a9aaabaa049cf511ed56aee81dc161e341d5111d81242a5b5fe65111b31c7f8d44add6c57063"],
    [
      "prod",
      "f40470726f6401a0a1a2a3a4a5a6a7a8a9aaabaa049cf511ed56aee81dc161e341d5111d812417a36fb0408b4f0af988b495affb40f4",
    ],
  ])("sealed under the label %p as real members seal", (label, expected) => {
    const sealing = new Envelope({ label, keyring: new Keyring([key], fixedNonce), compresses: false });
    const packet = sealing.wrapPacket([ping], false);
    expect(packet.toHex()).toBe(expected);
    expect(packet.length).toBe(ping.length + sealing.overheadBytes);
    expect(sealing.unwrapPacket(packet)).toEqual([ping]);
  });

  test("the padded form of old members is opened", () => {
    const packet = Uint8Array.fromHex(
      "00a0a1a2a3a4a5a6a7a8a9aaabaa049cf511ed56aee81dc161e341d5111d8124058e1a30a2281d7c964f8082a53f11d48b8414d6911e6038921f738ace",
    );
    expect(envelope({ keys: [key] }).unwrapPacket(packet)).toEqual([ping]);
  });

  test("a stranger without the key is not heard, neither in clear nor under another key, nor after a change", () => {
    const ours = envelope({ keys: [key] });
    expect(ours.unwrapPacket(ping)).toBe("key");
    expect(ours.unwrapPacket(envelope({ keys: [otherKey] }).wrapPacket([ping], false))).toBe("key");
    const packet = ours.wrapPacket([ping], true);
    for (let index = 0; index < packet.length; index++) {
      const changed = packet.slice();
      changed[index]! ^= 1;
      // The version is not sealed: as the other one the packet opens, with an end cut off that the checksum misses.
      expect(ours.unwrapPacket(changed)).toBe(index === 0 ? "checksum" : "key");
      expect(ours.unwrapPacket(packet.subarray(0, index))).toBe("key");
    }
  });

  test("keys are rotated while both sides talk", () => {
    const [left, right] = [key, key].map((first) => new Keyring([first], systemSecrets)) as [
      Keyring,
      Keyring,
    ];
    const [a, b] = [left, right].map((keyring) => new Envelope({ label: "", keyring, compresses: false }));
    const talk = () => {
      expect(b?.unwrapPacket(a!.wrapPacket([ping], false))).toEqual([ping]);
      expect(a?.unwrapPacket(b!.wrapPacket([ping], false))).toEqual([ping]);
    };
    for (const keys of [[key, otherKey], [otherKey, key], [otherKey]]) {
      for (const keyring of [left, right]) {
        keyring.replace(keys);
        talk();
      }
    }
    expect(b?.unwrapPacket(envelope({ keys: [key] }).wrapPacket([ping], false))).toBe("key");
  });

  test("what are no keys is refused, and what was there stays", () => {
    const keyring = new Keyring([key], systemSecrets);
    expect(() => keyring.replace([new Uint8Array(5)])).toThrow("allowed are 16, 24 and 32");
    expect(() => keyring.replace([])).toThrow("allowed are 1 to 8");
    expect(() => keyring.replace(Array(9).fill(key))).toThrow("allowed are 1 to 8");
    expect(keyring.open(keyring.seal(ping, key), key)).toEqual(Buffer.from(ping));
  });

  test("labels keep rings apart", () => {
    const packet = envelope({ label: "prod" }).wrapPacket([ping], false);
    expect(envelope({ label: "prod" }).unwrapPacket(packet)).toEqual([ping]);
    expect(envelope({ label: "test" }).unwrapPacket(packet)).toBe("label");
    expect(envelope().unwrapPacket(packet)).toBe("label");
    expect(envelope({ label: "prod" }).unwrapPacket(ping)).toBe("label");
    expect(() => envelope({ label: "x".repeat(256) })).toThrow("at most 255");
  });

  test("a checksum that is wrong drops the packet", () => {
    const packet = envelope().wrapPacket([ping], true);
    packet[9]! ^= 4;
    expect(envelope().unwrapPacket(packet)).toBe("checksum");
    expect(envelope().unwrapPacket(Uint8Array.of(0x0c, 0, 0))).toBe("checksum");
  });

  test("compressed and compound parts are taken apart in any order", () => {
    const long = new Uint8Array(500).fill(8);
    for (const packet of [
      squeezed(joined(ping, long)),
      joined(squeezed(ping), long),
      joined(joined(ping), squeezed(joined(long))),
    ]) {
      expect(envelope().unwrapPacket(packet)).toEqual([ping, long]);
    }
    const compressing = envelope({ compresses: true });
    expect(compressing.wrapPacket([long], false).length).toBeLessThan(100);
    expect(compressing.unwrapPacket(compressing.wrapPacket([long, ping], true))).toEqual([long, ping]);
    expect(compressing.wrapPacket([ping], false)).toEqual(ping);
  });

  test("parts that are there count, where the last ones are cut off", () => {
    const packet = joined(ping, ping);
    expect(envelope().unwrapPacket(packet.subarray(0, packet.length - 1))).toEqual([ping]);
    expect(envelope().unwrapPacket(joined(new Uint8Array(0), ping))).toEqual([ping]);
  });

  test.each([
    ["no bytes", new Uint8Array(0), "malformed"],
    ["a compound of nothing that counts", Uint8Array.of(7, 9), "malformed"],
    ["nothing compressed", squeezed(new Uint8Array(0)), "malformed"],
    ["a bomb", squeezed(new Uint8Array(2_000_000)), "malformed"],
    ["a bomb in parts", joined(...Array(40).fill(squeezed(new Uint8Array(30_000)))), "bounded"],
    ["nesting without end", squeezed(squeezed(squeezed(squeezed(squeezed(squeezed(ping)))))), "too_large"],
    ["another algorithm", Uint8Array.fromHex("0982a4416c676f01a3427566a161"), "unsupported"],
    ["too many messages", joined(...Array(200).fill(joined(...Array(20).fill(ping)))), "too_large"],
  ])("%s is refused", (_, packet, expected) => {
    const result = envelope().unwrapPacket(packet);
    if (expected === "bounded") expect(Array.isArray(result) && result.length).toBe(8);
    else if (expected === "too_large" && Array.isArray(result)) expect(result.length).toBe(1024);
    else expect(result).toBe(expected as never);
  });

  test("whatever comes, nothing throws", () => {
    const dice = new Dice(17);
    const seeds = [joined(ping, squeezed(ping)), squeezed(joined(ping)), envelope().wrapPacket([ping], true)];
    for (let round = 0; round < 20_000; round++) {
      const packet = dice.oneIn(4) ? dice.bytes(dice.below(40)) : dice.pick(seeds).slice();
      for (let i = dice.below(4); i > 0 && packet.length > 0; i--)
        packet[dice.below(packet.length)] = dice.below(256);
      const result = envelope().unwrapPacket(packet.subarray(0, dice.oneIn(3) ? dice.below(60) : undefined));
      if (Array.isArray(result)) expect(result.every((message) => message.length > 0)).toBe(true);
    }
  });
});
