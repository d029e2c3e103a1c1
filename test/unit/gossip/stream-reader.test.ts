import { describe, expect, test } from "bun:test";
import { Envelope, type Refusal } from "../../../src/gossip/wire/envelope.ts";
import { Keyring } from "../../../src/gossip/wire/keyring.ts";
import { encodePushPull, type StreamMessage } from "../../../src/gossip/wire/stream-messages.ts";
import { StreamReader, wrapStream } from "../../../src/gossip/wire/stream-reader.ts";
import { systemSecrets } from "../../../src/platform/secrets.ts";
import { Dice } from "../../support/dice.ts";
import { encodeUserStream } from "../../support/gossip/user-messages.ts";

const limits = { maxMembers: 1000, maxStreamBytes: 200_000 };
const key = Uint8Array.from({ length: 16 }, (_, index) => index);
const alpha = {
  address: Uint8Array.of(127, 0, 0, 1),
  incarnation: 1,
  meta: new Uint8Array(0),
  name: "alpha",
  port: 7946,
  state: 0,
  versions: Uint8Array.of(1, 5, 2, 0, 0, 0),
};
const state = { isJoin: true, members: [alpha], userState: new TextEncoder().encode("hi") };
const plainHex = `06 83 a44a6f696e c3 a54e6f646573 01 ac5573657253746174654c656e 02
  87 a441646472 a47f000001 ab496e6361726e6174696f6e 01 a44d657461 c0 a44e616d65 a5616c706861
  a4506f7274 cd1f0a a55374617465 00 a356736e a6010502000000 6869`.replaceAll(/\s/g, "");
const squeezedHex =
  `0982a4416c676f00a3427566da006b000d0c22a5e44d1a37c34a397943a6cc9c00acaacc2923670a9d3074ca3029e3
  46c0215241c8909143ea0f00000156257133268c1c3718d3bc7113805493321781917212a64d995261d8c041138614943772e834fba0a094458c65008cb232c7
  8da90005049c0480264d40`.replaceAll(/\s/g, "");

function envelope(options: { label?: string; key?: Uint8Array; compresses?: boolean } = {}): Envelope {
  const keyring = options.key === undefined ? undefined : new Keyring([options.key], systemSecrets);
  return new Envelope({ label: options.label ?? "", keyring, compresses: options.compresses ?? false });
}

/** The first answer of a reader that gets the bytes in chunks of so many. */
function read(
  reading: Envelope,
  bytes: Uint8Array,
  chunkBytes = bytes.length,
): StreamMessage | Refusal | undefined {
  const reader = new StreamReader(reading, limits, true);
  for (let start = 0; start < bytes.length; start += chunkBytes) {
    const answer = reader.push(bytes.subarray(start, start + chunkBytes));
    if (answer !== undefined) return answer;
  }
  return undefined;
}

describe("streams", () => {
  test("push/pull reads and writes the bytes of real members, in chunks of any size", () => {
    expect(encodePushPull(state).toHex()).toBe(plainHex);
    for (const bytes of [plainHex, squeezedHex].map((hex) => Uint8Array.fromHex(hex))) {
      for (const chunkBytes of [1, 7, bytes.length]) {
        expect(read(envelope(), bytes, chunkBytes)).toEqual({ kind: "pushPull", body: state });
      }
      for (let length = 0; length < bytes.length; length++) {
        expect(read(envelope(), bytes.subarray(0, length))).toBeUndefined();
      }
    }
  });

  test.each([
    ["plain", {}],
    ["labelled", { label: "prod" }],
    ["sealed", { key }],
    ["sealed, labelled and compressed", { key, label: "prod", compresses: true }],
  ])("%s, as it is sent so it is read", (_, options) => {
    const members = Array.from({ length: 300 }, (_, index) => ({ ...alpha, name: `member-${index}` }));
    const body = { isJoin: false, members, userState: new Uint8Array(3000) };
    const bytes = wrapStream(envelope(options), encodePushPull(body), true);
    for (const chunkBytes of [13, bytes.length]) {
      expect(read(envelope(options), bytes, chunkBytes)).toEqual({ kind: "pushPull", body });
    }
    expect(read(envelope(options), wrapStream(envelope(options), encodeUserStream(key), true))).toEqual({
      kind: "user",
      body: key,
    });
  });

  test("a sealed stream is that of real members", () => {
    const bytes = Uint8Array.fromHex(
      "0a0000003001a0a1a2a3a4a5a6a7a8a9aaabaa049cf511ed56aee81dc161e341d5111d812484248a820ae374561b1be814a7f85f5c",
    );
    expect(read(envelope({ key }), bytes, 5)).toMatchObject({
      kind: "ping",
      body: { name: "beta", sequence: 7 },
    });
  });

  test("answers carry no label", () => {
    const labelled = envelope({ label: "prod", key });
    const answer = wrapStream(labelled, encodePushPull(state), false);
    expect(new StreamReader(labelled, limits, false).push(answer)).toEqual({ kind: "pushPull", body: state });
    expect(read(labelled, answer)).toBe("label");
  });

  test.each<[string, Envelope, Uint8Array, Refusal]>([
    ["in clear to a ring with keys", envelope({ key }), Uint8Array.fromHex(plainHex), "key"],
    [
      "sealed to a ring without",
      envelope(),
      wrapStream(envelope({ key }), encodePushPull(state), true),
      "key",
    ],
    [
      "under another key",
      envelope({ key }),
      wrapStream(envelope({ key: new Uint8Array(32) }), key, true),
      "key",
    ],
    ["of another ring", envelope({ label: "a" }), wrapStream(envelope({ label: "b" }), key, true), "label"],
    ["with a label", envelope(), wrapStream(envelope({ label: "b" }), key, true), "label"],
    ["of more members than allowed", envelope(), Uint8Array.fromHex("0681a54e6f646573cd03e9"), "malformed"],
    [
      "of more state than allowed",
      envelope(),
      Uint8Array.fromHex("0681ac5573657253746174654c656ece00030d41"),
      "malformed",
    ],
    ["sealed, with a length that lies", envelope({ key }), Uint8Array.fromHex("0affffffff00"), "too_large"],
    ["sealed, too short to be", envelope({ key }), Uint8Array.fromHex("0a0000000501"), "malformed"],
    [
      "that grows without end",
      envelope(),
      Buffer.concat([Uint8Array.fromHex("0881aa557365724d73674c656ece00030d40"), new Uint8Array(200_000)]),
      "too_large",
    ],
    [
      "a bomb",
      envelope(),
      wrapStream(envelope({ compresses: true }), encodeUserStream(new Uint8Array(5_000_000)), true),
      "malformed",
    ],
    [
      "compressed, of half a message",
      envelope(),
      wrapStream(
        envelope({ compresses: true }),
        encodeUserStream(new Uint8Array(9000)).subarray(0, 8000),
        true,
      ),
      "malformed",
    ],
    ["of a kind that streams do not have", envelope(), Uint8Array.fromHex("0b81a55365714e6f07"), "malformed"],
  ])("a stream %s is refused", (_, reading, bytes, refusal) => {
    expect(read(reading, bytes)).toBe(refusal);
  });

  test("whatever comes, nothing throws", () => {
    const dice = new Dice(23);
    const seeds = [plainHex, squeezedHex].map((hex) => Uint8Array.fromHex(hex));
    for (let round = 0; round < 5000; round++) {
      const bytes = dice.pick(seeds).slice();
      for (let i = 1 + dice.below(4); i > 0; i--) bytes[dice.below(bytes.length)] = dice.below(256);
      read(envelope(), bytes, 1 + dice.below(bytes.length));
    }
  });
});
