/**
 * The whole gate: installs, checks generated code, format, lint, the protocol, types, and runs all tests.
 * Every step runs, so that one call shows all that is wrong. Options: those of scripts/test.ts.
 * The last line is `N passed, N failed`, of the tests; the exit code is 0 only when every step succeeded.
 */
import { bun, install, run, tool } from "./support/process.ts";

const steps: [name: string, command: string[]][] = [
  ["generated code", [bun, "scripts/check-generated.ts"]],
  ["format and lint", [tool("biome"), "check", "--error-on-warnings"]],
  ["protocol lint", [tool("buf"), "lint"]],
  ["types", [tool("tsc"), "--noEmit"]],
  ["types of the console", [tool("tsc"), "--noEmit", "--project", "src/console"]],
];

if (!(await install())) {
  console.error("check: the install failed");
  process.exit(1);
}

const failed: string[] = [];
for (const [name, command] of steps) {
  console.log(`\n=== ${name}`);
  if ((await run(command)) !== 0) failed.push(name);
}
if (failed.length > 0) console.error(`\ncheck: failed before the tests: ${failed.join(", ")}`);

console.log("\n=== tests");
const testsExitCode = await run([bun, "scripts/test.ts", "all", ...process.argv.slice(2)]);
process.exit(failed.length > 0 ? 1 : testsExitCode);
