/**
 * A large ring in virtual time, against what the papers on SWIM and Lifeguard predict.
 *
 * `GOSSIP_MEMBERS=500` makes the ring larger (two minutes of one processor), `GOSSIP_SEED=N` another.
 */
import { describe, expect, test } from "bun:test";
import { defaultTiming } from "../../src/gossip/settings.ts";
import { suspicionTimeouts } from "../../src/gossip/suspicion.ts";
import { VirtualRing } from "../support/gossip/virtual-ring.ts";

const memberCount = Number(process.env["GOSSIP_MEMBERS"] ?? 100);
const seed = Number(process.env["GOSSIP_SEED"] ?? 1 + (Date.now() % 1_000_000));
const crashCount = Math.ceil(memberCount / 20);

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

function expectWithin(share: number, measured: number, predicted: number): void {
  expect(measured).toBeGreaterThan(predicted * (1 - share));
  expect(measured).toBeLessThan(predicted * (1 + share));
}

const ring = new VirtualRing(seed);
const figures: Record<string, number> = { seed, memberCount };

function sentPackets(): number {
  return ring.up.reduce((sum, member) => sum + member.sentPackets, 0);
}

/** Each step goes on where the one before it ended. */
describe(`a ring of ${memberCount}, seed ${seed}`, () => {
  test("all who join at one moment know all others", () => {
    ring.addMany(memberCount);
    const joinedMs = ring.clock.advanceUntil(() => ring.isConverged(), 60_000);
    expect(joinedMs).toBeDefined();
    expect(ring.eventsOf("memberFailed")).toEqual([]);
    figures["joinedMs"] = joinedMs!;
  }, 300_000);

  test("at rest each member sends a ping and answers one in each interval", () => {
    ring.clock.advance(30_000);
    const before = sentPackets();
    ring.clock.advance(10_000);
    figures["packetsPerMemberAndSecond"] = (sentPackets() - before) / memberCount / 10;
    expectWithin(0.2, figures["packetsPerMemberAndSecond"], 2);
  }, 300_000);

  test("the crash of every twentieth is noticed when it should be", () => {
    const crashedAtMs = ring.clock.monotonicMs();
    const crashed = Array.from({ length: crashCount }, (_, index) => `member-${20 * index + 1}`);
    for (const name of crashed) ring.crash(name);
    figures["crashSeenByAllMs"] = ring.clock.advanceUntil(() => ring.isConverged(), 60_000)!;
    const failedAtMs = crashed.map((name) => ring.eventsOf("memberFailed", name)[0]!.atMs - crashedAtMs);
    figures["crashDetectedMs"] = mean(failedAtMs);
    // Each of n members probes one of n - 1 others in an interval: the first probe comes after one interval in the mean.
    // Its failure takes another, and the suspicion, confirmed by others meanwhile, its shortest time.
    const { shortestMs } = suspicionTimeouts(defaultTiming, memberCount);
    figures["crashDetectedPredictedMs"] = 2 * defaultTiming.probeIntervalMs + shortestMs;
    expectWithin(0.2, figures["crashDetectedMs"], figures["crashDetectedPredictedMs"]);
    // News then reach everybody within some rounds of gossip.
    expect(figures["crashSeenByAllMs"]).toBeLessThan(Math.max(...failedAtMs) + 5000);
    expect(new Set(ring.eventsOf("memberFailed").map(({ about }) => about))).toEqual(new Set(crashed));
  }, 300_000);

  test("halves that 30 s of a partition kept apart come together again", () => {
    const half = new Map([...ring.members.keys()].map((name, index) => [name, index % 2]));
    ring.isConnected = (from, to) => half.get(from) === half.get(to);
    ring.clock.advance(30_000);
    ring.isConnected = () => true;
    // As each node does for seeds at which it knows nobody: without that two halves that forgot each other stay two.
    for (const [name, seedName] of [
      ["member-2", "member-3"],
      ["member-5", "member-0"],
    ])
      ring.join(name!, seedName!);
    const healedMs = ring.clock.advanceUntil(() => ring.isConverged(), 120_000);
    expect(healedMs).toBeDefined();
    figures["partitionHealedMs"] = healedMs!;
  }, 600_000);

  test("no packet was longer than it may be, and none was refused", () => {
    expect(ring.maxPacketBytes).toBeLessThanOrEqual(1400);
    expect(ring.eventsOf("refused")).toEqual([]);
    figures["maxPacketBytes"] = ring.maxPacketBytes;
    process.stderr.write(`${JSON.stringify(figures)}\n`);
  });
});
