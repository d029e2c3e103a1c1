/**
 * A minute of the soak: real nodes are killed under load, and everything that they acknowledged is still there.
 * `just soak` does it for ten.
 */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { temporaryFolder } from "../support/temp-folder.ts";

const root = join(import.meta.dir, "../..");

async function soak(...args: string[]): Promise<{ exitCode: number; printed: string }> {
  const child = Bun.spawn([process.execPath, join(root, "scripts/soak.ts"), ...args], {
    cwd: root,
    // It keeps its files when it finds something, as the canary wants it to.
    env: { ...process.env, TMPDIR: temporaryFolder() },
    stdout: "pipe",
    stderr: "pipe",
  });
  const [output, errors, exitCode] = await Promise.all([
    child.stdout.text(),
    child.stderr.text(),
    child.exited,
  ]);
  return { exitCode, printed: output + errors };
}

test("nothing acknowledged is lost in a minute of kills", async () => {
  const { exitCode, printed } = await soak("--seconds", "60");
  process.stderr.write(printed.trimEnd().split("\n").slice(-2).join("\n"));
  expect(printed).toMatch(/real files: [1-9]\d* kills .* [1-9]\d* acknowledged writes, .*, 0 problems/);
  expect(printed).toMatch(/unsynced bytes dropped: [1-9]\d* kills .*, 0 problems/);
  expect(exitCode, printed).toBe(0);
}, 300_000);

test("canary: a node that acknowledges before the sync is found out", async () => {
  const { exitCode, printed } = await soak("--seconds", "60", "--early-answers");
  expect(printed).toMatch(/unsynced bytes dropped: key-\d+: expected .*, found /);
  expect(exitCode).toBe(1);
}, 300_000);
