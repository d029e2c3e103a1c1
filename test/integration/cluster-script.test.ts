/** `just cluster`: nodes on this machine that find each other, and stop when they are asked to. */
import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { waitUntil } from "../support/gossip/loopback-member.ts";
import { cleanEnvironment } from "../support/node-process.ts";

const root = join(import.meta.dir, "../..");
/** What takes so long hangs. */
const hangMs = 120_000;

test("three nodes know each other, serve where the script says, and stop with it", async () => {
  const child = Bun.spawn([process.execPath, "scripts/cluster.ts"], {
    cwd: root,
    env: { ...cleanEnvironment(), PAIRDB_BIN: process.env["PAIRDB_BIN"] ?? "" },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "inherit",
  });
  let printed = "";
  const reading = (async () => {
    for await (const chunk of child.stdout) printed += Buffer.from(chunk).toString();
  })();
  try {
    await waitUntil(
      () => printed.includes("Ctrl-C stops the nodes."),
      hangMs,
      () => printed,
    );
    expect(printed).toMatch(
      /^node-1 +127.0.0.1:\d+ +alive +\d+ +healthy\nnode-2 .* alive .*\nnode-3 .* alive /m,
    );
    const urls = [...printed.matchAll(/HTTP (http:\S+)/g)].map(([, url]) => url!);
    expect(urls.length).toBe(3);
    for (const url of urls) expect((await fetch(`${url}/ready`)).status).toBe(200);
    child.kill("SIGINT");
    expect(await child.exited).toBe(0);
    await reading;
    expect(printed).toContain("3 nodes stopped");
    for (const url of urls) await expect(fetch(`${url}/ready`)).rejects.toThrow();
    expect(existsSync(/The data is in (\S+)/.exec(printed)![1]!)).toBe(false);
  } finally {
    child.kill("SIGTERM");
    await child.exited;
  }
}, 300_000);
