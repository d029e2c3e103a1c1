/** What operators ask of a node by the command line, against a node in the same process. */
import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { bytesText, columns, durationText } from "../../../src/cli/units.ts";
import { command, serve } from "../../support/command-line.ts";
import { temporaryFolder } from "../../support/temp-folder.ts";

const dataDirectory = join(temporaryFolder(), "data");
const node = await serve(["--node-id", "n1", "--data-dir", dataDirectory]);

async function run(...args: string[]) {
  const outcome = await command([...args, "--addr", node.address]);
  return { ...outcome, stdout: new TextDecoder().decode(outcome.stdout) };
}

async function linesOf(...args: string[]): Promise<Record<string, unknown>[]> {
  const { stdout } = await run(...args, "--json");
  return stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
}

test("status tells how the node is", async () => {
  const { exitCode, stdout } = await run("status");
  expect(exitCode).toBe(0);
  expect(stdout).toMatch(/^node +n1, version \S+, up for /);
  for (const line of ["health      healthy, ready", "compaction  0 running"]) expect(stdout).toContain(line);
  const [status] = await linesOf("status");
  expect(stdout).toMatch(
    /^access +on this machine alone, cleartext, auth.mode none; without credentials: read, write, observe, cluster, admin$/m,
  );
  expect(status).toMatchObject({ node_id: "n1", log_level: "error", store: { range_deletion_count: 0 } });
});

test("tenants are listed, flushed, compacted and deleted", async () => {
  for (const tenant of ["a", "b"]) await run("put", "k", "v".repeat(3000), "--tenant", tenant);
  expect((await run("tenants")).stdout).toMatch(/^a\t[\d.]+ KiB\nb\t[\d.]+ KiB\n$/);
  expect(await run("flush")).toMatchObject({
    exitCode: 0,
    stdout: "",
    stderr: expect.stringMatching(/^flushed in /),
  });
  expect(await linesOf("flush")).toEqual([{ duration_seconds: expect.any(Number) }]);
  const compacted = await run("compact", "--tenant", "a");
  expect(compacted).toMatchObject({
    exitCode: 0,
    stderr: expect.stringMatching(/^compacted: .* written, about /),
  });
  expect((await linesOf("compact")).at(-1)).toMatchObject({ is_done: true, is_paused: false });

  const refused = await run("delete-tenant", "a");
  expect([refused.exitCode, refused.stderr]).toEqual([
    2,
    'pairdb-node: nothing brings the records of "a" back; --yes deletes them\n',
  ]);
  expect((await linesOf("tenants")).map(({ tenant_id }) => tenant_id)).toEqual(["a", "b"]);
  expect((await run("delete-tenant", "a", "--yes")).stderr).toContain("others keep what they hold");
  expect((await linesOf("tenants")).map(({ tenant_id }) => tenant_id)).toEqual(["b"]);
  expect(await linesOf("delete-tenant", "b", "--yes")).toMatchObject([{ is_local_only: true }]);
  expect((await run("tenants")).stdout).toBe("");
});

test("checkpoint prints where the copy lies", async () => {
  const directory = join(dataDirectory, "checkpoints", "first");
  expect(await run("checkpoint", "first")).toMatchObject({ exitCode: 0, stdout: `${directory}\n` });
  expect(existsSync(join(directory, "CURRENT"))).toBe(true);
  const again = await run("checkpoint", "first");
  expect([again.exitCode, again.stderr]).toEqual([2, expect.stringContaining("is not empty")]);
  expect((await run("checkpoint", "../x")).stderr).toContain("name is no name for a checkpoint");
});

test.each(["status", "tenants", "flush", "compact"])(
  "%s of a node that is not there says so",
  async (name) => {
    const { exitCode, stderr } = await command([name, "--addr", "127.0.0.1:1"]);
    expect(exitCode).toBeGreaterThan(0);
    expect(stderr).toContain("no node answers at 127.0.0.1:1");
  },
);

describe("figures", () => {
  test.each([
    [0n, "0 B"],
    [1023n, "1023 B"],
    [1024n, "1.0 KiB"],
    [10n * 1024n, "10 KiB"],
    [1536n * 1024n, "1.5 MiB"],
    [2n ** 60n, "1024 PiB"],
  ])("%p bytes are %p", (byteCount, text) => {
    expect(bytesText(byteCount)).toBe(text);
  });

  test.each([
    [0, "0.0 s"],
    [1.26, "1.3 s"],
    [59.9, "59 s"],
    [60, "1 min"],
    [3600, "1 h"],
    [47.9 * 3600, "47 h"],
    [48 * 3600, "2 d"],
  ])("%p seconds are %p", (seconds, text) => {
    expect(durationText(seconds)).toBe(text);
  });

  test("stand in columns", () => {
    expect(
      columns([
        ["a", "1"],
        ["long", "2"],
      ]),
    ).toBe("a     1\nlong  2\n");
  });
});
