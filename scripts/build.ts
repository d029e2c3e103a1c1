/** Builds the single executable, dist/pairdb-node: runtime, node and worker threads in one file. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { bun, root, run } from "./support/process.ts";

const output = join(root, "dist", "pairdb-node");
mkdirSync(join(root, "dist"), { recursive: true });

const exitCode = await run([
  bun,
  "build",
  "--compile",
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

const version = Bun.spawnSync([output, "version"]);
console.log(`dist/pairdb-node: ${version.stdout.toString().trim()}`);
process.exit(version.exitCode ?? 1);
