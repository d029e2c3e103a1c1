import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  advanceClock,
  type Clock,
  clockFromMessage,
  clockToMessage,
  compareClocks,
  emptyClock,
  formatClock,
  mergeClocks,
  parseClock,
} from "../../../clients/typescript/src/clock.ts";
import { clockFrom, compareClocks as nodesOrder } from "../../../src/versions/vector-clock.ts";

/** Few writers and small numbers, so that all four orders come up. */
const clocks: fc.Arbitrary<Clock> = fc
  .dictionary(fc.constantFrom("a", "b", "é", "node-1"), fc.bigInt(1n, 3n))
  .map((entries) => new Map(Object.entries(entries)));

const swapped = { before: "after", after: "before", equal: "equal", concurrent: "concurrent" } as const;

describe("clocks", () => {
  test("stand to each other as the node sees it", () => {
    const asNodes = (clock: Clock) =>
      clockFrom([...clock].map(([nodeId, timestamp]) => ({ nodeId, timestamp })));
    fc.assert(
      fc.property(clocks, clocks, (a, b) => {
        expect(compareClocks(a, b)).toBe(nodesOrder(asNodes(a), asNodes(b)));
        expect(compareClocks(b, a)).toBe(swapped[compareClocks(a, b)]);
      }),
      { numRuns: 2000 },
    );
  });

  test("merged have seen both, and no more", () => {
    fc.assert(
      fc.property(clocks, clocks, clocks, (a, b, other) => {
        const merged = mergeClocks(a, b);
        for (const clock of [a, b]) expect(compareClocks(merged, clock)).toBeOneOf(["after", "equal"]);
        const hasSeenBoth = [a, b].every((clock) => ["after", "equal"].includes(compareClocks(other, clock)));
        if (hasSeenBoth) expect(compareClocks(other, merged)).toBeOneOf(["after", "equal"]);
      }),
    );
  });

  test("advanced are after what was seen, with a number that is at least the one asked for", () => {
    fc.assert(
      fc.property(clocks, fc.bigInt(0n, 5n), (seen, least) => {
        const next = advanceClock(seen, "a", least);
        expect(compareClocks(next, seen)).toBe("after");
        expect(next.get("a")! >= least).toBe(true);
        expect(new Map([...next].filter(([writer]) => writer !== "a"))).toEqual(
          new Map([...seen].filter(([writer]) => writer !== "a")),
        );
      }),
    );
  });

  test("come back from messages and from text", () => {
    fc.assert(
      fc.property(clocks, (clock) => {
        expect(clockFromMessage(clockToMessage(clock))).toEqual(clock);
        expect(parseClock(formatClock(clock))).toEqual(clock);
      }),
    );
    const largest = new Map([["w", 2n ** 63n - 1n]]);
    expect(parseClock(formatClock(largest))).toEqual(largest);
    expect(clockFromMessage(undefined)).toEqual(emptyClock);
    expect(clockFromMessage({ entries: [{ coordinatorNodeId: "a", logicalTimestamp: 0n }] })).toEqual(
      emptyClock,
    );
  });

  test.each(["", "{}", "[1]", '[["a",1]]', '[["a","0"]]', '[["a","-1"]]', '[["a","1","2"]]', "null"])(
    "%p is no clock's text",
    (text) => expect(() => parseClock(text)).toThrow(SyntaxError),
  );
});
