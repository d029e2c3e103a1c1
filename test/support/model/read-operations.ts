import { expect } from "bun:test";
import { StorageError } from "../../../src/base/errors.ts";
import type { Random } from "../../../src/platform/random.ts";
import { below, randomKey } from "../random-operations.ts";
import { lookUp, scan, sorted } from "../store-history.ts";
import { defineOperation, type Workload } from "./operation.ts";
import type { StoreUnderTest } from "./store-under-test.ts";

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

/** A question may close a table whose index was held in memory, and the next one then asks for it. */
const leastQuestions = 4;

/**
 * Reads once nothing has to be waited for. Tables that close at every turn have to be asked for every time; so after
 * some questions what was awaited counts as there, unless the store has other tables by then: one that was written
 * before the eviction may have become part of it after the question.
 */
async function readResident<Answer>(
  store: StoreUnderTest,
  ask: () => Promise<void> | undefined,
  read: () => Answer,
): Promise<Answer> {
  for (let times = 0, asked = ""; times < leastQuestions || asked !== tablesOf(store); times++) {
    asked = tablesOf(store);
    const waiting = ask();
    if (waiting === undefined) break;
    await waiting;
  }
  // In the turn of the answer: a turn later a flush may have taken what was asked for to a table.
  return read();
}

function tablesOf({ engine }: StoreUnderTest): string {
  return JSON.stringify(
    engine.status().levels.map(({ tables }) => tables.map(({ fileNumber }) => fileNumber)),
  );
}

/** A look-up of what is not in memory. */
export const getCold = defineOperation({
  weight: 12,
  generate: (random, { keyCount }) => ({ key: randomKey(random, keyCount) }),
  run: (store, { key }) =>
    store.whileEvicted(async () => {
      const bytes = Buffer.from(key, "latin1");
      return readResident(
        store,
        () => store.engine.whenResident(bytes, bytes.length),
        () => {
          const seen = lookUp(store.engine, key);
          expect(seen).toBe(store.history.stateAt(store.readableSequence).get(key));
          return seen;
        },
      );
    }),
});

const mostKeys = 12;

export const getMany = defineOperation({
  weight: 15,
  generate: (random, { keyCount }) => ({
    keys: Array.from({ length: below(random, mostKeys + 1) }, () => randomKey(random, keyCount)),
  }),
  run: (store, { keys }) => {
    const seen = keys.map((key) => lookUp(store.engine, key));
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

/** A scan of what is not in memory; the stores are smaller than the stretch that is brought in at once. */
export const scanCold = defineOperation({
  weight: 4,
  generate: anyRange,
  run: (store, { start, end }) =>
    store.whileEvicted(async () => {
      const view = store.engine.view();
      try {
        const from = Buffer.from(start, "latin1");
        // What is read ahead, and not waited for, comes in the turn after; a third question finds it there, unless
        // its table closes at every turn. The view holds its tables meanwhile.
        for (let times = 0; times < 3; times++) await view.whenStretchResident(from);
        const seen = scan(view.cursor(from, Buffer.from(end, "latin1")));
        expect(seen).toEqual(sorted(store.history.stateAt(view.sequence), start, end));
        return seen;
      } catch (error) {
        const isAborted = error instanceof StorageError && error.code === "ABORTED";
        if (!isAborted || store.settings.endsViews !== true) throw error;
        return undefined;
      } finally {
        view.close();
      }
    }),
});
