import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { Slice } from "../../../src/base/bytes.ts";
import {
  type ConflictLimits,
  type ConflictOutcome,
  type IncomingVersion,
  isExpired,
  resolve,
} from "../../../src/versions/conflict.ts";
import {
  decodeRecord,
  encodedRecordLength,
  encodeRecord,
  recordClock,
  type Version,
  type VersionedRecord,
} from "../../../src/versions/record.ts";
import { compareClocks, maxClockTimestamp, mergeClocks } from "../../../src/versions/vector-clock.ts";
import { clock, sliceOf, smallClock, textOf } from "../../support/arbitrary-versions.ts";

const nowMs = 1_700_000_000_123;
const nowMicroseconds = 1_700_000_000_123_000n;
const noLimits: ConflictLimits = { maxSiblings: 1000, maxRecordBytes: 1 << 24 };

type Timestamps = Record<string, number | bigint>;

function live(timestamps: Timestamps, value: string): IncomingVersion {
  return { clock: clock(timestamps), isTombstone: false, value: sliceOf(value), timestampSeconds: undefined };
}

function tombstone(timestamps: Timestamps, timestampSeconds?: number): IncomingVersion {
  return { clock: clock(timestamps), isTombstone: true, value: new Slice(), timestampSeconds };
}

function resolveHere(held: VersionedRecord | undefined, incoming: IncomingVersion, limits = noLimits) {
  return resolve(held, incoming, { nodeId: "self", nowMs, limits });
}

/** What a node holds after these came in, one after the other, each time through the encoding. */
function hold(incoming: readonly IncomingVersion[], limits = noLimits): VersionedRecord | undefined {
  let held: VersionedRecord | undefined;
  for (const version of incoming) held = resolveHere(held, version, limits).record ?? held;
  return held === undefined ? undefined : decodeRecord(new Slice(encoded(held)));
}

function encoded(record: VersionedRecord): Uint8Array {
  const bytes = new Uint8Array(encodedRecordLength(record));
  encodeRecord(record, bytes);
  return bytes;
}

/** A version in short: "value{a:1}", tombstones as "†". */
function shortly(record: VersionedRecord | undefined): string[] {
  return (record ?? []).map((version) => {
    const entries = version.clock.map(({ nodeId, timestamp }) => `${nodeId}:${timestamp}`);
    return `${version.isTombstone ? "†" : textOf(version.value)}{${entries}}`;
  });
}

describe("the table", () => {
  const x = live({ a: 2 }, "x");
  const y = live({ b: 2 }, "y");
  const rows: [string, IncomingVersion[], IncomingVersion, ConflictOutcome, string[]][] = [
    ["absent key", [], x, "stored", ["x{a:2}"]],
    ["dominates the one held version", [x], live({ a: 3 }, "n"), "stored", ["n{a:3}"]],
    ["dominates all held versions", [x, y], live({ a: 2, b: 3 }, "n"), "stored", ["n{a:2,b:3}"]],
    ["dominates some", [x, y], live({ a: 3 }, "n"), "sibling", ["n{a:3}", "y{b:2}"]],
    ["equal clock, same content", [x], x, "duplicate", ["x{a:2}"]],
    ["equal clock, same content, among siblings", [x, y], y, "duplicate", ["y{b:2}", "x{a:2}"]],
    ["equal clock, larger content", [x], live({ a: 2 }, "z"), "replaced", ["z{a:2}"]],
    [
      "equal clock, larger content, among siblings",
      [x, y],
      live({ a: 2 }, "z"),
      "replaced",
      ["z{a:2}", "y{b:2}"],
    ],
    ["equal clock, smaller content", [x], live({ a: 2 }, "w"), "outranked", ["x{a:2}"]],
    ["equal clock, content that goes on is larger", [x], live({ a: 2 }, "xx"), "replaced", ["xx{a:2}"]],
    [
      "equal clock, a tombstone below any value",
      [live({ a: 2 }, "")],
      tombstone({ a: 2 }),
      "outranked",
      ["{a:2}"],
    ],
    [
      "equal clock, any value above a tombstone",
      [tombstone({ a: 2 })],
      live({ a: 2 }, ""),
      "replaced",
      ["{a:2}"],
    ],
    ["dominated", [x], live({ a: 1 }, "old"), "stale", ["x{a:2}"]],
    ["dominated by one of several", [x, y], live({ b: 1 }, "old"), "stale", ["y{b:2}", "x{a:2}"]],
    ["concurrent", [x], y, "sibling", ["y{b:2}", "x{a:2}"]],
    ["a deletion that dominates", [x], tombstone({ a: 3 }), "stored", ["†{a:3}"]],
    ["a concurrent deletion", [x], tombstone({ b: 9 }), "sibling", ["x{a:2}", "†{b:9}"]],
    ["a write after a deletion", [tombstone({ a: 3 })], live({ a: 4 }, "n"), "stored", ["n{a:4}"]],
    ["a write from before a deletion", [tombstone({ a: 3 })], live({ a: 2 }, "n"), "stale", ["†{a:3}"]],
    ["a deletion twice", [tombstone({ a: 3 })], tombstone({ a: 3 }), "duplicate", ["†{a:3}"]],
  ];

  test.each(rows)("%s", (_, before, incoming, outcome, after) => {
    const held = hold(before);
    const resolution = resolveHere(held, incoming);
    const record = resolution.record ?? held!;
    expect(resolution.outcome).toBe(outcome);
    expect(resolution.record !== undefined).toBe(["stored", "sibling", "replaced"].includes(outcome));
    expect(shortly(record)).toEqual(after);
    expect(resolution.clock).toEqual(recordClock(record));
    expect(resolution.siblingCount).toBe(after.length);
    expect(resolution.droppedCount).toBe(0);
    if (resolution.record) expect(resolution.recordBytes).toBe(encoded(resolution.record).length);
  });
});

