/** `bench` against a node in the same process. */
import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { command, serve } from "../../support/command-line.ts";
import { temporaryFolder } from "../../support/temp-folder.ts";

const node = await serve();
const folder = temporaryFolder();
const small = ["--records", "200", "--operations", "300", "--connections", "2", "--in-flight", "4"];

async function bench(tenant: string, ...args: string[]) {
  const outcome = await command(["bench", "--addr", node.address, "--tenant", tenant, ...small, ...args]);
  return { ...outcome, stdout: new TextDecoder().decode(outcome.stdout) };
}

test("loads, runs, and tells both", async () => {
  const { exitCode, stdout, stderr } = await bench("text");
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  expect(stdout).toMatch(/^load: 200 operations in [\d.]+ s, \d+ a second\nmilliseconds +operations/);
  expect(stdout).toMatch(/^workload a: 300 operations in /m);
  expect(stdout).toMatch(/^update +\d+( +\d+\.\d{3}){7}$/m);
});

test("--json and --hgrm", async () => {
  const prefix = join(folder, "times");
  const { exitCode, stdout } = await bench(
    "json",
    "--workload",
    "b",
    "--rate",
    "2000",
    "--json",
    "--hgrm",
    prefix,
  );
  expect(exitCode).toBe(0);
  const report = JSON.parse(stdout);
  expect(report).toMatchObject({
    workload: "b",
    keys: "zipfian",
    rate: 2000,
    load: { operations: 200, failed: 0 },
    run: { operations: 300, failed: 0, failures: {} },
  });
  const { read, update } = report.run.latencies_us;
  expect(read.operations + update.operations).toBe(300);
  expect(read.p50).toBeLessThanOrEqual(read.max);
  expect(readdirSync(folder).sort()).toEqual(["times-insert.hgrm", "times-read.hgrm", "times-update.hgrm"]);
  expect(readFileSync(`${prefix}-read.hgrm`, "utf8")).toContain(
    `Total count    = ${String(read.operations).padStart(12)}]`,
  );
});

test("a tenant with records is left alone, unless told otherwise; reading alone is harmless", async () => {
  await command(["put", "precious", "v", "--addr", node.address, "--tenant", "used"]);
  for (const phase of ["both", "load", "run"]) {
    const refused = await bench("used", "--phase", phase);
    expect(refused).toMatchObject({ exitCode: 2, stdout: "" });
    expect(refused.stderr).toContain('tenant "used" holds records');
  }
  const unloaded = await bench("used", "--phase", "run", "--workload", "c");
  expect(unloaded.exitCode).toBe(2);
  expect(unloaded.stderr).toContain("holds no 200 records of a bench");
  expect((await bench("used", "--phase", "load", "--existing-data")).exitCode).toBe(0);
  expect((await bench("used", "--phase", "run", "--workload", "c")).stdout).toMatch(/^workload c: 300 /);
  expect((await bench("used", "--phase", "run", "--workload", "f", "--existing-data")).exitCode).toBe(0);
});

test("operations that fail are counted, and make the command fail", async () => {
  const variables = { PAIRDB_CONFLICT_MAX_RECORD_BYTES: "1024" };
  const strict = await serve([], { variables });
  const args = ["--addr", strict.address, "--phase", "load", "--value-size", "2000"];
  const { exitCode, stdout } = await bench("large", ...args);
  expect(exitCode).toBe(1);
  expect(stdout).toContain("load: 0 operations in ");
  expect(stdout).toMatch(/^200 operations failed:\n {2}200 with status 3: /m);
});

test.each([
  ["--workload", "g"],
  ["--records", "0"],
  ["--value-size", "10485761"],
  ["--rate", "1.5"],
  ["--duration", "soon"],
  ["--duration", "0s"],
  ["--keys", "all"],
])("%s %s is refused", async (option, value) => {
  expect((await bench("bad", option, value)).exitCode).toBe(2);
});

test("no node at the address is exit code 4", async () => {
  expect((await command(["bench", "--addr", "127.0.0.1:1"])).exitCode).toBe(4);
});
