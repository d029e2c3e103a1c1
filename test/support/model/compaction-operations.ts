import { oneIn } from "../random-operations.ts";
import { defineOperation } from "./operation.ts";
import { anyRange, type KeyRange } from "./read-operations.ts";

interface CompactParameters {
  /** `undefined`: everything. */
  readonly range: KeyRange | undefined;
  /** The next operation waits until it is done. */
  readonly waits: boolean;
}

export const compact = defineOperation<CompactParameters>({
  weight: 5,
  generate: (random, workload) => ({
    range: oneIn(random, 3) ? undefined : anyRange(random, workload),
    waits: oneIn(random, 2),
  }),
  run: async (store, { range, waits }) => {
    store.engine.resumeCompaction();
    const bounds = range && [Buffer.from(range.start, "latin1"), Buffer.from(range.end, "latin1")];
    const compacted = store.engine.compactRange(...(bounds ?? [])).catch((error: unknown) => {
      if (store.settings.fails !== true) throw error;
    });
    if (waits) return compacted;
    compacted.catch(() => {});
    store.compactions.push(compacted);
  },
});

/** Until another operation resumes it; views and writes go on meanwhile. */
export const pauseCompaction = defineOperation({
  weight: 2,
  generate: () => undefined,
  run: (store) => store.engine.pauseCompaction(),
});

export const resumeCompaction = defineOperation({
  weight: 2,
  generate: () => undefined,
  run: async (store) => {
    store.engine.resumeCompaction();
    await store.engine.whenCompacted();
  },
});
