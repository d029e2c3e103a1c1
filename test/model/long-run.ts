/**
 * The model tests with new seeds for as long as wanted; ends at the first failure, with its shortened list. Started
 * by `scripts/model.ts`, which says how long (`MODEL_MINUTES`) and where to begin (`MODEL_START`).
 */
import { expect, test } from "bun:test";
import type { FinishedCompaction } from "../../src/engine/observer.ts";
import { runEverywhere } from "../support/model/agreement.ts";
import { agreedWorkload, configurations } from "../support/model/configurations.ts";
import { runSeed } from "../support/model/failing-run.ts";
import { runOperations } from "../support/model/run.ts";
import { operationCount } from "../support/model/seeds.ts";

const minutes = Number(process.env["MODEL_MINUTES"]);
const startSeed = Number(process.env["MODEL_START"]);
const progressEveryMs = 10_000;

test("model", async () => {
  const deadline = performance.now() + minutes * 60_000;
  let seed = startSeed;
  let runs = 0;
  let compactions = 0;
  let deepestLevel = 0;
  let printedAt = performance.now();
  const observer = {
    compactionFinished: ({ outputLevel }: FinishedCompaction) => {
      compactions++;
      deepestLevel = Math.max(deepestLevel, outputLevel);
    },
    clockOrderViolated: () => expect.unreachable("clocks are out of order"),
  };
  const printProgress = (lastSeed: number) =>
    console.log(
      `seeds ${startSeed} to ${lastSeed}: ${runs} runs of ${operationCount} operations, ` +
        `${compactions} compactions, deepest level ${deepestLevel}, no failure`,
    );

  for (; performance.now() < deadline; seed++) {
    for (const [name, { workload, settings }] of Object.entries(configurations)) {
      const title = `engine against the model: ${name}`;
      await runSeed(title, seed, operationCount, workload, async (operations) => {
        await runOperations({ ...settings, seed, observer }, operations);
      });
      runs++;
    }
    await runSeed("options agree", seed, operationCount, agreedWorkload, (operations) =>
      runEverywhere(seed, operations),
    );
    runs++;
    if (performance.now() - printedAt > progressEveryMs) {
      printProgress(seed);
      printedAt = performance.now();
    }
  }
  printProgress(seed - 1);
}, 0);
