import { describe, expect, test } from "bun:test";
import { defaultLimits, defaultTiming, versionsOf } from "../../../src/gossip/settings.ts";
import { Envelope } from "../../../src/gossip/wire/envelope.ts";
import { Keyring } from "../../../src/gossip/wire/keyring.ts";
import { type BodyOf, encodeMessage, type MessageKind } from "../../../src/gossip/wire/messages.ts";
import { systemSecrets } from "../../../src/platform/secrets.ts";
import { encodeUserMessage, encodeUserStream } from "../../support/gossip/user-messages.ts";
import { VirtualRing } from "../../support/gossip/virtual-ring.ts";

const plain = new Envelope({ label: "", keyring: undefined, compresses: false });
const encoder = new TextEncoder();

function ringOf(count: number, seed = 1, options: Parameters<VirtualRing["addMany"]>[1] = {}): VirtualRing {
  const ring = new VirtualRing(seed);
  ring.addMany(count, options);
  expect(ring.clock.advanceUntil(() => ring.isConverged(), 10_000)).toBeDefined();
  return ring;
}

/** Lets a member receive a message as if `from` had sent it. */
function tell<K extends MessageKind>(ring: VirtualRing, name: string, kind: K, body: BodyOf<K>): void {
  const endpoint = { address: Uint8Array.of(10, 9, 9, 9), port: 1 };
  ring.get(name).node.receivePacket(endpoint, plain.wrapPacket([encodeMessage(kind, body)], false));
}

function aliveOf(ring: VirtualRing, name: string): BodyOf<"alive"> {
  return { ...ring.get(name).node.self };
}

