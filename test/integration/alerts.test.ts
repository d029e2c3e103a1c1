/**
 * Alerts that real trouble raises: nodes are brought into it, and a real Prometheus watches with the rules that ship. The
 * expressions are theirs; only `for` is 0, and the thresholds of memory and memtable are low.
 *
 * `ALERT_PROVOCATIONS=all` raises the slower ones too.
 */
import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type RuleGroup, ruleGroups } from "../../scripts/support/monitoring.ts";
import { FaultFileSystem } from "../../src/platform/fault.ts";
import type { FileSystem } from "../../src/platform/file-system.ts";
import { realFileSystem } from "../../src/platform/real.ts";
import { command, type ServedNode, serve } from "../support/command-line.ts";
import { freePort } from "../support/gossip/foreign-members.ts";
import { waitUntil } from "../support/gossip/loopback-member.ts";
import { startNode } from "../support/node-process.ts";
import { override } from "../support/override.ts";
import { callJson, hasPrometheus, startPrometheus } from "../support/prometheus.ts";
import { temporaryFolder } from "../support/temp-folder.ts";

/** What takes so long hangs. */
const hangMs = 300_000;
const isWhole = process.env["ALERT_PROVOCATIONS"] === "all";
const tenantId = "default";
const admin = "pairdb.admin.v1.AdminService";

const lowThresholds: Readonly<Record<string, [shipped: string, low: string]>> = {
  PairdbMemoryHigh: ["3.5e9", "1e6"],
  PairdbMemtableLarge: ["60e6", "1e4"],
};

/** The rules that ship, without patience. */
function impatientGroups(): RuleGroup[] {
  return ruleGroups().map(({ name, rules }) => ({
    name,
    rules: rules.map((rule) => {
      if (rule.alert === undefined) return rule;
      const [shipped = "", low = ""] = lowThresholds[rule.alert] ?? [];
      expect(rule.expr).toContain(shipped);
      return { ...rule, expr: rule.expr.replace(shipped, low), for: "0s" };
    }),
  }));
}

const watch = (...nodes: { readonly httpPort: number }[]) =>
  startPrometheus({
    targets: nodes.map(({ httpPort }) => `127.0.0.1:${httpPort}`),
    groups: impatientGroups(),
  });

const write = ({ httpUrl }: ServedNode, key: string, value = "eA==") =>
  callJson(httpUrl, "Write", { tenantId, key, value });
const read = ({ httpUrl }: ServedNode, key: string) => callJson(httpUrl, "Read", { tenantId, key });

/** Inside the test's own process, so that a file system can be handed in. */
const serveOn = (files: FileSystem, variables: Record<string, string> = {}) =>
  serve([], { files, variables });

function withUsage(share: () => number): FileSystem {
  const usage = () => ({ totalBytes: 1e9, availableBytes: Math.round(1e9 * (1 - share())) });
  return override(realFileSystem, { usage });
}

/** Every sync takes a fifth of a second longer. */
const slowFiles = override(realFileSystem, {
  open: (path, mode) => {
    const file = realFileSystem.open(path, mode);
    const sync = () => Bun.sleep(200).then(() => file.sync());
    return path.endsWith(".log") ? override(file, { sync }) : file;
  },
});

