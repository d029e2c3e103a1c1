/**
 * A foreign client writes real records, the node is killed under it, and everything that was acknowledged comes
 * back, ten times over. Once on the real file system, once on one that drops unsynced bytes with the process, and
 * once on one that answers syncs too early, which the test has to find out.
 */
import { afterAll, describe, expect, test } from "bun:test";
import { copyFileSync, existsSync } from "node:fs";
import { join } from "node:path";
import { type NodeProcess, startNode } from "../support/node-process.ts";
import { hasGrpcio, python, requirePeer } from "../support/peers.ts";
import { temporaryFolder } from "../support/temp-folder.ts";

const packageRecords = "/var/lib/dpkg/status";
const client = join(import.meta.dir, "foreign-client/client.py");
const writeBackEntry = join(import.meta.dir, "../support/entries/write-back-node.ts");
const roundCount = Number(process.env["KILL_ROUNDS"] ?? 10);
const folder = temporaryFolder();
const descriptors = join(folder, "descriptors.binpb");
/** A copy, since whoever installs a package meanwhile changes the original. */
const recordsPath = join(folder, "records");

const available = requirePeer("python3-grpcio and dpkg's records", () => {
  return hasGrpcio() && existsSync(packageRecords);
});

interface ClientResult {
  readonly acknowledged?: number;
  readonly last_timestamp?: number;
  readonly refused?: string[];
  readonly verified?: number;
  readonly problems?: number;
  readonly first_problems?: string[];
}

function buildDescriptors(): void {
  const root = join(import.meta.dir, "../..");
  const built = Bun.spawnSync([join(root, "node_modules/.bin/buf"), "build", "-o", descriptors], {
    cwd: root,
  });
  expect(built.stderr.toString()).toBe("");
}

/** Runs the client to its end; `onProgress` hears of the number of acknowledged writes so far. */
async function runClient(
  node: NodeProcess,
  args: readonly string[],
  onProgress: (acknowledged: number) => void = () => {},
): Promise<ClientResult> {
  const child = Bun.spawn([python, client, descriptors, node.grpcAddress, recordsPath, ...args], {
    stdout: "pipe",
    stderr: "pipe",
  });
  let printed = "";
  let seen = 0;
  const decoder = new TextDecoder();
  for await (const chunk of child.stdout) {
    printed += decoder.decode(chunk, { stream: true });
    const lines = printed.split("\n").slice(0, -1);
    for (const line of lines.slice(seen)) onProgress((JSON.parse(line) as ClientResult).acknowledged ?? 0);
    seen = lines.length;
  }
  const errors = await child.stderr.text();
  if ((await child.exited) !== 0) throw new Error(errors);
  return JSON.parse(printed.trim().split("\n").at(-1)!) as ClientResult;
}

interface Campaign {
  readonly acknowledged: number;
  readonly verified: number;
  readonly problems: string[];
}

/** Rounds of write, kill, restart, verify over one data directory; ends at the first round with a problem. */
async function runCampaign(name: string, options: Parameters<typeof startNode>[0]): Promise<Campaign> {
  const dataDirectory = join(folder, name);
  const acknowledgedPath = join(folder, `${name}.acknowledged`);
  let timestamp = 0;
  let acknowledged = 0;
  let verified = 0;
  for (let round = 0; round < roundCount; round++) {
    const node = await startNode({ ...options, dataDirectory });
    const killAfter = 800 + 137 * round;
    const written = await runClient(node, ["write", String(timestamp), acknowledgedPath], (count) => {
      if (count >= killAfter) node.signal("SIGKILL");
    });
    await node.exited;
    expect(written.refused).toEqual([]);
    timestamp = written.last_timestamp!;
    acknowledged += written.acknowledged!;
    const restarted = await startNode({ ...options, dataDirectory });
    const result = await runClient(restarted, ["verify", acknowledgedPath]);
    verified += result.verified!;
    await restarted.kill();
    if (result.problems! > 0) return { acknowledged, verified, problems: result.first_problems! };
  }
  return { acknowledged, verified, problems: [] };
}

describe.if(available)("a foreign client's acknowledged writes survive SIGKILL", () => {
  buildDescriptors();
  copyFileSync(packageRecords, recordsPath);
  const results: Record<string, Campaign> = {};
  afterAll(() => {
    for (const [name, { acknowledged, verified }] of Object.entries(results)) {
      process.stderr.write(`${name}: ${acknowledged} writes acknowledged, ${verified} reads verified\n`);
    }
  });
  const writeBack = { command: [process.execPath, writeBackEntry] };

  test("on the real file system", async () => {
    const campaign = await runCampaign("real", {});
    results["real"] = campaign;
    expect(campaign.problems).toEqual([]);
    expect(campaign.acknowledged).toBeGreaterThan(800 * roundCount);
  }, 600_000);

  test("on a file system that drops unsynced bytes with the process", async () => {
    const campaign = await runCampaign("write-back", writeBack);
    results["write-back"] = campaign;
    expect(campaign.problems).toEqual([]);
    expect(campaign.acknowledged).toBeGreaterThan(800 * roundCount);
  }, 600_000);

  test("canary: a node that acknowledges before the sync is found out", async () => {
    const environment = { PAIRDB_TEST_EARLY_ANSWERS: "1" };
    const campaign = await runCampaign("canary", { ...writeBack, environment });
    expect(campaign.problems.length).toBeGreaterThan(0);
  }, 600_000);
});
