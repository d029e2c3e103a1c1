import { describe, expect, test } from "bun:test";
import type { MutableMember } from "../../../src/gossip/member.ts";
import { MemberList } from "../../../src/gossip/member-list.ts";
import { seededRandom } from "../../../src/platform/random.ts";

function member(name: string): MutableMember {
  return {
    name,
    address: Uint8Array.of(127, 0, 0, 1),
    port: 1,
    meta: new Uint8Array(0),
    versions: Uint8Array.of(1, 5, 2, 0, 0, 0),
    incarnation: 1,
    state: "alive",
    stateSinceMs: 0,
  };
}

function listOf(count: number): MemberList {
  const list = new MemberList(seededRandom(count));
  for (let i = 0; i < count; i++) list.add(member(`m${i}`));
  return list;
}

describe("members", () => {
  test("each pass visits everybody once, in another order", () => {
    const list = listOf(20);
    let passes = 0;
    const visit = () =>
      list.nextWhere(
        () => true,
        () => passes++,
      )!.name;
    const orders = Array.from({ length: 3 }, () => Array.from({ length: 20 }, visit));
    for (const order of orders) expect(new Set(order).size).toBe(20);
    expect(orders[1]).not.toEqual(orders[2]!);
    expect(passes).toBe(2);
  });

  test("a pass that finds nobody ends", () => {
    expect(
      listOf(5).nextWhere(
        () => false,
        () => undefined,
      ),
    ).toBeUndefined();
    expect(
      listOf(0).nextWhere(
        () => true,
        () => undefined,
      ),
    ).toBeUndefined();
  });

  test("samples are of different members that fit, each about as often", () => {
    for (const count of [6, 100]) {
      const list = listOf(count);
      const counts = new Map<string, number>();
      for (let round = 0; round < 2000; round++) {
        const names = list.sample(3, ({ name }) => name !== "m0").map(({ name }) => name);
        expect(new Set(names).size).toBe(3);
        for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
      }
      const expected = 6000 / (count - 1);
      expect(counts.size).toBe(count - 1);
      expect(counts.has("m0")).toBe(false);
      for (const seen of counts.values())
        expect(Math.abs(seen - expected)).toBeLessThan(7 * Math.sqrt(expected));
    }
    expect(listOf(3).sample(9, () => true).length).toBe(3);
  });

  test("who is removed is not found any more", () => {
    const list = listOf(10);
    list.removeWhere(({ name }) => name < "m5");
    expect([list.size, list.get("m1"), list.get("m7")?.name]).toEqual([5, undefined, "m7"]);
  });
});
