/** Nodes in a ring of their own: joining, sealing, failing, leaving, and what `members` shows of it. */
import { describe, expect, test } from "bun:test";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePort } from "../support/gossip/foreign-members.ts";
import { waitUntil } from "../support/gossip/loopback-member.ts";
import { type NodeProcess, runCommand, startNode } from "../support/node-process.ts";
import { temporaryFolder } from "../support/temp-folder.ts";

interface MemberRow {
  readonly name: string;
  readonly state: string;
  readonly tells?: { readonly Status: string; readonly GRPCPort: number };
}

/** What takes so long hangs: on a busy machine members answer late, and take each other for unwell. */
const hangMs = 60_000;

const keyFile = join(temporaryFolder(), "keys");
writeFileSync(keyFile, `${new Uint8Array(32).fill(7).toBase64()}\n`);
chmodSync(keyFile, 0o600);

function start(
  name: string,
  port: number,
  seedPorts: number[],
  sealed = true,
  environment: Record<string, string> = {},
): Promise<NodeProcess> {
  return startNode({
    args: ["--node-id", name],
    environment: {
      PAIRDB_GOSSIP_ENABLED: "true",
      PAIRDB_GOSSIP_BIND_PORT: String(port),
      PAIRDB_GOSSIP_SEED_NODES: seedPorts.map((seed) => `127.0.0.1:${seed}`).join(","),
      ...(sealed ? { PAIRDB_GOSSIP_KEY_FILE: keyFile } : {}),
      ...environment,
    },
  });
}

function members(port: number, args: readonly string[] = ["--gossip-key-file", keyFile]) {
  return runCommand(["members", "--gossip-addr", `127.0.0.1:${port}`, ...args]);
}

async function rows(port: number): Promise<MemberRow[]> {
  const { stdout } = await members(port, ["--gossip-key-file", keyFile, "--json"]);
  return stdout === "" ? [] : (JSON.parse(stdout) as MemberRow[]);
}

async function until(port: number, state: string, names: string[]): Promise<void> {
  const holds = async () => {
    const found = (await rows(port)).filter((row) => row.state === state).map(({ name }) => name);
    return (
      names.every((name) => found.includes(name)) && (state !== "alive" || found.length === names.length)
    );
  };
  await waitUntil(holds, hangMs, () => rows(port));
}

interface Ring {
  readonly members: { readonly name: string }[];
  readonly recentEvents: { readonly kind: string; readonly member: string }[];
}

/** As the node's admin service tells it. */
async function ringOf({ httpUrl }: NodeProcess): Promise<Ring> {
  const response = await fetch(`${httpUrl}/pairdb.admin.v1.AdminService/ListMembers`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: "{}",
  });
  return (await response.json()) as Ring;
}

describe("three nodes", () => {
  test("know each other and what each tells; one that is killed fails, one that stops leaves", async () => {
    const [first, second, third] = [await freePort(), await freePort(), await freePort()];
    const nodes = await Promise.all([
      start("n1", first, [second]),
      start("n2", second, [first]),
      start("n3", third, [first, second]),
    ]);
    for (const port of [first, second, third]) await until(port, "alive", ["n1", "n2", "n3"]);
    const told = (await rows(third)).find(({ name }) => name === "n1")?.tells;
    expect(told).toMatchObject({ NodeID: "n1", Status: "healthy", GRPCPort: nodes[0]!.grpcPort });
    const { stdout } = await members(second);
    expect(stdout).toMatch(
      /^NAME +ADDRESS +STATE +INCARNATION +STATUS\nn1 +127.0.0.1:\d+ +alive +\d+ +healthy\n/,
    );
    const metrics = await (await fetch(`${nodes[0]!.httpUrl}/metrics`)).text();
    expect(metrics).toContain('pairdb_gossip_members_healthy{node_id="n1"} 3');

    await nodes[2]!.kill();
    await until(first, "dead", ["n3"]);
    expect(await nodes[1]!.stop()).toBe(0);
    await until(first, "left", ["n2"]);
    // Whoever came last has found a seed; the others may have been found by it.
    expect(nodes.some((node) => node.output().includes("joined a ring"))).toBe(true);
    expect(nodes[0]!.output()).toContain("a member has left");
    const { members: listed, recentEvents } = await ringOf(nodes[0]!);
    expect(listed.find(({ name }) => name === "n1")).toMatchObject({ state: "alive" });
    const events = recentEvents.map(({ kind, member }) => `${kind} ${member}`);
    for (const event of ["joined n2", "suspected n3", "failed n3", "left n2"])
      expect(events).toContain(event);
  }, 300_000);

  test("one alone misses nobody where it is its own seed, and others where its seed does not answer", async () => {
    const [port, waitingPort] = [await freePort(), await freePort()];
    const environment = { PAIRDB_HEALTH_INTERVAL: "100ms", PAIRDB_HEALTH_ISOLATED_AFTER: "0s" };
    const alone = await start("alone", port, [port], true, environment);
    const waiting = await start("waiting", waitingPort, [await freePort()], true, environment);
    const reasons = async ({ httpUrl }: NodeProcess) =>
      JSON.stringify(((await (await fetch(`${httpUrl}/health`)).json()) as { reasons: string[] }).reasons);
    const isIsolated = async (node: NodeProcess) => (await reasons(node)).includes("alone in its ring");
    await waitUntil(
      () => isIsolated(waiting),
      hangMs,
      () => reasons(waiting),
    );
    await waitUntil(
      async () => !(await isIsolated(alone)),
      hangMs,
      () => reasons(alone),
    );
  }, 300_000);

  test("a stranger without the key is told nothing, and joins nothing", async () => {
    const [port, strangerPort] = [await freePort(), await freePort()];
    await start("inside", port, []);
    const stranger = await start("outside", strangerPort, [port], false);
    const { exitCode, stderr } = await members(port, []);
    expect([exitCode, stderr]).toEqual([
      4,
      expect.stringContaining("does not tell its members: it is not sealed with a key of this ring"),
    ]);
    await waitUntil(
      () => stranger.output().includes("a seed cannot be joined"),
      hangMs,
      () => stranger.output(),
    );
    expect((await rows(port)).map(({ name }) => name)).toEqual(["inside"]);
  }, 300_000);

  test("what no member can be ends the start before the node serves, and says so", async () => {
    const port = await freePort();
    await start("one", port, []);
    const refusal = await start("two", port, []).then(String, String);
    expect(refusal).toContain("cannot listen for gossip on 127.0.0.1");
    expect(refusal).not.toContain('"msg":"recovering"');
    const unusable = join(temporaryFolder(), "no-keys");
    writeFileSync(unusable, "not a key\n");
    chmodSync(unusable, 0o600);
    const environment = { PAIRDB_GOSSIP_ENABLED: "true", PAIRDB_GOSSIP_BIND_PORT: "0" };
    for (const [name, value] of [
      ["PAIRDB_GOSSIP_KEY_FILE", unusable],
      ["PAIRDB_GOSSIP_ADVERTISE_HOST", "no-such-host.invalid"],
    ] as const) {
      const output = await startNode({ environment: { ...environment, [name]: value } }).then(String, String);
      expect(output).toContain("before it served");
      expect(output).not.toContain('"msg":"recovering"');
    }
  }, 300_000);
});
