import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { compareBytes } from "../../../src/base/bytes.ts";
import {
  type ClockOrder,
  clockFrom,
  clockSum,
  clockTimestamp,
  compareClocks,
  emptyClock,
  incrementClock,
  maxClockTimestamp,
  mergeClocks,
  orderClocks,
  type VectorClock,
} from "../../../src/versions/vector-clock.ts";
import { anyClock, bytesOf, clock, entries, smallClock } from "../../support/arbitrary-versions.ts";

const small = smallClock(["a", "b", "c"], 3);

/** The definition, one id at a time. */
function orderByDefinition(a: VectorClock, b: VectorClock): ClockOrder {
  const ids = new Set([...a, ...b].map((entry) => entry.nodeId));
  const aAhead = [...ids].some((id) => clockTimestamp(a, id) > clockTimestamp(b, id));
  const bAhead = [...ids].some((id) => clockTimestamp(b, id) > clockTimestamp(a, id));
  if (aAhead && bAhead) return "concurrent";
  if (aAhead) return "after";
  return bAhead ? "before" : "equal";
}

function isAtOrBefore(a: VectorClock, b: VectorClock): boolean {
  return ["before", "equal"].includes(compareClocks(a, b));
}

describe("canonical form", () => {
  test("zeros go, and ids are in the byte order of UTF-8", () => {
    const ids = ["z", "\u{10000}", "\u{ffff}", "a", "zero", "é"];
    const canonical = clockFrom(ids.map((nodeId) => ({ nodeId, timestamp: nodeId === "zero" ? 0n : 1n })));
    expect(canonical.map((entry) => entry.nodeId)).toEqual(["a", "z", "é", "\u{ffff}", "\u{10000}"]);
  });

  test("is the same for every order of the entries", () => {
    fc.assert(
      fc.property(
        anyClock.chain((sorted) =>
          fc.tuple(fc.constant(sorted), fc.shuffledSubarray([...sorted], { minLength: sorted.length })),
        ),
        ([sorted, shuffled]) => expect(clockFrom(shuffled)).toEqual(sorted),
      ),
    );
  });

  test("an id twice is a bug of the caller", () => {
    const twice = [...entries({ a: 1 }), ...entries({ a: 2 })];
    expect(() => clockFrom(twice)).toThrow("node id twice");
  });
});

describe("compare", () => {
  test.each([
    [{}, {}, "equal"],
    [{}, { a: 1 }, "before"],
    [{ a: 1 }, {}, "after"],
    [{ a: 1, b: 0 }, { a: 1 }, "equal"],
    [{ a: 1 }, { a: 2 }, "before"],
    [{ a: 1 }, { b: 1 }, "concurrent"],
    [{ a: 2, b: 1 }, { a: 1, b: 1 }, "after"],
    [{ a: 2, b: 1 }, { a: 1, b: 2 }, "concurrent"],
    [{ a: 1, c: 1 }, { a: 1, b: 1, c: 1 }, "before"],
    [{ a: 2n ** 63n - 1n }, { a: 2n ** 63n - 2n }, "after"],
  ] as const)("%p against %p is %s", (a, b, order) => {
    expect(compareClocks(clock(a), clock(b))).toBe(order);
  });

  test("follows the definition, and turns round with its sides", () => {
    const mirror = { before: "after", after: "before", equal: "equal", concurrent: "concurrent" } as const;
    fc.assert(
      fc.property(fc.oneof(small, anyClock), fc.oneof(small, anyClock), (a, b) => {
        expect(compareClocks(a, b)).toBe(orderByDefinition(a, b));
        expect(compareClocks(b, a)).toBe(mirror[compareClocks(a, b)]);
      }),
      { numRuns: 1000 },
    );
  });

  test("is a partial order", () => {
    fc.assert(
      fc.property(small, small, small, (a, b, c) => {
        expect(compareClocks(a, a)).toBe("equal");
        if (isAtOrBefore(a, b) && isAtOrBefore(b, a)) expect(a).toEqual(b);
        if (isAtOrBefore(a, b) && isAtOrBefore(b, c)) expect(isAtOrBefore(a, c)).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });
});

describe("merge", () => {
  test("is idempotent, commutative and associative, and keeps the canonical form", () => {
    fc.assert(
      fc.property(anyClock, anyClock, anyClock, (a, b, c) => {
        expect(mergeClocks(a, a)).toEqual(a);
        expect(mergeClocks(a, b)).toEqual(mergeClocks(b, a));
        expect(mergeClocks(mergeClocks(a, b), c)).toEqual(mergeClocks(a, mergeClocks(b, c)));
        expect(mergeClocks(a, emptyClock)).toEqual(a);
        expect(clockFrom([...mergeClocks(a, b)])).toEqual(mergeClocks(a, b));
      }),
    );
  });

  test("gives the least clock at or after both", () => {
    fc.assert(
      fc.property(small, small, small, (a, b, upper) => {
        const merged = mergeClocks(a, b);
        expect(isAtOrBefore(a, merged) && isAtOrBefore(b, merged)).toBe(true);
        if (isAtOrBefore(a, upper) && isAtOrBefore(b, upper)) expect(isAtOrBefore(merged, upper)).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });
});

describe("increment", () => {
  test("raises one entry by one, or to the least that is asked for", () => {
    expect(incrementClock(emptyClock, "a")).toEqual(clock({ a: 1 }));
    expect(incrementClock(clock({ a: 1, c: 7 }), "b")).toEqual(clock({ a: 1, b: 1, c: 7 }));
    expect(incrementClock(clock({ a: 5 }), "a", 3n)).toEqual(clock({ a: 6 }));
    expect(incrementClock(clock({ a: 5 }), "a", 9n)).toEqual(clock({ a: 9 }));
  });

  test("always gives a later clock", () => {
    fc.assert(
      fc.property(small, fc.constantFrom("a", "b", "x"), (before, id) => {
        expect(compareClocks(incrementClock(before, id), before)).toBe("after");
      }),
    );
  });

  test("stops at the largest timestamp", () => {
    expect(incrementClock(clock({ a: maxClockTimestamp - 1n }), "a")).toEqual(
      clock({ a: maxClockTimestamp }),
    );
    expect(() => incrementClock(clock({ a: maxClockTimestamp }), "a")).toThrow(
      expect.objectContaining({ code: "RESOURCE_EXHAUSTED" }),
    );
  });
});

test("the sum is exact", () => {
  expect(clockSum(clock({ a: maxClockTimestamp, b: maxClockTimestamp, c: 1 }))).toBe(
    2n * maxClockTimestamp + 1n,
  );
});

test("orderClocks is a total order of different clocks", () => {
  fc.assert(
    fc.property(small, small, small, (a, b, c) => {
      expect(orderClocks(a, b) === 0).toBe(compareClocks(a, b) === "equal");
      expect(Math.sign(orderClocks(a, b))).toBe(-Math.sign(orderClocks(b, a)) + 0);
      if (orderClocks(a, b) < 0 && orderClocks(b, c) < 0) expect(orderClocks(a, c)).toBeLessThan(0);
    }),
    { numRuns: 1000 },
  );
});

test("the order of ids is that of their bytes", () => {
  fc.assert(
    fc.property(anyClock, (any) => {
      for (let i = 1; i < any.length; i++) {
        expect(compareBytes(bytesOf(any[i - 1]!.nodeId), bytesOf(any[i]!.nodeId))).toBeLessThan(0);
      }
    }),
  );
});
