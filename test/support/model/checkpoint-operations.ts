import { expect } from "bun:test";
import { StorageError } from "../../../src/base/errors.ts";
import { checkCheckpoint } from "../checkpoints.ts";
import { oneIn } from "../random-operations.ts";
import { defineOperation } from "./operation.ts";
import type { StoreUnderTest } from "./store-under-test.ts";

interface CheckpointParameters {
  readonly directory: string;
  /** Else writes, flushes, compactions, a close or a crash come in between. */
  readonly waits: boolean;
}

export const checkpoint = defineOperation<CheckpointParameters>({
  weight: 4,
  generate: (random) => ({ directory: `/copies/${random.uint32()}`, waits: oneIn(random, 2) }),
  run: async (store, { directory, waits }) => {
    const made = makeCheckpoint(store, directory);
    if (waits) return made;
    made.catch(() => {});
    store.checkpoints.push({ directory, made });
    return undefined;
  },
});

/** Makes a checkpoint and checks what a crash would leave of it; resolves to its sequence number. */
async function makeCheckpoint(store: StoreUnderTest, directory: string): Promise<number | undefined> {
  const { acknowledged } = store.history;
  try {
    const { sequence } = await store.engine.checkpoint(directory);
    expect(sequence).toBeGreaterThanOrEqual(acknowledged);
    const files = store.syncedFiles();
    expect(await checkCheckpoint(files, directory, store.settings.options, store.history)).toBe(sequence);
    return sequence;
  } catch (error) {
    if (!mayEnd(store, error)) throw error;
    return undefined;
  }
}

/** The engine closes, the disk fails, or the view that holds the tables ends. */
function mayEnd({ settings }: StoreUnderTest, error: unknown): boolean {
  if (!(error instanceof StorageError)) return false;
  if (error.code === "ABORTED") return settings.endsViews === true;
  return error.code === "UNAVAILABLE" || settings.fails === true;
}
