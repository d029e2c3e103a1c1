/**
 * The edge against suites that are not ours: `bun scripts/conformance.ts [h2spec|connect …]`, both by default.
 *
 *   h2spec    the HTTP/2 server alone: all sections, strict, in cleartext and over TLS
 *   connect   the whole edge: Connect's suite, with all protocols, HTTP/1.1 and HTTP/2, with and without TLS
 *
 * Both are built by Go, at fixed versions. Without Go nothing runs, which is said loudly and ends with exit code 2.
 * A case that fails and is not in test/conformance/known-failures.txt fails the run, and so does one that is in it and
 * passes. The last lines count the cases.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runConnectSuite } from "./conformance/connect-suite.ts";
import { runH2spec } from "./conformance/h2spec.ts";
import { parseKnownFailures } from "./conformance/known-failures.ts";
import { root } from "./support/process.ts";

const suites = { h2spec: runH2spec, connect: runConnectSuite };
type SuiteName = keyof typeof suites;

const skippedExitCode = 2;

const names = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(suites);
for (const name of names.filter((name) => !(name in suites))) {
  console.error(`No suite is named ${name}. Suites: ${Object.keys(suites).join(", ")}`);
  process.exit(1);
}
if (Bun.which("go") === null) {
  console.error(
    "SKIPPED: Go is missing on this machine; the suites cannot be built, and NOTHING was checked",
  );
  process.exit(skippedExitCode);
}

const knownFailures = parseKnownFailures(
  readFileSync(join(root, "test/conformance/known-failures.txt"), "utf8"),
);
const folder = mkdtempSync(join(tmpdir(), "pairdb-conformance-"));
const results: string[] = [];
let succeeded = true;
for (const name of names as SuiteName[]) {
  const known = knownFailures.filter(({ suite }) => suite === name).map(({ pattern }) => pattern);
  for (const result of await suites[name](folder, known)) {
    results.push(result.counts);
    succeeded &&= result.succeeded;
  }
}
rmSync(folder, { recursive: true });
console.log(`\n${results.join("\n")}`);
process.exit(succeeded ? 0 : 1);