describe.if(hasPrometheus)("real trouble raises", () => {
  test(
    "the disk's alerts, and that of errors, when it is full; they end when there is room",
    async () => {
      let share = 0.5;
      const node = await serveOn(withUsage(() => share));
      const prometheus = await watch(node);
      expect(await write(node, "a")).toBe(200);
      await waitUntil(
        async () => (await prometheus.query("pairdb_system_disk_usage_percent")).length > 0,
        hangMs,
        () => "no scrape",
      );
      expect([...(await prometheus.firing())].filter((alert) => alert.startsWith("PairdbDisk"))).toEqual([]);
      share = 0.97;
      // The guard looks again within half a second.
      await waitUntil(
        async () => (await write(node, "b")) !== 200,
        hangMs,
        () => "writes go on",
      );
      const alerts = ["PairdbDiskUsageHigh", "PairdbDiskUsageCritical", "PairdbHighErrorRate"];
      await prometheus.untilFiring(alerts, () => write(node, "b"));
      share = 0.5;
      await waitUntil(
        async () => !(await prometheus.firing()).has("PairdbDiskUsageHigh"),
        hangMs,
        () => prometheus.firing(),
      );
    },
    hangMs,
  );

  test(
    "those of the engine: paused compaction, a memtable, memory, a cache in vain, a main thread held up",
    async () => {
      const node = await serve();
      const prometheus = await watch(node);
      expect(await callJson(node.httpUrl, `${admin}/PauseCompaction`, {})).toBe(200);
      for (let i = 0; i < 9; i++) {
        expect(await write(node, `key-${i}`)).toBe(200);
        expect(await callJson(node.httpUrl, `${admin}/Flush`, {})).toBe(200);
      }
      expect(await write(node, "large", btoa("x".repeat(20_000)))).toBe(200);
      let reads = 0;
      const readInVain = async () => {
        for (let i = 0; i < 10; i++) await read(node, `absent-${reads++}`);
      };
      // The node is in this process, so this holds it up.
      const endMs = performance.now() + 1500;
      while (performance.now() < endMs);
      const alerts = [
        "PairdbLevel0TablesMany",
        "PairdbMemtableLarge",
        "PairdbMemoryHigh",
        "PairdbCacheHitRateLow",
        "PairdbEventLoopLag",
      ];
      await prometheus.untilFiring(alerts, readInVain);
      expect((await command(["drain", "--addr", node.address])).exitCode).toBe(0);
      await prometheus.untilFiring(["PairdbDraining"]);
    },
    hangMs,
  );

  test(
    "those of the disk's own failures: a flipped byte, and a sync that fails",
    async () => {
      const folder = temporaryFolder();
      const first = await serve(["--data-dir", folder]);
      expect(await write(first, "a", btoa("x".repeat(50_000)))).toBe(200);
      expect(await callJson(first.httpUrl, `${admin}/Flush`, {})).toBe(200);
      first.stop();
      expect(await first.ended).toBe(0);
      const tables = join(folder, "sstables");
      flipByte(join(tables, readdirSync(tables).find((name) => name.endsWith(".sst"))!));
      const flipped = await serve(["--data-dir", folder, "--node-id", "flipped"]);
      expect(await read(flipped, "a")).not.toBe(200);

      const files = new FaultFileSystem(realFileSystem);
      const failing = await serve(["--node-id", "failing"], { files });
      files.injector = ({ kind, path }) => (kind === "sync" && path.endsWith(".log") ? "EIO" : undefined);
      expect(await write(failing, "a")).not.toBe(200);
      const prometheus = await watch(flipped, failing);
      await prometheus.untilFiring(["PairdbCorruptionFound", "PairdbWritingStopped"]);
    },
    hangMs,
  );

  test(
    "those of writes that are slow as the disk is, and of calls turned away when there are too many",
    async () => {
      const node = await serveOn(slowFiles, { PAIRDB_LIMITS_TENANT_REQUESTS_PER_SECOND: "50" });
      const prometheus = await watch(node);
      let round = 0;
      const use = async () => {
        const written = write(node, `key-${round++}`);
        const greedy = { tenantId: "greedy", key: "a" };
        await Promise.all(Array.from({ length: 200 }, () => callJson(node.httpUrl, "Read", greedy)));
        await written;
      };
      await prometheus.untilFiring(["PairdbWriteLatencyHigh", "PairdbCallsShed"], use);
    },
    hangMs,
  );

  test(
    "those of a ring, when a peer is killed",
    async () => {
      const [first, second] = [await freePort(), await freePort()];
      const start = (name: string, own: number, seed: number) =>
        startNode({
          args: ["--node-id", name],
          environment: {
            PAIRDB_GOSSIP_ENABLED: "true",
            PAIRDB_GOSSIP_BIND_PORT: String(own),
            PAIRDB_GOSSIP_SEED_NODES: `127.0.0.1:${seed}`,
          },
        });
      const [survivor, killed] = await Promise.all([
        start("survivor", first, second),
        start("killed", second, first),
      ]);
      const prometheus = await watch(survivor, killed);
      const isWhole = async () => (await prometheus.query("pairdb_gossip_members_healthy == 2")).length === 2;
      await waitUntil(isWhole, hangMs, () => survivor.output());
      await killed.kill();
      await prometheus.untilFiring(["PairdbNodeDown", "PairdbGossipMembersLost", "PairdbGossipIsolated"]);
    },
    hangMs,
  );
});

// What is not asked for is not there, so that nothing is skipped but where Prometheus is missing.
const slower = isWhole ? describe.if(hasPrometheus) : (_name: string, _body: () => void) => undefined;

slower("slower trouble raises", () => {
  test(
    "that of a stream, when its target is not there",
    async () => {
      const node = await serve(["--node-id", "source", "--insecure"]);
      const prometheus = await watch(node);
      const status = await callJson(node.httpUrl, "StartStreaming", {
        sourceNodeId: "source",
        targetNodeId: "gone",
        targetHost: "127.0.0.1",
        targetPort: await freePort(),
        keyRanges: [{ startHash: "0", endHash: "0" }],
      });
      expect(status).toBe(200);
      await prometheus.untilFiring(["PairdbStreamFailed"]);
    },
    hangMs,
  );

  test(
    "that of targets, when there are none",
    async () => {
      await (await watch()).untilFiring(["PairdbNoNodes"]);
    },
    hangMs,
  );
});

function flipByte(file: string): void {
  const bytes = readFileSync(file);
  bytes[Math.floor(bytes.length / 4)]! ^= 1;
  writeFileSync(file, bytes);
}
