import { describe, expect, test } from "bun:test";
import { endpointText, parseAddress } from "../../../src/base/ip-address.ts";
import type { Endpoint } from "../../../src/gossip/endpoint.ts";
import { parseKeys } from "../../../src/gossip/key-file.ts";
import type { Member } from "../../../src/gossip/member.ts";
import { SeedJoiner, splitSeed } from "../../../src/gossip/seed-joiner.ts";
import { ManualClock } from "../../support/manual-clock.ts";

function memberAt(name: string, { address, port }: Endpoint, state: Member["state"] = "alive"): Member {
  return { name, address, port, state, meta: address, versions: address, incarnation: 1, stateSinceMs: 0 };
}

/** A joiner over names that stand for addresses, of which some answer. */
class Scene {
  readonly clock = new ManualClock();
  readonly addresses = new Map<string, string[]>();
  readonly reachable = new Set<string>();
  readonly self = memberAt("self", { address: parseAddress("10.0.0.9")!, port: 7946 });
  members: Member[] = [this.self];
  tried: string[] = [];
  told: string[] = [];
  readonly joiner: SeedJoiner;

  constructor(seeds: string[]) {
    this.joiner = new SeedJoiner({
      seeds,
      defaultPort: 7946,
      node: this,
      resolve: async (host) => {
        const found = this.addresses.get(host);
        if (found === undefined) throw new Error(`${host} is unknown`);
        return found;
      },
      clock: this.clock,
      observer: {
        joined: (through, count) => this.told.push(`joined ${count} through ${endpointText(through)}`),
        seedFailed: (seed, reason) => this.told.push(`${seed}: ${reason}`),
      },
    });
  }

  join(to: Endpoint, ended: (failure: string | undefined) => void): void {
    const where = endpointText(to);
    this.tried.push(where);
    if (this.reachable.has(where)) this.members.push(memberAt(where, to));
    ended(this.reachable.has(where) ? undefined : "refused");
  }

  /** Lets time pass, and tries come to their end. */
  async pass(durationMs: number): Promise<void> {
    [this.tried, this.told] = [[], []];
    this.clock.advance(durationMs);
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
  }
}

describe("seeds", () => {
  test("a name is looked up at each try, and all its addresses are joined", async () => {
    const scene = new Scene(["nodes:7000"]);
    await scene.joiner.start();
    expect(scene.told).toEqual(["nodes:7000: nodes is unknown"]);
    scene.addresses.set("nodes", ["10.0.0.1", "10.0.0.2"]);
    scene.reachable.add("10.0.0.2:7000");
    await scene.pass(2000);
    expect(scene.tried).toEqual(["10.0.0.1:7000", "10.0.0.2:7000"]);
    expect(scene.told).toEqual(["joined 2 through 10.0.0.2:7000", "nodes:7000: 10.0.0.1:7000: refused"]);
  });

  test("together with others it tries seldom, where it knows nobody, and tells a reason once", async () => {
    const scene = new Scene(["10.0.0.1", "10.0.0.2", "10.0.0.9"]);
    scene.reachable.add("10.0.0.1:7946");
    await scene.joiner.start();
    expect(scene.tried).toEqual(["10.0.0.1:7946", "10.0.0.2:7946"]);
    await scene.pass(29_000);
    expect(scene.tried).toEqual([]);
    await scene.pass(1000);
    expect([scene.tried, scene.told]).toEqual([["10.0.0.2:7946"], []]);
  });

  test("alone again it joins again, soon", async () => {
    const scene = new Scene(["10.0.0.1"]);
    scene.reachable.add("10.0.0.1:7946");
    await scene.joiner.start();
    scene.members = [scene.self, memberAt("other", scene.members[1]!, "dead")];
    await scene.pass(30_000);
    expect(scene.told).toEqual(["joined 2 through 10.0.0.1:7946"]);
  });

  test("are silent until they are reached, and again when they are not; the member's own address is no other", async () => {
    const scene = new Scene(["nodes", "10.0.0.9"]);
    const silent: boolean[] = [scene.joiner.hasSilentSeeds];
    await scene.joiner.start();
    silent.push(scene.joiner.hasSilentSeeds);
    for (const addresses of [["10.0.0.9"], ["10.0.0.9", "10.0.0.1"]]) {
      scene.addresses.set("nodes", addresses);
      await scene.pass(2000);
      silent.push(scene.joiner.hasSilentSeeds);
    }
    scene.reachable.add("10.0.0.1:7946");
    await scene.pass(2000);
    silent.push(scene.joiner.hasSilentSeeds);
    expect(silent).toEqual([true, true, false, true, false]);
  });

  test("a joiner that was stopped tries no more", async () => {
    const scene = new Scene(["10.0.0.1"]);
    await scene.joiner.start();
    scene.joiner.stop();
    await scene.pass(60_000);
    expect([scene.tried, scene.clock.pendingTimerCount]).toEqual([[], 0]);
  });

  test.each([
    ["node", "node", 7946],
    ["node:7000", "node", 7000],
    ["10.0.0.1:7000", "10.0.0.1", 7000],
    ["fd00::1", "fd00::1", 7946],
    ["[fd00::1]:7000", "fd00::1", 7000],
  ])("the seed %p is %p at %p", (seed, host, port) => {
    expect(splitSeed(seed, 7946)).toEqual({ host, port });
  });
});

describe("a file of keys", () => {
  const [first, second] = [new Uint8Array(16).fill(1), new Uint8Array(32).fill(2)];

  test("holds one on each line, beside comments", () => {
    const text = `# of the ring\n${first.toBase64()}\n\n  ${second.toBase64()} # old\n`;
    expect(parseKeys(text, "keys")).toEqual([first, second]);
  });

  test.each([
    ["", "keys holds no gossip key"],
    ["# nothing\n", "keys holds no gossip key"],
    [`${first.toBase64()}\nAAAA\n`, "keys, line 2: a gossip key is 16, 24 or 32 bytes in base64"],
    ["secret!", "keys, line 1: a gossip key is"],
  ])("%j is refused without showing it", (text, message) => {
    expect(() => parseKeys(text, "keys")).toThrow(message);
    expect(() => parseKeys(text, "keys")).not.toThrow("secret");
  });
});
