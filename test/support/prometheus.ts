/** A real Prometheus (Debian's) over nodes of a test, with the rules that ship. */
import { afterAll } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import type { RuleGroup } from "../../scripts/support/monitoring.ts";
import { freePort } from "./gossip/foreign-members.ts";
import { waitUntil } from "./gossip/loopback-member.ts";
import { requirePeer } from "./peers.ts";
import { temporaryFolder } from "./temp-folder.ts";

export const hasPrometheus = requirePeer("prometheus", () => Bun.which("prometheus") !== null);

/** What takes so long hangs. */
const hangMs = 120_000;

export interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface PrometheusOptions {
  /** `HOST:PORT` of each node's HTTP port. */
  readonly targets: readonly string[];
  readonly groups: readonly RuleGroup[];
}

export interface Prometheus {
  /** The samples that a query has now; throws where it is none. */
  query(expression: string): Promise<Sample[]>;
  /** Resolves once all of these alerts fire, doing something meanwhile; throws with those that do when they do not. */
  untilFiring(alerts: readonly string[], meanwhile?: () => Promise<unknown>): Promise<void>;
  /** The alerts that fire now. */
  firing(): Promise<Set<string>>;
}

/** Scrapes and evaluates every second. Ends after the test file. */
export async function startPrometheus({ targets, groups }: PrometheusOptions): Promise<Prometheus> {
  const folder = temporaryFolder();
  const port = await freePort();
  writeFileSync(join(folder, "rules.yaml"), stringify({ groups }));
  writeFileSync(
    join(folder, "prometheus.yaml"),
    stringify({
      global: { scrape_interval: "1s", scrape_timeout: "1s", evaluation_interval: "1s" },
      rule_files: ["rules.yaml"],
      scrape_configs: [{ job_name: "pairdb-storage-node", static_configs: [{ targets }] }],
    }),
  );
  const child = Bun.spawn(
    [
      "prometheus",
      `--config.file=${join(folder, "prometheus.yaml")}`,
      `--storage.tsdb.path=${join(folder, "data")}`,
      `--web.listen-address=127.0.0.1:${port}`,
      "--log.level=error",
    ],
    { cwd: folder, stdout: "ignore", stderr: "inherit" },
  );
  afterAll(async () => {
    child.kill("SIGKILL");
    await child.exited;
  });
  const url = `http://127.0.0.1:${port}`;
  const isReady = () =>
    fetch(`${url}/-/ready`).then(
      ({ ok }) => ok,
      () => false,
    );
  await waitUntil(isReady, hangMs, () => `prometheus, exit code ${child.exitCode}`);

  const query = async (expression: string): Promise<Sample[]> => {
    const response = await fetch(`${url}/api/v1/query`, {
      method: "POST",
      body: new URLSearchParams({ query: expression }),
    });
    const answer = (await response.json()) as QueryAnswer;
    if (answer.status !== "success") throw new Error(`${expression}: ${answer.error}`);
    return answer.data.result.map(({ metric, value }) => ({ metric, value: Number(value[1]) }));
  };
  const firing = async () =>
    new Set((await query('ALERTS{alertstate="firing"}')).map(({ metric }) => metric["alertname"]!));
  return {
    query,
    firing,
    async untilFiring(alerts, meanwhile) {
      const doAll = async () => {
        await meanwhile?.();
        return (await firing()).isSupersetOf(new Set(alerts));
      };
      await waitUntil(doAll, hangMs, async () => ({ expected: alerts, firing: [...(await firing())] }));
    },
  };
}

interface QueryAnswer {
  readonly status: string;
  readonly error?: string;
  readonly data: {
    readonly result: readonly {
      readonly metric: Readonly<Record<string, string>>;
      readonly value: readonly [seconds: number, text: string];
    }[];
  };
}

/** Calls a node by Connect's JSON, on its HTTP port; resolves with the status. */
export async function callJson(httpUrl: string, method: string, body: object): Promise<number> {
  const service = method.includes("/") ? method : `storage.StorageNodeService/${method}`;
  const headers = { "content-type": "application/json" };
  const response = await fetch(`${httpUrl}/${service}`, {
    method: "POST",
    headers,
    body: JSON.stringify(body),
  });
  await response.arrayBuffer();
  return response.status;
}
