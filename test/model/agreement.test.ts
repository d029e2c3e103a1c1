/**
 * The same operations under many options: whatever the sizes of blocks, tables and memtables, every answer must be
 * the same, to the sequence number. `MODEL_SEEDS`, `MODEL_SEED` and `MODEL_KEEP` as in `model.test.ts`.
 */
import { describe, test } from "bun:test";
import { runEverywhere } from "../support/model/agreement.ts";
import { agreedWorkload } from "../support/model/configurations.ts";
import { runSeed } from "../support/model/failing-run.ts";
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
