/** What is made of `monitoring` for others to read: the rules as the Prometheus operator takes them, and dashboards. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import { dashboardDescriptions, dashboardJson } from "./dashboards.ts";
import { root } from "./process.ts";

export interface Rule {
  readonly alert?: string;
  readonly record?: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface RuleGroup {
  readonly name: string;
  readonly rules: readonly Rule[];
}

const ruleFolder = join(root, "monitoring/rules");

/** Recordings before the alerts that are built on them. */
export function ruleGroups(): RuleGroup[] {
  const files = readdirSync(ruleFolder).sort().reverse();
  return files.flatMap((file) => {
    const { groups } = parse(readFileSync(join(ruleFolder, file), "utf8")) as { groups: RuleGroup[] };
    return groups;
  });
}

/** Texts by their paths from the root. */
export function generatedMonitoring(): Map<string, string> {
  const dashboards = Object.entries(dashboardDescriptions()).map(([name, description]): [string, string] => [
    `monitoring/dashboards/${name}.json`,
    dashboardJson(name, description),
  ]);
  return new Map([["k8s/monitoring/prometheus-rule.yaml", prometheusRule()], ...dashboards]);
}

function prometheusRule(): string {
  const name = "pairdb-storage-node";
  const manifest = {
    apiVersion: "monitoring.coreos.com/v1",
    kind: "PrometheusRule",
    metadata: { name, namespace: "pairdb", labels: { "app.kubernetes.io/name": name } },
    spec: { groups: ruleGroups() },
  };
  const header = "# Made of monitoring/rules by `just monitoring`: change it there.\n";
  return header + stringify(manifest, { lineWidth: 0 });
}
