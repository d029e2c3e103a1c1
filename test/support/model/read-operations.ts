import { expect } from "bun:test";
import type { Random } from "../../../src/platform/random.ts";
import { below, randomKey } from "../random-operations.ts";
import { lookUp, lookUpMany, scan, sorted } from "../store-history.ts";
import { defineOperation, type Workload } from "./operation.ts";

export interface KeyRange {
  readonly start: string;
  readonly end: string;
}

/** [start, end) with start <= end. */
export function anyRange(random: Random, { keyCount }: Workload): KeyRange {
  const [start, end] = [randomKey(random, keyCount), randomKey(random, keyCount)].sort();
  return { start: start!, end: end! };
}

export const get = defineOperation({
  weight: 180,
  generate: (random, { keyCount }) => ({ key: randomKey(random, keyCount) }),
  run: (store, { key }) => {
    const seen = lookUp(store.engine, key);
    expect(seen).toBe(store.history.stateAt(store.readableSequence).get(key));
    return seen;
  },
});

const mostKeys = 12;

export const getMany = defineOperation({
  weight: 15,
  generate: (random, { keyCount }) => ({
    keys: Array.from({ length: below(random, mostKeys + 1) }, () => randomKey(random, keyCount)),
  }),
  run: (store, { keys }) => {
    const seen = lookUpMany(store.engine, keys);
    const state = store.history.stateAt(store.readableSequence);
    expect(seen).toEqual(keys.map((key) => state.get(key)));
    return seen;
  },
});

/** The sizes of ranges that adjoin add up to what all tables have. */
export const measureRange = defineOperation({
  weight: 5,
  generate: anyRange,
  run: ({ engine }, range) => {
    const [start, end] = [Buffer.from(range.start, "latin1"), Buffer.from(range.end, "latin1")];
    const parts = [
      engine.approximateSize(undefined, start),
      engine.approximateSize(start, end),
      engine.approximateSize(end),
    ];
    for (const { tableBytes, memtableBytes } of parts) {
      expect(Math.min(tableBytes, memtableBytes)).toBeGreaterThanOrEqual(0);
    }
    const sum = parts.reduce((bytes, { tableBytes }) => bytes + tableBytes, 0);
    expect(sum).toBe(engine.approximateSize().tableBytes);
    expect(sum).toBe(engine.status().levels.reduce((bytes, { sizeBytes }) => bytes + sizeBytes, 0));
  },
});

export const scanRange = defineOperation({
  weight: 50,
  generate: anyRange,
  run: (store, { start, end }) => {
    const view = store.engine.view();
    try {
      const seen = scan(view.cursor(Buffer.from(start, "latin1"), Buffer.from(end, "latin1")));
      expect(seen).toEqual(sorted(store.history.stateAt(view.sequence), start, end));
      return seen;
    } finally {
      view.close();
    }
  },
});
