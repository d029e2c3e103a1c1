import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { encodeClock, encodedClockLength } from "../../../src/versions/clock-encoding.ts";
import { OwnClocks, ownTimestamp } from "../../../src/versions/own-clock.ts";
import { clockFrom, incrementClock, type VectorClock } from "../../../src/versions/vector-clock.ts";

const nowMs = 1_700_000_000_000;
const now = ownTimestamp(nowMs);

function encoded(clock: VectorClock): Uint8Array {
  const bytes = new Uint8Array(encodedClockLength(clock));
  encodeClock(clock, bytes, 0);
  return bytes;
}

/** Around the moment, and far from it. */
const someTimestamp = fc.oneof(
  fc.integer({ min: -3, max: 3 }).map((difference) => now + BigInt(difference)),
  fc.integer({ min: -1_000_000, max: 1_000_000 }).map((difference) => now + BigInt(difference) * 1_000_000n),
  fc.bigInt({ min: 1n, max: 300n }),
  fc.bigInt({ min: 1n, max: 2n ** 63n - 2n }),
);
const someClock = fc
  .uniqueArray(fc.record({ nodeId: fc.constantFrom("me", "mf", "m", "other"), timestamp: someTimestamp }), {
    selector: ({ nodeId }) => nodeId,
    maxLength: 3,
  })
  .map(clockFrom);

describe("OwnClocks", () => {
  test("raises clocks as incrementClock does, however often and in whatever order", () => {
    fc.assert(
      fc.property(fc.array(someClock, { maxLength: 6 }), (held) => {
        const clocks = new OwnClocks("me", nowMs);
        for (const clock of held.flatMap((each) => [each, each])) {
          const bytes = encoded(clock);
          const around = Uint8Array.from([7, ...bytes, 7]);
          const raised = clocks.raise(around, 1, bytes.length);
          const expected = incrementClock(clock, "me", now);
          expect(raised?.clock).toEqual(expected);
          expect(raised?.bytes).toEqual(encoded(expected));
        }
      }),
    );
  });

  test.each([-1n, 0n, 1n])("an own clock of the moment and %p microseconds", (difference) => {
    const bytes = encoded(clockFrom([{ nodeId: "me", timestamp: now + difference }]));
    const raised = new OwnClocks("me", nowMs).raise(bytes, 0, bytes.length);
    const timestamp = difference < 0n ? now : now + difference + 1n;
    expect(raised?.clock).toEqual(clockFrom([{ nodeId: "me", timestamp }]));
  });

  test("what is no clock is none, however alike it looks", () => {
    const clocks = new OwnClocks("me", nowMs);
    const good = encoded(clockFrom([{ nodeId: "me", timestamp: now - 5n }]));
    expect(clocks.raise(good, 0, good.length)).toBe(clocks.first);
    for (let index = 0; index < good.length; index++) {
      for (let byte = 0; byte < 256; byte++) {
        const changed = good.with(index, byte);
        const fresh = new OwnClocks("me", nowMs).raise(changed, 0, changed.length);
        // The first time from the short cut, the second time from the decoder alone.
        const other = new OwnClocks("a much longer name of a node", nowMs).raise(changed, 0, changed.length);
        expect(fresh === undefined, `byte ${index} as ${byte}`).toBe(other === undefined);
      }
    }
  });
});
