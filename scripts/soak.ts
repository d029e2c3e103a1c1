/**
 * Two real nodes under load, killed again and again: `bun scripts/soak.ts [--seconds N] [--seed N]`, 10 minutes by
 * default. One node has the real file system, the other one that drops unsynced bytes with the process. Exits with 1,
 * and keeps the files, when anything acknowledged is not there, or anything is there that nobody wrote. With
 * `--early-answers` the second node acknowledges before it syncs, which must be found out.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Campaign } from "../test/soak/campaign.ts";
import { bun, root } from "./support/process.ts";

const { values } = parseArgs({
  args: process.argv.slice(2),
  options: {
    seconds: { type: "string", default: "600" },
    seed: { type: "string" },
    "early-answers": { type: "boolean" },
  },
});
const seconds = Number(values.seconds);
const seed = Number(values.seed ?? crypto.getRandomValues(new Uint32Array(1))[0]! >>> 2);
const folder = mkdtempSync(join(tmpdir(), "pairdb-soak-"));
console.log(`seed ${seed}, ${seconds} seconds, in ${folder}`);

const campaigns = [
  new Campaign({ name: "real files", dataDirectory: join(folder, "real"), seed }),
  new Campaign({
    name: "unsynced bytes dropped",
    dataDirectory: join(folder, "write-back"),
    seed: seed + 1000,
    command: [bun, join(root, "test/support/entries/write-back-node.ts")],
    environment: values["early-answers"] ? { PAIRDB_TEST_EARLY_ANSWERS: "1" } : {},
  }),
];

function printResults(): void {
  for (const { name, result } of campaigns) {
    const { kills, acknowledgedCount, verifiedCount, refusedCount } = result;
    const { whileStarting, whileCompacting, other } = kills;
    console.log(
      `${name}: ${whileStarting + whileCompacting + other} kills (${whileStarting} while starting, ` +
        `${whileCompacting} while compacting), ${acknowledgedCount} acknowledged writes, ${refusedCount} refused, ` +
        `${verifiedCount} records verified, ${result.problems.length} problems`,
    );
  }
}

const progress = setInterval(printResults, 10_000);
const deadlineMs = performance.now() + seconds * 1000;
await Promise.all(
  campaigns.map(async (campaign) => {
    await campaign.run(deadlineMs);
    if (campaign.result.problems.length > 0) for (const other of campaigns) other.stop();
  }),
);
clearInterval(progress);
printResults();

const failed = campaigns.filter(({ result }) => result.problems.length > 0);
for (const { name, result } of failed) {
  for (const problem of result.problems) console.error(`${name}: ${problem}`);
}
if (failed.length > 0) {
  console.error(`The files are kept in ${folder}. Again: --seed ${seed}`);
  process.exit(1);
}
rmSync(folder, { recursive: true });
