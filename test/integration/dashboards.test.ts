/** Every panel of the dashboards has something to show of two busy nodes, but for those that say what they wait for. */
import { expect, test } from "bun:test";
import { dashboardDescriptions, fullQuery } from "../../scripts/support/dashboards.ts";
import { ruleGroups } from "../../scripts/support/monitoring.ts";
import { freePort } from "../support/gossip/foreign-members.ts";
import { waitUntil } from "../support/gossip/loopback-member.ts";
import { type NodeProcess, startNode } from "../support/node-process.ts";
import { callJson, hasPrometheus, type Prometheus, startPrometheus } from "../support/prometheus.ts";

const hangMs = 120_000;
const value = btoa("x".repeat(1000));

function start(name: string, gossipPort: number, seedPort: number): Promise<NodeProcess> {
  return startNode({
    args: ["--node-id", name, "--insecure"],
    environment: {
      PAIRDB_GOSSIP_ENABLED: "true",
      PAIRDB_GOSSIP_BIND_PORT: String(gossipPort),
      PAIRDB_GOSSIP_SEED_NODES: `127.0.0.1:${seedPort}`,
    },
  });
}

/** A call of each kind that clients make. */
async function useOnce({ httpUrl }: NodeProcess, round: number): Promise<void> {
  const key = `key-${round}`;
  const tenantId = "default";
  const call = async (method: string, body: object) => {
    expect([method, await callJson(httpUrl, method, body)]).toEqual([method, 200]);
  };
  await call("Write", { tenantId, key, value });
  await call("BatchWrite", { entries: [{ tenantId, key: `${key}-b`, value }] });
  await call("Read", { tenantId, key });
  await call("Read", { tenantId, key: `key-${Math.floor(round / 2)}` });
  await call("Read", { tenantId, key: `absent-${round}` });
  await call("BatchRead", { tenantId, keys: [key] });
  await call("Delete", { tenantId, key: `${key}-b` });
  const vectorClock = { entries: [{ coordinatorNodeId: "c", logicalTimestamp: String(round + 1) }] };
  await call("Repair", { tenantId, key: "repaired", value, vectorClock });
  if (round % 10 === 5) await call("pairdb.admin.v1.AdminService/Flush", {});
}

/** Titles of panels of which a query has no figure. */
async function emptyPanels(prometheus: Prometheus): Promise<string[]> {
  const empty: string[] = [];
  for (const { title, panels } of Object.values(dashboardDescriptions())) {
    for (const panel of panels) {
      for (const query of Object.values(panel.queries)) {
        const asked = fullQuery(query).replaceAll("$node", ".*").replaceAll("$__rate_interval", "15s");
        const samples = await prometheus.query(asked);
        const isEmpty = !samples.some((sample) => Number.isFinite(sample.value));
        const mayBe = panel.event !== undefined && !query.includes("or vector(0)");
        if (isEmpty && !mayBe) empty.push(`${title}: ${panel.title}`);
      }
    }
  }
  return empty;
}

test.if(hasPrometheus)(
  "panels of the dashboards have figures",
  async () => {
    const [first, second] = [await freePort(), await freePort()];
    const nodes = await Promise.all([start("n1", first, second), start("n2", second, first)]);
    const targets = nodes.map(({ httpPort }) => `127.0.0.1:${httpPort}`);
    const prometheus = await startPrometheus({ targets, groups: ruleGroups() });
    const [source, target] = nodes as [NodeProcess, NodeProcess];
    await callJson(source.httpUrl, "StartStreaming", {
      sourceNodeId: "n1",
      targetNodeId: "n2",
      targetHost: "127.0.0.1",
      targetPort: target.grpcPort,
      keyRanges: [{ startHash: "0", endHash: "0" }],
    });

    let round = 0;
    const isDone = async () => {
      for (let i = 0; i < 20; i++) {
        for (const node of nodes) await useOnce(node, round);
        round++;
      }
      return (await emptyPanels(prometheus)).length === 0;
    };
    await waitUntil(isDone, hangMs, () => emptyPanels(prometheus));
  },
  hangMs * 2,
);

test("few panels wait for an event", () => {
  const panels = Object.values(dashboardDescriptions()).flatMap((dashboard) => dashboard.panels);
  const waiting = panels.filter(({ event }) => event !== undefined).map(({ title }) => title);
  expect(waiting).toEqual([
    "Alerts that fire",
    "Calls turned away",
    "Calls that callers may not make",
    "Requests that became no call",
    "Peers that break the protocol or go past limits",
    "What was dropped of what came",
    "Until the disk is full, as it fills now",
  ]);
});
