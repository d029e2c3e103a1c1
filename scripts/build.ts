/**
 * Builds the single executable: runtime, node and worker threads in one file.
 *
 *   bun scripts/build.ts                           dist/pairdb-node, for this machine
 *   bun scripts/build.ts --platform linux-arm64    dist/pairdb-node-linux-arm64, on any machine (or linux-x64)
 *   bun scripts/build.ts --output FILE             elsewhere
 */
import { mkdirSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { bun, root, run } from "./support/process.ts";

const platforms = ["linux-x64", "linux-arm64"];

const { values: options } = parseArgs({
  options: { platform: { type: "string" }, output: { type: "string" } },
});
const { platform } = options;
if (platform !== undefined && !platforms.includes(platform)) {
  console.error(`build: ${platform} is no platform; there are ${platforms.join(" and ")}`);
  process.exit(2);
}
const name = platform === undefined ? "pairdb-node" : `pairdb-node-${platform}`;
const output = resolve(options.output ?? join(root, "dist", name));
mkdirSync(dirname(output), { recursive: true });

const exitCode = await run([
  bun,
  "build",
  "--compile",
  ...(platform === undefined ? [] : [`--target=bun-${platform}`]),
  "--minify",
  "--bytecode",
  // In this format a module's URL is its place in the executable, not on the machine that built it; the worker
  // lies beside it, where the pool looks for it.
  "--format=esm",
  "--entry-naming=[name].[ext]",
  "--sourcemap=none",
  // What lies in the directory where an operator starts the node must not change it.
  "--no-compile-autoload-dotenv",
  "--no-compile-autoload-bunfig",
  // Worker threads are entry points of their own.
  "src/main.ts",
  "src/engine/workers/worker.ts",
  "--outfile",
  output,
]);
if (exitCode !== 0) process.exit(exitCode);

// That of another platform cannot be asked here.
const isForThisMachine = platform === undefined || platform === `${process.platform}-${process.arch}`;
if (isForThisMachine) {
  const version = Bun.spawnSync([output, "version"]);
  console.log(`${output}: ${version.stdout.toString().trim()}`);
  process.exit(version.exitCode ?? 1);
}
