import { expect } from "bun:test";
import type { Random } from "../../../src/platform/random.ts";
import { deleteRange as deleteStored, store as storeEntries } from "../engine-driver.ts";
import { below, oneIn, randomEntry, randomRange, randomTombstone } from "../random-operations.ts";
import type { HistoryEntry, HistoryRange } from "../store-history.ts";
import { defineOperation, type Workload } from "./operation.ts";
import type { StoreUnderTest } from "./store-under-test.ts";

interface WriteParameters {
  /** Written together, whole or not at all. */
  readonly entries: readonly HistoryEntry[];
  /** The next operation waits until the write is acknowledged. */
  readonly waits: boolean;
}

/** Any entry that the workload may hold. */
export function anyEntry(random: Random, workload: Workload, maxValueBytes: number): HistoryEntry {
  return workload.hasRecords === true && oneIn(random, 4)
    ? randomTombstone(random, workload.keyCount)
    : randomEntry(random, workload.keyCount, maxValueBytes);
}

export async function writeEntries(
  store: StoreUnderTest,
  { entries, waits }: WriteParameters,
): Promise<void> {
  const { acknowledged } = await storeEntries(store.engine, store.history, entries);
  await settleWrite(store, acknowledged, waits);
}

async function settleWrite(
  store: StoreUnderTest,
  acknowledged: Promise<void>,
  waits: boolean,
): Promise<void> {
  if (waits || store.settings.isQuiet === true) await acknowledged;
  else store.acknowledgements.push(acknowledged);
}

interface DeleteRangeParameters {
  readonly range: HistoryRange;
  readonly waits: boolean;
}

export function anyDeletion(random: Random, { keyCount }: Workload): DeleteRangeParameters {
  return { range: randomRange(random, keyCount), waits: oneIn(random, 3) };
}

export async function deleteKeys(
  store: StoreUnderTest,
  { range, waits }: DeleteRangeParameters,
): Promise<void> {
  const { acknowledged } = await deleteStored(store.engine, store.history, range);
  await settleWrite(store, acknowledged, waits);
}

export const deleteRange = defineOperation<DeleteRangeParameters>({
  weight: 10,
  generate: anyDeletion,
  run: deleteKeys,
});

export const write = defineOperation<WriteParameters>({
  weight: 600,
  generate: (random, workload) => ({
    entries: [anyEntry(random, workload, workload.maxValueBytes)],
    waits: oneIn(random, 3),
  }),
  run: writeEntries,
});

export const writeBatch = defineOperation<WriteParameters>({
  weight: 80,
  generate: (random, workload) => ({
    entries: Array.from({ length: 1 + below(random, 6) }, () =>
      anyEntry(random, workload, workload.maxValueBytes / 8),
    ),
    waits: oneIn(random, 3),
  }),
  run: writeEntries,
});

export const flush = defineOperation({
  weight: 7,
  generate: () => undefined,
  run: async (store) => {
    await store.engine.flush();
  },
});

/** Everything that is under way comes to its end. */
export const settle = defineOperation({
  weight: 8,
  generate: () => undefined,
  run: async (store) => {
    store.engine.resumeCompaction();
    await Promise.all(store.compactions.splice(0));
    await Promise.all(store.acknowledgements.splice(0));
    const { durableSequence, lastSequence, writingStopped } = store.engine.status();
    if (writingStopped !== undefined) throw writingStopped;
    expect(durableSequence).toBe(lastSequence);
    return lastSequence;
  },
});
