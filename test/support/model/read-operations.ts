import { expect } from "bun:test";
import type { Random } from "../../../src/platform/random.ts";
import { randomKey } from "../random-operations.ts";
import { lookUp, scan, sorted } from "../store-history.ts";
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
