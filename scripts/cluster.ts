/**
 * A cluster on this machine: `bun scripts/cluster.ts [--nodes N] [--data-dir DIRECTORY]`.
 *
 * Starts nodes on free ports of loopback that gossip with each other, prints them once all know all, and stops them with
 * Ctrl-C. Without a directory the data is gone then.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { cleanEnvironment, type NodeProcess, nodeCommand, spawnNode } from "../test/support/spawn-node.ts";

const { values: options } = parseArgs({
  args: process.argv.slice(2),
  options: { nodes: { type: "string", default: "3" }, "data-dir": { type: "string" } },
});
const nodeCount = Number(options.nodes);
if (!Number.isInteger(nodeCount) || nodeCount < 1 || nodeCount > 20) {
  console.error(`cluster: --nodes is ${options.nodes}; allowed are 1 to 20`);
  process.exit(2);
}
const givenFolder = options["data-dir"];
const folder =
  givenFolder === undefined ? mkdtempSync(join(tmpdir(), "pairdb-cluster-")) : resolve(givenFolder);

interface ClusterNode {
  readonly name: string;
  readonly process: NodeProcess;
  readonly gossipPort: number;
}

/** What a node takes to start, and all to hear of each other, on a machine that is busy. */
const startTimeoutMs = 120_000;

const kills: (() => Promise<void>)[] = [];
let isStopping = false;

/** Joins the seeds, where there are any. */
async function start(name: string, seeds: readonly ClusterNode[]): Promise<ClusterNode> {
  const { serving, kill } = spawnNode({
    dataDirectory: join(folder, name),
    args: ["--node-id", name],
    environment: {
      PAIRDB_GOSSIP_ENABLED: "true",
      PAIRDB_GOSSIP_BIND_PORT: "0",
      PAIRDB_GOSSIP_SEED_NODES: seeds.map(({ gossipPort }) => `127.0.0.1:${gossipPort}`).join(","),
    },
    // Ctrl-C reaches this script alone, which then asks the nodes to stop.
    detached: true,
  });
  kills.push(kill);
  const process = await serving;
  const line = await until(() => gossipLine(process));
  return { name, process, gossipPort: (JSON.parse(line) as { port: number }).port };
}

function gossipLine(node: NodeProcess): string | undefined {
  return node
    .output()
    .split("\n")
    .find((line) => line.includes('"msg":"gossip"') && line.endsWith("}"));
}

async function members({ gossipPort }: ClusterNode, ...args: string[]): Promise<string> {
  const command = [...nodeCommand(), "members", "--gossip-addr", `127.0.0.1:${gossipPort}`, ...args];
  const child = Bun.spawn(command, {
    env: cleanEnvironment(),
    stdin: "ignore",
    stdout: "pipe",
    stderr: "inherit",
  });
  return await child.stdout.text();
}

async function until<T>(look: () => T | undefined | Promise<T | undefined>): Promise<T> {
  const endMs = performance.now() + startTimeoutMs;
  while (performance.now() < endMs && !isStopping) {
    const found = await look();
    if (found !== undefined) return found;
    await Bun.sleep(100);
  }
  throw new Error(isStopping ? "stopped" : `the nodes do not find each other within ${startTimeoutMs} ms`);
}

/** Whether the node sees all alive. */
async function knowsAll(node: ClusterNode): Promise<true | undefined> {
  const rows = JSON.parse((await members(node, "--json")) || "[]") as { state: string }[];
  return rows.filter(({ state }) => state === "alive").length === nodeCount ? true : undefined;
}

function print(nodes: readonly ClusterNode[], table: string): void {
  console.log(table);
  for (const { name, process: node, gossipPort } of nodes) {
    console.log(`${name}  gRPC ${node.grpcAddress}  HTTP ${node.httpUrl}  gossip 127.0.0.1:${gossipPort}`);
  }
  const kept = givenFolder === undefined ? "is gone when they stop" : "stays";
  console.log(`\nThe data is in ${folder} and ${kept}. Ctrl-C stops the nodes.`);
}

const stopped = Promise.withResolvers<void>();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => {
    isStopping = true;
    stopped.resolve();
  });
}

let exitCode = 0;
const nodes: ClusterNode[] = [];
try {
  nodes.push(await start("node-1", []));
  const others = Array.from({ length: nodeCount - 1 }, (_, index) => start(`node-${index + 2}`, [...nodes]));
  nodes.push(...(await Promise.all(others)));
  for (const node of nodes) await until(() => knowsAll(node));
  print(nodes, await members(nodes[0]!));
  const ended = nodes.map(async ({ name, process: node }) => {
    const code = await node.exited;
    if (!isStopping) throw new Error(`${name} has ended with ${code}:\n${node.output()}`);
  });
  await Promise.race([stopped.promise, ...ended]);
} catch (error) {
  if (!isStopping) {
    console.error(`cluster: ${error instanceof Error ? error.message : error}`);
    exitCode = 1;
  }
}
isStopping = true;
const codes = await Promise.all(nodes.map(({ process: node }) => node.stop()));
for (const kill of kills) await kill();
if (codes.some((code) => code !== 0)) exitCode = 1;
if (givenFolder === undefined) rmSync(folder, { recursive: true, force: true });
console.log(`${nodes.length} nodes stopped`);
process.exit(exitCode);
