import fc from "fast-check";
import { Slice } from "../../src/base/bytes.ts";
import { type ClockEntry, clockFrom, type VectorClock } from "../../src/versions/vector-clock.ts";

/** Few ids and small numbers, so that every order of two clocks comes up often. */
export function smallClock(nodeIds: readonly string[], maxTimestamp: number): fc.Arbitrary<VectorClock> {
  return fc
    .tuple(...nodeIds.map(() => fc.nat({ max: maxTimestamp })))
    .map((timestamps) => clock(Object.fromEntries(nodeIds.map((id, i) => [id, timestamps[i]!]))));
}

/** Any clock that there can be, within a few entries. */
export const anyClock: fc.Arbitrary<VectorClock> = fc
  .uniqueArray(
    fc.record({
      nodeId: fc.string({ unit: "grapheme", minLength: 1, maxLength: 12 }),
      timestamp: fc.oneof(
        fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }),
        fc.constantFrom(0n, 1n, 127n, 128n, 2n ** 49n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 56n, 2n ** 63n - 1n),
      ),
    }),
    { selector: (entry) => entry.nodeId, maxLength: 5 },
  )
  .map((entries) => clockFrom(entries));

/** A clock, written short. */
export function clock(timestamps: Record<string, number | bigint>): VectorClock {
  return clockFrom(entries(timestamps));
}

/** Entries as a client sends them, zeros and all. */
export function entries(timestamps: Record<string, number | bigint>): ClockEntry[] {
  return Object.entries(timestamps).map(([nodeId, timestamp]) => ({ nodeId, timestamp: BigInt(timestamp) }));
}

export function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function sliceOf(text: string): Slice {
  return new Slice(bytesOf(text));
}

export function textOf(bytes: Slice | Uint8Array): string {
  return new TextDecoder().decode(bytes instanceof Slice ? bytes.copy() : bytes);
}
