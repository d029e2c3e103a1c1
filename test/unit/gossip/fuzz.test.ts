/**
 * Packets that no member would send: random bytes, and real packets with bytes changed, cut off or glued together.
 *
 * `GOSSIP_FUZZ_PACKETS=1000000` sends more, `GOSSIP_FUZZ_SEED=N` others.
 */
import { describe, expect, test } from "bun:test";
import { defaultLimits } from "../../../src/gossip/settings.ts";
import { Keyring } from "../../../src/gossip/wire/keyring.ts";
import { systemSecrets } from "../../../src/platform/secrets.ts";
import { Dice } from "../../support/dice.ts";
import { VirtualRing } from "../../support/gossip/virtual-ring.ts";

const packetCount = Number(process.env["GOSSIP_FUZZ_PACKETS"] ?? 20_000);
const seed = Number(process.env["GOSSIP_FUZZ_SEED"] ?? 1 + (Date.now() % 1_000_000));
const stranger = { address: Uint8Array.of(10, 9, 9, 9), port: 9 };

/** A ring at rest, and packets that it sent: pings, answers, news, accusations. */
function ringWithTraffic(options: Parameters<VirtualRing["addMany"]>[1]): {
  ring: VirtualRing;
  packets: Uint8Array[];
} {
  const ring = new VirtualRing(seed);
  const packets: Uint8Array[] = [];
  ring.tap = (_, packet) => void (packets.length < 2000 && packets.push(packet));
  ring.addMany(5, options);
  ring.clock.advance(3000);
  ring.crash("member-4");
  ring.clock.advance(60_000);
  ring.tap = () => undefined;
  return { ring, packets };
}

function mutate(dice: Dice, packets: readonly Uint8Array[]): Uint8Array {
  if (dice.oneIn(8)) return dice.bytes(dice.below(200));
  let packet = Uint8Array.from(dice.pick(packets));
  if (dice.oneIn(4)) packet = packet.slice(0, dice.below(packet.length));
  if (dice.oneIn(8)) packet = Uint8Array.from([...packet, ...dice.pick(packets)]);
  for (let changes = 1 + dice.below(3); changes > 0 && packet.length > 0; changes--) {
    packet[dice.below(packet.length)] = dice.below(256);
  }
  return packet;
}

function summary(ring: VirtualRing): unknown {
  const { node } = ring.get("member-0");
  return node.members
    .map(({ name, state, incarnation, meta }) => [name, state, incarnation, meta.length])
    .sort();
}

describe(`with packets of the seed ${seed}`, () => {
  test("a sealed ring is not changed by anything that is not sealed", () => {
    const keyring = new Keyring([new Uint8Array(16).fill(5)], systemSecrets);
    const { ring, packets } = ringWithTraffic({ keyring });
    // A packet that was not changed would be believed.
    const sent = new Set(packets.map((packet) => Buffer.from(packet).toString("latin1")));
    const dice = new Dice(seed);
    const before = summary(ring);
    for (let round = 0; round < packetCount; round++) {
      const packet = mutate(dice, packets);
      if (!sent.has(Buffer.from(packet).toString("latin1")))
        ring.get("member-0").node.receivePacket(stranger, packet);
    }
    expect(summary(ring)).toEqual(before);
  }, 600_000);

  test("a ring in the clear goes on, within its bounds", () => {
    const { ring, packets } = ringWithTraffic({ limits: { ...defaultLimits, maxMembers: 50 } });
    const dice = new Dice(seed);
    for (let round = 0; round < packetCount; round++) {
      ring.get("member-0").node.receivePacket(stranger, mutate(dice, packets));
      if (dice.oneIn(100)) ring.clock.advance(10);
    }
    expect(ring.get("member-0").node.members.length).toBeLessThanOrEqual(50);
    expect(ring.get("member-0").node.self.state).toBe("alive");
    // What was made up is found out, and those who are there are alive for each other in the end.
    ring.clock.advance(180_000);
    const alive = (name: string) => ring.get("member-0").node.member(name)?.state === "alive";
    expect(["member-1", "member-2", "member-3"].filter(alive)).toEqual(["member-1", "member-2", "member-3"]);
    expect(ring.get("member-0").node.members.filter(({ state }) => state === "alive").length).toBe(4);
  }, 600_000);

  test("random bytes alone change nothing", () => {
    const { ring } = ringWithTraffic({});
    const dice = new Dice(seed);
    const before = summary(ring);
    for (let round = 0; round < packetCount; round++) {
      ring.get("member-0").node.receivePacket(stranger, dice.bytes(dice.below(100)));
    }
    expect(summary(ring)).toEqual(before);
  }, 600_000);
});
