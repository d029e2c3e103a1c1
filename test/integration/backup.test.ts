/** The disaster drill: a node that serves backs itself up, its disk is gone, and it comes back from the backup. */
import { expect, test } from "bun:test";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { command, type ServedNode, serve } from "../support/command-line.ts";
import { temporaryFolder } from "../support/temp-folder.ts";

const folder = temporaryFolder();
const target = join(folder, "backups");
const config = join(folder, "config.yaml");
writeFileSync(
  config,
  `server: { node_id: node-1, host: 127.0.0.1 }\nauth: { mode: none }\nbackup: { target: ${target} }\n`,
);

async function run(args: readonly string[], input: readonly string[] = []) {
  const { exitCode, stdout, stderr } = await command(args, { input });
  return { exitCode, stdout: Buffer.from(stdout).toString(), stderr };
}

const on = ({ address }: ServedNode, ...args: string[]) => [...args, "--addr", address];

const exported = async (node: ServedNode) => (await run(on(node, "export", "-"))).stdout;

const importLines = (first: number, count: number) =>
  Array.from(
    { length: count },
    (_, index) => `key-${first + index}\t${`value ${first + index} `.repeat(20)}\n`,
  ).join("");

const importInto = (node: ServedNode, lines: string) =>
  run(on(node, "import", "-", "--format", "tsv"), [lines]);

test("a node comes back from its backup, as it was", async () => {
  const node = await serve(["--config", config, "--data-dir", join(folder, "data")]);
  expect((await importInto(node, importLines(0, 400))).exitCode).toBe(0);
  const first = JSON.parse((await run(on(node, "backup", "create", "--json"))).stdout);
  expect(first.sent_bytes).toBe(first.size_bytes);
  const atBackup = await exported(node);
  expect(atBackup.split("\n")).toHaveLength(401);
  expect((await importInto(node, importLines(400, 4))).exitCode).toBe(0);
  const second = JSON.parse((await run(on(node, "backup", "create", "--json"))).stdout);
  expect(second.sent_bytes).toBeLessThan(0.2 * first.sent_bytes);
  const metrics = await (await fetch(`${node.httpUrl}/metrics`)).text();
  expect(metrics).toMatch(/pairdb_storage_backups_total\{[^}]*status="success"[^}]*\} 2\n/);
  node.stop();
  expect(await node.ended).toBe(0);
  rmSync(join(folder, "data"), { recursive: true });

  const place = ["--target", join(target, "node-1")];
  expect((await run(["backup", "verify", ...place])).stdout).toStartWith("clean: 2 backups");
  const restored = join(folder, "restored");
  const outcome = await run(["backup", "restore", restored, ...place, "--backup", first.id, "--verify"]);
  expect([outcome.exitCode, outcome.stderr]).toEqual([0, expect.stringContaining("clean")]);
  const again = await serve(["--config", config, "--data-dir", restored]);
  expect(await exported(again)).toBe(atBackup);
  again.stop();
  await again.ended;
}, 60_000);

test("a node without a target says so", async () => {
  const node = await serve([]);
  const refused = await run(on(node, "backup", "create"));
  expect([refused.exitCode, refused.stderr]).toEqual([
    2,
    expect.stringContaining("backup.target is not set"),
  ]);
}, 60_000);