describe("a ring", () => {
  test("who joins one member is known to all within seconds, and the other way round", () => {
    const ring = ringOf(6);
    expect(ring.eventsOf("memberJoined").length).toBe(36);
    expect(ring.eventsOf("memberSuspected")).toEqual([]);
  });

  test("one that crashed is suspected, failed, and forgotten", () => {
    const ring = ringOf(5);
    ring.crash("member-2");
    const detectedMs = ring.clock.advanceUntil(() => ring.isConverged(), 30_000);
    expect(detectedMs).toBeLessThan(15_000);
    expect(new Set(ring.eventsOf("memberFailed").map(({ about }) => about))).toEqual(new Set(["member-2"]));
    expect(ring.stateOf("member-0", "member-2")).toBe("dead");
    ring.clock.advance(defaultTiming.gossipToTheDeadMs + 10_000);
    expect(ring.stateOf("member-0", "member-2")).toBeUndefined();
  });

  test("one that comes back after a crash takes a higher incarnation", () => {
    const ring = ringOf(4);
    ring.crash("member-3");
    ring.clock.advanceUntil(() => ring.stateOf("member-0", "member-3") === "dead", 30_000);
    ring.add("member-3");
    ring.join("member-3", "member-1");
    expect(ring.clock.advanceUntil(() => ring.isConverged(), 10_000)).toBeDefined();
    expect(ring.get("member-0").node.member("member-3")?.incarnation).toBeGreaterThan(1);
  });

  test("one that leaves has left everywhere, and not failed", () => {
    const ring = ringOf(4);
    let hasLeft = false;
    ring.get("member-1").node.leave(5000, () => {
      hasLeft = true;
    });
    expect(ring.clock.advanceUntil(() => hasLeft, 4900)).toBeDefined();
    for (const name of ["member-0", "member-2", "member-3"])
      expect(ring.stateOf(name, "member-1")).toBe("left");
    ring.crash("member-1");
    ring.clock.advance(20_000);
    expect(ring.eventsOf("memberFailed")).toEqual([]);
    // The last to go waits for nobody.
    const alone = new VirtualRing(1);
    let isGone = false;
    alone.add("alone").node.leave(5000, () => {
      isGone = true;
    });
    expect(isGone).toBe(true);
  });

  test("a goodbye is heard where packets are lost, and go to one who has just died", () => {
    for (let seed = 1; seed <= 40; seed++) {
      const ring = ringOf(3, seed);
      ring.crash("member-2");
      ring.lossShare = 0.6;
      let hasLeft = false;
      ring.get("member-1").node.leave(5000, () => {
        hasLeft = true;
      });
      expect(ring.clock.advanceUntil(() => hasLeft, 4900)).toBeDefined();
      ring.crash("member-1");
      ring.clock.advance(100);
      expect([seed, ring.stateOf("member-0", "member-1")]).toEqual([seed, "left"]);
    }
  });

  test("one that is taken for dead, and says goodbye, has left; nobody of whom it knows has to be alive", () => {
    const ring = ringOf(3);
    ring.isConnected = (from, to) => (from === "member-1") === (to === "member-1");
    const isAlone = () => ["member-0", "member-2"].every((name) => ring.stateOf("member-1", name) === "dead");
    ring.clock.advanceUntil(() => isAlone() && ring.stateOf("member-0", "member-1") === "dead", 60_000);
    ring.isConnected = () => true;
    ring.get("member-1").node.leave(5000, () => ring.crash("member-1"));
    expect(ring.get("member-1").isUp).toBe(false);
    ring.clock.advance(1000);
    for (const name of ["member-0", "member-2"]) expect(ring.stateOf(name, "member-1")).toBe("left");
  });

  test("what a member says anew of itself is known everywhere at once", () => {
    const ring = ringOf(5);
    ring.get("member-4").node.updateMeta(encoder.encode("draining"));
    const sees = (name: string) =>
      Buffer.from(ring.get(name).node.member("member-4")!.meta).toString() === "draining";
    expect(ring.clock.advanceUntil(() => [...ring.members.keys()].every(sees), 3000)).toBeDefined();
    expect(ring.eventsOf("memberUpdated", "member-4").length).toBe(5);
  });

  test("messages of other makes' applications are handed on", () => {
    const ring = ringOf(2);
    const { node, received } = ring.get("member-0");
    const endpoint = { address: Uint8Array.of(10, 9, 9, 9), port: 1 };
    node.receivePacket(endpoint, plain.wrapPacket([encodeUserMessage(encoder.encode("packet"))], false));
    const message = node.streamReader().push(encodeUserStream(encoder.encode("stream")));
    expect(node.answerStream(endpoint, message!)).toBeUndefined();
    expect(received.map((bytes) => Buffer.from(bytes).toString())).toEqual(["packet", "stream"]);
  });

  test("the loss of a fifth of all packets makes nobody fail", () => {
    const ring = ringOf(10);
    ring.lossShare = 0.2;
    ring.clock.advance(10 * 60_000);
    ring.lossShare = 0;
    expect(ring.clock.advanceUntil(() => ring.isConverged(), 10_000)).toBeDefined();
    expect(ring.eventsOf("memberFailed")).toEqual([]);
  });

  test("a member that others reach is not suspected by one that does not reach it", () => {
    const ring = ringOf(6);
    const pair = new Set(["member-1", "member-2"]);
    ring.isConnected = (from, to) => !(pair.has(from) && pair.has(to));
    ring.clock.advance(60_000);
    expect(ring.eventsOf("memberSuspected")).toEqual([]);
  });

  test("a member that answers over TCP alone is not suspected, and the loss is told", () => {
    const ring = ringOf(4);
    ring.tap = (from) => {
      ring.lossShare = from === "member-3" ? 1 : 0;
    };
    ring.clock.advance(20_000);
    expect(ring.eventsOf("packetsLost", "member-3").length).toBeGreaterThan(0);
    expect(ring.eventsOf("memberFailed")).toEqual([]);
  });

  test("halves that a partition kept apart come together again", () => {
    const ring = ringOf(8);
    ring.isConnected = (from, to) => from < "member-4" === to < "member-4";
    ring.clock.advance(30_000);
    expect(ring.stateOf("member-0", "member-7")).toBe("dead");
    ring.isConnected = () => true;
    // Nobody speaks to the dead of their own accord once the news of them is old, so one joins again.
    ring.join("member-0", "member-7");
    expect(ring.clock.advanceUntil(() => ring.isConverged(), 60_000)).toBeDefined();
  });
});

