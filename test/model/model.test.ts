/**
 * Random operations, reopenings and crashes against the history of writes, under several configurations. A failing
 * seed is shortened to a few operations, which the failure shows.
 *
 * `MODEL_SEEDS=N` runs more seeds, `MODEL_SEED=N` one, of that only the operations `MODEL_KEEP=0,3,5-7`;
 * `MODEL_OPERATIONS=N` longer runs; `MODEL_SHRINK_SECONDS=N` shortens for longer.
 */
import { describe, expect, test } from "bun:test";
import type { FinishedCompaction } from "../../src/engine/observer.ts";
import { tinyOptions } from "../support/engine-settings.ts";
import { configurations } from "../support/model/configurations.ts";
import { runSeed } from "../support/model/failing-run.ts";
import { runOperations } from "../support/model/run.ts";
import { chosenSeeds, onlySeed, operationCount } from "../support/model/seeds.ts";

/** How far compactions went, over all seeds. */
class CompactionWatch {
  deepestLevel = 0;
  droppedTombstoneCount = 0;
  rangeDeletedCount = 0;
  readonly observer = {
    compactionFinished: ({ outputLevel, droppedTombstoneCount, rangeDeletedCount }: FinishedCompaction) => {
      this.rangeDeletedCount += rangeDeletedCount;
      this.deepestLevel = Math.max(this.deepestLevel, outputLevel);
      this.droppedTombstoneCount += droppedTombstoneCount;
    },
    clockOrderViolated: () => expect.unreachable("clocks are out of order"),
  };
}

for (const [name, { workload, settings }] of Object.entries(configurations)) {
  const title = `engine against the model: ${name}`;
  describe(title, () => {
    const watch = new CompactionWatch();
    for (const seed of chosenSeeds(20)) {
      test(`seed ${seed}`, async () => {
        await runSeed(title, seed, operationCount, workload, async (operations) => {
          await runOperations({ ...settings, seed, observer: watch.observer }, operations);
        });
      }, 120_000);
    }

    if (onlySeed !== undefined) return;
    test("compactions reached the levels, and dropped the tombstones and deleted ranges, that there are", () => {
      expect(watch.rangeDeletedCount).toBeGreaterThan(0);
      expect(watch.deepestLevel).toBeGreaterThanOrEqual(workload.keyCount >= 200 ? 3 : 1);
      if (settings.options.compaction.recordFormat === "versioned") {
        expect(watch.droppedTombstoneCount).toBeGreaterThan(0);
      }
    });
  });
}

describe("canary", () => {
  test("a store that acknowledges before the sync is found out, by a handful of operations", async () => {
    const { workload } = configurations["tiny"]!;
    const options = tinyOptions({ commitLog: { sync: "never" } });
    let failed: string | undefined;
    for (let seed = 1; failed === undefined && seed <= 10; seed++) {
      failed = await runSeed("canary", seed, operationCount, workload, async (operations) => {
        await runOperations({ options, seed }, operations);
      }).then(
        () => undefined,
        (error: Error) => error.message,
      );
    }
    expect(failed).toContain("acknowledged up to");
    const keptCount = Number(/fails with (\d+) of/.exec(failed ?? "")?.[1]);
    expect(keptCount).toBeLessThan(10);
  }, 120_000);
});