describe("a client without causality", () => {
  test("gets this node's entry, the time in microseconds", () => {
    const { outcome, record } = resolveHere(undefined, live({}, "v"));
    expect(outcome).toBe("stored");
    expect(shortly(record)).toEqual([`v{self:${nowMicroseconds}}`]);
  });

  test("replaces all that is held, and has seen it", () => {
    const held = hold([live({ a: 2 }, "x"), live({ b: 1, self: 5 }, "y"), tombstone({ c: 1 })]);
    const { outcome, record } = resolveHere(held, live({}, "v"));
    expect(outcome).toBe("stored");
    expect(shortly(record)).toEqual([`v{a:2,b:1,c:1,self:${nowMicroseconds}}`]);
  });

  test("never reuses a number, whatever the wall clock says", () => {
    const ahead = nowMicroseconds + 10n;
    const { record } = resolveHere(hold([live({ self: ahead }, "x")]), tombstone({}));
    expect(shortly(record)).toEqual([`†{self:${ahead + 1n}}`]);
  });

  test("entries of 0 are no causality either", () => {
    const { record } = resolveHere(hold([live({ a: 2 }, "x")]), live({ a: 0, b: 0 }, "v"));
    expect(shortly(record)).toEqual([`v{a:2,self:${nowMicroseconds}}`]);
  });

  test("is refused when the node's entry has no room left", () => {
    const held = hold([live({ self: maxClockTimestamp }, "x")]);
    expect(() => resolveHere(held, live({}, "v"))).toThrow(
      expect.objectContaining({ code: "RESOURCE_EXHAUSTED" }),
    );
  });
});

describe("rank", () => {
  test.each([
    [
      "live before tombstone, whatever the sum",
      [tombstone({ a: 9 }), live({ b: 1 }, "v")],
      ["v{b:1}", "†{a:9}"],
    ],
    ["then the larger sum", [live({ a: 2 }, "z"), live({ b: 1, c: 2 }, "y")], ["y{b:1,c:2}", "z{a:2}"]],
    ["then the larger content", [live({ a: 2 }, "y"), live({ b: 2 }, "z")], ["z{b:2}", "y{a:2}"]],
    ["then the clock", [live({ a: 2 }, "y"), live({ b: 2 }, "y")], ["y{b:2}", "y{a:2}"]],
    ["also among tombstones", [tombstone({ a: 2 }, 99), tombstone({ b: 2 }, 11)], ["†{b:2}", "†{a:2}"]],
    [
      "the sum is exact",
      [live({ a: maxClockTimestamp, b: 2 }, "y"), live({ a: maxClockTimestamp - 1n, b: 4 }, "x")],
      [`x{a:${maxClockTimestamp - 1n},b:4}`, `y{a:${maxClockTimestamp},b:2}`],
    ],
  ])("%s", (_, versions, expected) => {
    expect(shortly(hold(versions))).toEqual(expected);
    expect(shortly(hold(versions.toReversed()))).toEqual(expected);
  });
});

