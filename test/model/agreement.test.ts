/**
 * The same operations under many options: whatever the sizes of blocks, tables and memtables, every answer must be
 * the same, to the sequence number. `MODEL_SEEDS`, `MODEL_SEED` and `MODEL_KEEP` as in `model.test.ts`.
 */
import { describe, test } from "bun:test";
import { agreedWorkload, agreeingOptions } from "../support/model/configurations.ts";
import { runSeed } from "../support/model/failing-run.ts";
import type { Operation } from "../support/model/operation.ts";
import { RunFailure, runOperations } from "../support/model/run.ts";
import { chosenSeeds, operationCount } from "../support/model/seeds.ts";

describe("options agree", () => {
  for (const seed of chosenSeeds(4)) {
    test(`seed ${seed}`, async () => {
      await runSeed("options agree", seed, operationCount, agreedWorkload, (operations) =>
        runEverywhere(seed, operations),
      );
    }, 240_000);
  }
});

async function runEverywhere(seed: number, operations: readonly Operation[]): Promise<void> {
  let expected: { name: string; answers: string[] } | undefined;
  for (const [name, settings] of Object.entries(agreeingOptions)) {
    const answers = await runOperations({ ...settings, seed, isQuiet: true }, operations);
    expected ??= { name, answers };
    const differing = answers.findIndex((answer, index) => answer !== expected!.answers[index]);
    if (differing >= 0) {
      const difference = `"${name}" answers ${answers[differing]}, "${expected.name}" ${expected.answers[differing]}`;
      throw new RunFailure(differing, operations[differing]!.name, difference);
    }
  }
}