describe("what others say", () => {
  test.each(["suspect", "dead"] as const)("a member that is called %s refutes", (kind) => {
    const ring = ringOf(3);
    tell(ring, "member-0", kind, { name: "member-0", incarnation: 6, from: "member-2" });
    expect(ring.get("member-0").node.self).toMatchObject({ state: "alive", incarnation: 7 });
    expect(ring.get("member-0").node.healthScore).toBe(1);
    ring.clock.advance(3000);
    expect(ring.get("member-2").node.member("member-0")).toMatchObject({ state: "alive", incarnation: 7 });
    tell(ring, "member-0", kind, { name: "member-0", incarnation: 3, from: "member-2" });
    expect(ring.get("member-0").node.self.incarnation).toBe(7);
  });

  test("a false accusation is refuted in time", () => {
    const ring = ringOf(5);
    tell(ring, "member-1", "suspect", { name: "member-4", incarnation: 1, from: "member-0" });
    expect(ring.stateOf("member-1", "member-4")).toBe("suspect");
    expect(ring.clock.advanceUntil(() => ring.isConverged(), 4000)).toBeDefined();
    expect(ring.eventsOf("memberFailed")).toEqual([]);
  });

  test("what is older than what is known changes nothing", () => {
    const ring = ringOf(3);
    const { node } = ring.get("member-0");
    tell(ring, "member-0", "alive", {
      ...aliveOf(ring, "member-1"),
      incarnation: 5,
      meta: encoder.encode("new"),
    });
    tell(ring, "member-0", "alive", {
      ...aliveOf(ring, "member-1"),
      incarnation: 5,
      meta: encoder.encode("old"),
    });
    tell(ring, "member-0", "suspect", { name: "member-1", incarnation: 4, from: "member-2" });
    tell(ring, "member-0", "dead", { name: "member-1", incarnation: 4, from: "member-2" });
    expect(node.member("member-1")).toMatchObject({
      state: "alive",
      incarnation: 5,
      meta: encoder.encode("new"),
    });
  });

  test("a suspect is cleared by a higher incarnation alone", () => {
    const ring = ringOf(3);
    tell(ring, "member-0", "suspect", { name: "member-1", incarnation: 1, from: "member-2" });
    tell(ring, "member-0", "alive", aliveOf(ring, "member-1"));
    expect(ring.stateOf("member-0", "member-1")).toBe("suspect");
    tell(ring, "member-0", "alive", { ...aliveOf(ring, "member-1"), incarnation: 2 });
    expect(ring.stateOf("member-0", "member-1")).toBe("alive");
  });

  test("accusations of nobody that is known are passed over", () => {
    const ring = ringOf(2);
    tell(ring, "member-0", "suspect", { name: "nobody", incarnation: 1, from: "member-1" });
    tell(ring, "member-0", "dead", { name: "nobody", incarnation: 1, from: "member-1" });
    expect(ring.get("member-0").node.members.length).toBe(2);
  });

  test("a name that is taken stays with who has it, and the claim is told", () => {
    const ring = ringOf(3);
    ring.add("member-1", {}, { address: Uint8Array.of(10, 0, 7, 7), port: 7946 });
    ring.join("member-1", "member-0");
    ring.clock.advance(2000);
    expect(ring.get("member-0").node.member("member-1")?.address).toEqual(Uint8Array.of(10, 0, 0, 1));
    expect(ring.eventsOf("nameTaken", "member-1").map(({ by }) => by)).toEqual(
      expect.arrayContaining(["member-0", "member-1"]),
    );
  });

  test.each([
    [0, "dead"],
    [5000, "alive"],
  ] as const)(
    "with deadReclaimMs %p another address that takes a dead name is %s",
    (deadReclaimMs, expected) => {
      const ring = ringOf(4, 1, { timing: { ...defaultTiming, deadReclaimMs } });
      ring.crash("member-3");
      ring.clock.advanceUntil(() => ring.stateOf("member-0", "member-3") === "dead", 30_000);
      ring.clock.advance(6000);
      ring.add("member-3", {}, { address: Uint8Array.of(10, 0, 7, 7), port: 7946 });
      ring.join("member-3", "member-0");
      ring.clock.advance(1000);
      expect(ring.stateOf("member-0", "member-3")).toBe(expected);
    },
  );

  test("another address may take the name of one that has left", () => {
    const ring = ringOf(3);
    ring.get("member-2").node.leave(3000, () => undefined);
    ring.clock.advance(3000);
    ring.crash("member-2");
    ring.add("member-2", {}, { address: Uint8Array.of(10, 0, 7, 7), port: 7946 });
    ring.join("member-2", "member-0");
    expect(ring.clock.advanceUntil(() => ring.isConverged(), 5000)).toBeDefined();
  });

  test.each<[string, Partial<BodyOf<"alive">>, string]>([
    ["no name", { name: "" }, "invalid"],
    ["an address of three bytes", { address: Uint8Array.of(1, 2, 3) }, "invalid"],
    ["incarnation 0", { incarnation: 0 }, "invalid"],
    ["an incarnation that nothing can refute", { incarnation: 0xffffffff }, "invalid"],
    ["no versions", { versions: new Uint8Array(0) }, "versions"],
    ["half of the versions", { versions: Uint8Array.of(1, 5, 2) }, "versions"],
    ["versions upside down", { versions: Uint8Array.of(5, 1, 2, 0, 0, 0) }, "versions"],
  ])("an alive with %s is refused", (_, change, refusal) => {
    const ring = ringOf(2);
    tell(ring, "member-0", "alive", { ...aliveOf(ring, "member-1"), name: "new", incarnation: 3, ...change });
    expect(ring.get("member-0").node.members.length).toBe(2);
    expect(ring.eventsOf("refused").map(({ about }) => about)).toEqual([refusal]);
  });

  test("an accusation that nobody could refute is refused", () => {
    const ring = ringOf(2);
    tell(ring, "member-0", "suspect", { name: "member-0", incarnation: 0xffffffff, from: "member-1" });
    expect(ring.get("member-0").node.self.incarnation).toBe(1);
    tell(ring, "member-0", "suspect", { name: "member-0", incarnation: 0xfffffffe, from: "member-1" });
    expect(ring.get("member-0").node.self.incarnation).toBe(0xffffffff);
  });

  test("there are no more members than the limit", () => {
    const ring = ringOf(2, 1, { limits: { ...defaultLimits, maxMembers: 3 } });
    const body = aliveOf(ring, "member-1");
    for (let i = 0; i < 5; i++) tell(ring, "member-0", "alive", { ...body, name: `more-${i}` });
    expect(ring.get("member-0").node.members.length).toBe(3);
    expect(ring.eventsOf("refused").length).toBe(4);
  });

  test("a ping for another name is not answered, one for no name is", () => {
    const ring = ringOf(2);
    const answers: string[] = [];
    ring.tap = (from) => answers.push(from);
    const source = { sourceAddress: Uint8Array.of(10, 9, 9, 9), sourceName: "x", sourcePort: 9 };
    tell(ring, "member-0", "ping", { name: "member-1", sequence: 1, ...source });
    expect(answers).toEqual([]);
    tell(ring, "member-0", "ping", { name: "", sequence: 1, ...source });
    expect(answers).toEqual(["member-0"]);
  });
});