describe("times", () => {
  test("a version gets the time of its arrival, or keeps the one it brings", () => {
    expect(resolveHere(undefined, live({ a: 1 }, "v")).record?.[0]?.timestampSeconds).toBe(1_700_000_000);
    const handedOn = { ...live({ a: 1 }, "v"), timestampSeconds: 77 };
    expect(resolveHere(undefined, handedOn).record?.[0]?.timestampSeconds).toBe(77);
  });

  test("of one deletion the later time stays, on every replica alike", () => {
    const times = [50, 70, 60];
    for (const order of [times, times.toReversed()]) {
      const held = hold(order.map((seconds) => tombstone({ a: 1 }, seconds)));
      expect(held?.map((version) => version.timestampSeconds)).toEqual([70]);
    }
    expect(resolveHere(hold([tombstone({ a: 1 }, 50)]), tombstone({ a: 1 }, 70)).outcome).toBe("duplicate");
  });

  test("a retried deletion does not move the time", () => {
    const resolution = resolveHere(hold([tombstone({ a: 1 }, 50)]), tombstone({ a: 1 }));
    expect(resolution).toMatchObject({ outcome: "duplicate", record: undefined });
  });

  test("a retried write does not either", () => {
    const again = { ...live({ a: 1 }, "v"), timestampSeconds: 1_800_000_000 };
    expect(resolveHere(hold([live({ a: 1 }, "v")]), again).record).toBeUndefined();
  });

  test("a record expires when its youngest tombstone is older than the grace time", () => {
    const graceMs = 10_000;
    const youngest = Math.floor(nowMs / 1000) - 10;
    const record = hold([tombstone({ a: 1 }, youngest), tombstone({ b: 1 }, youngest - 100)])!;
    expect(isExpired(record, youngest * 1000 + graceMs, graceMs)).toBe(false);
    expect(isExpired(record, youngest * 1000 + graceMs + 1, graceMs)).toBe(true);
    const withLive = hold([tombstone({ a: 1 }, 0), { ...live({ b: 1 }, "v"), timestampSeconds: 0 }])!;
    expect(isExpired(withLive, nowMs, graceMs)).toBe(false);
  });
});

describe("limits", () => {
  const versions = Array.from({ length: 10 }, (_, i) => live({ [`n${i}`]: i + 1 }, `v${i}`));

  test("as many siblings as allowed stay, one more makes the lowest rank leave", () => {
    const limits = { ...noLimits, maxSiblings: 10 };
    const held = hold(versions, limits);
    expect(held).toHaveLength(10);
    const { outcome, record, droppedCount, siblingCount } = resolveHere(held, live({ x: 50 }, "new"), limits);
    expect({ outcome, droppedCount, siblingCount }).toEqual({
      outcome: "sibling",
      droppedCount: 1,
      siblingCount: 10,
    });
    expect(shortly(record).slice(0, 2)).toEqual(["new{n0:1,x:50}", "v9{n9:10}"]);
    // What left does not come back: its clock is known.
    expect(resolveHere(record, versions[0]!, limits).outcome).toBe("stale");
  });

  test("the incoming version may be the one that leaves", () => {
    const limits = { ...noLimits, maxSiblings: 2 };
    const held = hold([live({ a: 5 }, "x"), live({ b: 5 }, "y")], limits);
    const { record, droppedCount } = resolveHere(held, live({ c: 1 }, "z"), limits);
    expect(droppedCount).toBe(1);
    expect(shortly(record)).toEqual(["y{b:5,c:1}", "x{a:5}"]);
  });

  test("a record of exactly the allowed size stays, one byte more makes the lowest rank leave", () => {
    const pair = [live({ a: 2 }, "x".repeat(100)), live({ b: 1 }, "y".repeat(100))];
    const bytes = encoded(hold(pair)!).length;
    expect(hold(pair, { ...noLimits, maxRecordBytes: bytes })).toHaveLength(2);
    const [survivor, ...others] = hold(pair, { ...noLimits, maxRecordBytes: bytes - 1 })!;
    expect(others).toEqual([]);
    expect(survivor?.clock).toEqual(clock({ a: 2, b: 1 }));
  });

  test("a version that is too large alone is refused", () => {
    const large = live({ a: 1 }, "x".repeat(100));
    const bytes = encoded(hold([large])!).length;
    expect(resolveHere(undefined, large, { ...noLimits, maxRecordBytes: bytes }).outcome).toBe("stored");
    expect(() => resolveHere(undefined, large, { ...noLimits, maxRecordBytes: bytes - 1 })).toThrow(
      expect.objectContaining({ code: "VALUE_TOO_LARGE", message: expect.stringContaining(`${bytes}`) }),
    );
  });

  test("a third version that both clocks together have seen leaves with the lowest", () => {
    const limits = { ...noLimits, maxSiblings: 2 };
    const three = [live({ a: 9 }, "top"), live({ a: 1, b: 1 }, "middle"), live({ b: 2 }, "low")];
    const record = hold(three, limits);
    // Sums 9, 2 and 2: "middle" ranks above "low" by its content, and {a:9} with {b:2} has seen it.
    expect(shortly(record)).toEqual(["top{a:9,b:2}"]);
    expect(resolveHere(hold(three.slice(0, 2)), three[2]!, limits).droppedCount).toBe(2);
  });

  const writes = fc.array(
    fc.record({ clock: smallClock(["a", "b", "c", "d"], 4), value: fc.constantFrom("", "p", "qq", "†") }),
    { minLength: 1, maxLength: 30 },
  );

  test("whatever comes in, the record keeps its invariants", () => {
    const limits = { maxSiblings: 3, maxRecordBytes: 70 };
    fc.assert(
      fc.property(writes, (all) => {
        let held: VersionedRecord | undefined;
        for (const { clock: sent, value } of all) {
          const incoming = { ...(value === "†" ? tombstone({}) : live({}, value)), clock: sent };
          const resolution = resolveHere(held, incoming, limits);
          const record = resolution.record ?? held!;
          expect(record.length).toBeLessThanOrEqual(limits.maxSiblings);
          expect(encoded(record).length).toBeLessThanOrEqual(limits.maxRecordBytes);
          for (const [i, version] of record.entries()) {
            for (const other of record.slice(i + 1)) {
              expect(compareClocks(version.clock, other.clock)).toBe("concurrent");
              expect(version.isTombstone && !other.isTombstone).toBe(false);
            }
          }
          const seen = mergeClocks(held ? recordClock(held) : clock({}), sent);
          expect(["after", "equal"]).toContain(compareClocks(resolution.clock, seen));
          held = record;
        }
      }),
      { numRuns: 200 },
    );
  });
});

