/** Prometheus' own reader of metrics, on those of a node that has done some work. */
import { expect, test } from "bun:test";
import { startNode } from "../support/node-process.ts";
import { requirePeer } from "../support/peers.ts";

/** The names of these gauges are older than the rule. */
const knownFindings = [
  "cache_entries_total",
  "commitlog_segments_total",
  "gossip_members_total",
  "memtable_entries_total",
].map((name) => `pairdb_${name} non-counter metrics should not have "_total" suffix`);

async function findings(metrics: string): Promise<string[]> {
  const child = Bun.spawn(["promtool", "check", "metrics"], {
    stdin: new Blob([metrics]),
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  return `${stdout}${stderr}`.split("\n").filter((line) => line !== "");
}

const isPromtoolThere = requirePeer("promtool", () => Bun.which("promtool") !== null);

test.if(isPromtoolThere)("promtool finds nothing but the names that are older than it", async () => {
  const node = await startNode();
  const call = (method: string, message: object) =>
    fetch(`${node.httpUrl}/storage.StorageNodeService/${method}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(message),
    });
  const record = { tenantId: "default", key: "greeting" };
  await call("Write", { ...record, value: btoa("hello") });
  await call("Read", record);
  await call("Nothing", record);
  const metrics = await (await fetch(`${node.httpUrl}/metrics`)).text();
  expect(metrics).toContain('pairdb_storage_read_requests_total{error="false"');
  expect((await findings(metrics)).sort()).toEqual(knownFindings.sort());
});

test.if(isPromtoolThere)("promtool finds what is wrong", async () => {
  expect(await findings("# HELP a_total Help\n# TYPE a_total gauge\na_total 1\n")).toHaveLength(1);
});
