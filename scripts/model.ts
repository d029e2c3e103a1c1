/**
 * The model tests with random seeds: `bun scripts/model.ts [--minutes N] [--seed N]`, 10 minutes by default.
 * Ends at the first failure, with the few operations that show it and the command that runs them again.
 */
import { parseArgs } from "node:util";
import { bun, run } from "./support/process.ts";

const { values } = parseArgs({
  args: process.argv.slice(2),
  options: { minutes: { type: "string", default: "10" }, seed: { type: "string" } },
});
const seed = values.seed ?? String(crypto.getRandomValues(new Uint32Array(1))[0]! >>> 2);
console.log(`from seed ${seed} on, for ${values.minutes} minutes (again: --seed ${seed})`);
process.exit(
  await run([bun, "test", "--timeout=0", "./test/model/long-run.ts"], {
    MODEL_MINUTES: values.minutes,
    MODEL_START: seed,
  }),
);