describe("who belongs to the ring", () => {
  test.each<[string, Parameters<VirtualRing["add"]>[1]]>([
    ["another key", { keyring: new Keyring([new Uint8Array(16)], systemSecrets) }],
    ["no key", {}],
  ])("a stranger with %s joins nobody, and nobody knows it", (_, options) => {
    const keyring = new Keyring([new Uint8Array(32).fill(7)], systemSecrets);
    const ring = ringOf(3, 1, { keyring, compresses: true });
    ring.add("stranger", options);
    const reasons: (string | undefined)[] = [];
    ring.join("stranger", "member-0", (failure) => reasons.push(failure));
    ring.clock.advance(20_000);
    expect(reasons).toEqual(["it is not sealed with a key of this ring"]);
    expect(ring.stateOf("member-0", "stranger")).toBeUndefined();
    expect(ring.get("stranger").node.members.length).toBe(1);
    expect(ring.eventsOf("refused").some(({ by, about }) => by === "member-0" && about === "key")).toBe(true);
  });

  test("rings with other labels do not meet", () => {
    const ring = ringOf(2, 1, { label: "a" });
    ring.add("other", { label: "b" });
    ring.join("other", "member-0");
    ring.clock.advance(20_000);
    expect(ring.stateOf("member-0", "other")).toBeUndefined();
    expect(ring.get("other").node.members.length).toBe(1);
  });

  test("versions that do not fit are refused as a whole, and the joining side is told why", () => {
    const ring = ringOf(2);
    ring.add("serf", { delegateVersions: [2, 5, 4] });
    let reason: string | undefined;
    ring.join("serf", "member-0", (failed) => {
      reason = failed;
    });
    ring.clock.advance(1000);
    expect(reason).toBe("serf speaks delegate protocol version 4, and the ring takes 2 to 0");
    expect(ring.stateOf("member-0", "serf")).toBeUndefined();
    expect(() => versionsOf([3, 1, 2])).toThrow("lowest, highest and current");
  });

  test("a name or metadata that no member may have is refused at once", () => {
    const ring = new VirtualRing(1);
    expect(() => ring.add("")).toThrow("allowed are 1 to 255");
    expect(() => ring.add("a", { meta: new Uint8Array(513) })).toThrow("allowed are 512 at most");
  });
});

test("no packet is longer than the bound, whatever is around it", () => {
  const keyring = new Keyring([new Uint8Array(32).fill(7)], systemSecrets);
  for (const options of [{}, { keyring, label: "a label", compresses: true }]) {
    const ring = ringOf(60, 3, { ...options, meta: encoder.encode("m".repeat(300)) });
    ring.clock.advance(5000);
    expect(ring.maxPacketBytes).toBeLessThanOrEqual(1400);
    expect(ring.maxPacketBytes).toBeGreaterThan(300);
  }
});

test("a node that was stopped sends nothing any more", () => {
  const ring = ringOf(3);
  ring.get("member-0").node.stop();
  const { sentPackets } = ring.get("member-0");
  ring.isConnected = (_, to) => to !== "member-0";
  ring.clock.advance(10_000);
  expect(ring.get("member-0").sentPackets).toBe(sentPackets);
});
