import type { Engine } from "../../src/engine/engine.ts";
import type { EngineOptions } from "../../src/engine/options.ts";
import type { FileSystem } from "../../src/platform/file-system.ts";
import { seededRandom } from "../../src/platform/random.ts";
import { deleteRange, openEngine, store } from "./engine-driver.ts";
import { tinyOptions } from "./engine-settings.ts";
import { below, randomEntry, randomRange } from "./random-operations.ts";
import type { StoreHistory } from "./store-history.ts";

export const sweepOptions: EngineOptions = tinyOptions({
  compaction: { l0TriggerCount: 3, l1TableSizeBytes: 4096, l2TableSizeBytes: 4096 },
});

/** Where a checkpoint of the last round goes, which is made while writes go on. */
export const sweptCheckpoint = "/copies/one";

const roundCount = 4;
const writesPerRound = 45;

/**
 * The scripted run of the sweeps: rounds of single writes and batches, acknowledged one by one or several in
 * flight, with range deletions, flushes and compactions in between and a close and a reopening after each round; in the
 * last one also a checkpoint. Throws as soon as the store does.
 */
export async function runScript(
  files: FileSystem,
  history: StoreHistory,
  options: EngineOptions = sweepOptions,
): Promise<void> {
  for (let round = 0; round < roundCount; round++) {
    const engine = await openEngine(files, options, round + 1);
    try {
      await runRound(engine, history, round);
    } catch (error) {
      checkAnswersAfter(engine, history);
      throw error;
    } finally {
      await engine.close();
    }
  }
}

/** A store that has stopped writing answers as of the last write that it has synced. */
function checkAnswersAfter(engine: Engine, history: StoreHistory): void {
  const { writingStopped, durableSequence } = engine.status();
  if (writingStopped !== undefined) history.checkContents(engine, durableSequence);
}

async function runRound(engine: Engine, history: StoreHistory, round: number): Promise<void> {
  const random = seededRandom(100 + round);
  const inFlight: Promise<void>[] = [];
  let checkpoint: Promise<unknown> | undefined;
  for (let write = 0; write < writesPerRound; write++) {
    const entries = Array.from({ length: write % 9 === 0 ? 3 : 1 }, () => randomEntry(random, 30, 700));
    const { acknowledged } = await store(engine, history, entries);
    inFlight.push(acknowledged);
    acknowledged.catch(() => {});
    if (below(random, 3) > 0) await Promise.all(inFlight.splice(0));
    if (write % 7 === 4) {
      const { acknowledged: deleted } = await deleteRange(engine, history, randomRange(random, 30));
      inFlight.push(deleted);
    }
    if (write % 20 === 10) await engine.flush();
    if (round === roundCount - 1 && write === 18) {
      checkpoint = engine.checkpoint(sweptCheckpoint);
      checkpoint.catch(() => {});
    }
    if (write === 26) await checkpoint;
    if (write === 35) await engine.compactRange();
  }
  await Promise.all(inFlight);
}
