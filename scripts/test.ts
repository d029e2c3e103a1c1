/**
 * The one test runner: `bun scripts/test.ts [unit|model|integration|race|all …] [--coverage] [--junit FILE]`.
 *
 * Runs the files of the suites in one process per CPU, and closes with what failed and `N passed, N failed`. Arguments that are
 * paths choose files, or folders of them, instead of a suite. `--coverage` enforces the bound of scripts/coverage.ts.
 * With CI=true a skipped test fails the run.
 */
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { bun, root, run } from "./support/process.ts";
import { countsLine, countTests, failureDetails } from "./support/test-report.ts";

const suites: Record<string, string[]> = {
  unit: ["test/tidy.test.ts", "test/unit/**/*.test.ts"],
  integration: ["test/integration/**/*.test.ts"],
  model: ["test/model/**/*.test.ts"],
  race: ["test/race/**/*.test.ts"],
  all: ["test/**/*.test.ts"],
};

/** A real node needs longer than Bun's 5 s on a busy machine; a hung test must still end. */
const testTimeoutMs = 120_000;

function filesOf(selection: string): string[] {
  const patterns = suites[selection] ?? [selection, `${selection}/**/*.test.ts`];
  return patterns.flatMap((pattern) => [...new Bun.Glob(pattern).scanSync(root)]);
}

const { values: options, positionals } = parseArgs({
  args: process.argv.slice(2),
  options: { coverage: { type: "boolean" }, junit: { type: "string" } },
  allowPositionals: true,
});
const selections = positionals.length === 0 ? ["all"] : positionals;
const files = [...new Set(selections.flatMap(filesOf))].sort();
if (files.length === 0) {
  console.error(`No test file matches ${selections.join(", ")}. Suites: ${Object.keys(suites).join(", ")}`);
  process.exit(1);
}

const reportPath = options.junit ?? join(root, "coverage", "junit.xml");
mkdirSync(join(root, "coverage"), { recursive: true });
rmSync(reportPath, { force: true });
const exitCode = await run([
  bun,
  "test",
  "--parallel",
  `--timeout=${testTimeoutMs}`,
  "--reporter=junit",
  `--reporter-outfile=${reportPath}`,
  ...(options.coverage ? ["--coverage", "--coverage-reporter=lcov", "--coverage-dir=coverage"] : []),
  ...files.map((file) => `./${file}`),
]);

const report = Bun.file(reportPath);
const reportText = (await report.exists()) ? await report.text() : "";
const counts = countTests(reportText, files, exitCode);
for (const message of counts.brokenFiles) console.error(message);

let succeeded = exitCode === 0 && counts.failed === 0;
if (counts.skipped > 0 && process.env["CI"] === "true") {
  console.error(`${counts.skipped} tests were skipped, which CI does not accept`);
  succeeded = false;
}
if (options.coverage && (await run([bun, "scripts/coverage.ts"])) !== 0) succeeded = false;
// Once more at the very end: of a long log only that may have been kept.
for (const detail of failureDetails(reportText)) console.log(`\n${detail}`);
console.log(`\n${countsLine(counts)}`);
process.exit(succeeded ? 0 : 1);