describe("replicas converge", () => {
  /** Few clocks and few contents, so that one clock often comes with several contents. */
  const clocks = smallClock(["a", "b", "c"], 3).filter((sent) => sent.length > 0);
  const change: fc.Arbitrary<IncomingVersion> = fc
    .record({ clock: clocks, value: fc.constantFrom("", "x", "y", "xy", "†"), seconds: fc.option(fc.nat()) })
    .map(({ clock: sent, value, seconds }) => ({
      ...(value === "†" ? tombstone({}, seconds ?? undefined) : live({}, value)),
      clock: sent,
    }));
  const history = fc.array(change, { minLength: 1, maxLength: 14 });

  /** Any order and repetition of a history: all of it shuffled, with some of it again. */
  const delivered = history.chain((all) =>
    fc
      .tuple(
        fc.shuffledSubarray(all, { minLength: all.length }),
        fc.array(fc.tuple(fc.nat(), fc.constantFrom(...all)), { maxLength: 10 }),
      )
      .map(([shuffled, again]) => {
        const sequence = [...shuffled];
        for (const [at, version] of again) sequence.splice(at % (sequence.length + 1), 0, version);
        return { all, sequence };
      }),
  );

  /** The result by its definition: the maximal clocks of all that was sent, each with its largest content. */
  function expected(all: readonly IncomingVersion[]): string[] {
    const maximal = all.filter(({ clock: c }) =>
      all.every((other) => compareClocks(c, other.clock) !== "before"),
    );
    const best = new Map<string, IncomingVersion>();
    for (const version of maximal) {
      const name = version.clock.map((entry) => `${entry.nodeId}${entry.timestamp}`).join();
      const rival = best.get(name);
      if (rival === undefined || contentKey(version) > contentKey(rival)) best.set(name, version);
    }
    return shortly([...best.values()].map((version) => ({ ...version, timestampSeconds: 0 }))).sort();
  }

  function contentKey(version: Pick<Version, "isTombstone" | "value">): string {
    return version.isTombstone ? "" : `live ${textOf(version.value)}`;
  }

  test("any order and repetition gives the same versions, clocks, contents and ranks", () => {
    fc.assert(
      fc.property(delivered, ({ all, sequence }) => {
        const record = hold(sequence)!;
        expect(shortly(record)).toEqual(shortly(hold(all)));
        expect(shortly(record).sort()).toEqual(expected(all));
      }),
      { numRuns: 2000 },
    );
  });

  test("also through records that replicas hand on to each other", () => {
    fc.assert(
      fc.property(delivered, fc.nat(), ({ all, sequence }, cut) => {
        const half = cut % (sequence.length + 1);
        const one = hold(sequence.slice(0, half)) ?? [];
        const other = hold(sequence.slice(half)) ?? [];
        const [oneMerged, otherMerged] = [hold([...one, ...other]), hold([...other, ...one])];
        expect(shortly(oneMerged)).toEqual(shortly(hold(all)));
        expect(shortly(otherMerged)).toEqual(shortly(oneMerged));
        // Handed on, even the times of deletion agree.
        const deletionTimes = (record: VersionedRecord | undefined) =>
          record?.map((version) => version.isTombstone && version.timestampSeconds);
        expect(deletionTimes(otherMerged)).toEqual(deletionTimes(oneMerged));
      }),
      { numRuns: 1000 },
    );
  });
});
