/** Grafana's dashboards, made of the brief description in monitoring/dashboards.yaml. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { root } from "./process.ts";

export interface PanelDescription {
  readonly title: string;
  /** One of Grafana's. */
  readonly unit: string;
  /** One large figure instead of a graph. */
  readonly stat?: boolean;
  /** Of the buckets of a histogram. */
  readonly heatmap?: boolean;
  /** What has to happen before there is anything to show. */
  readonly event?: string;
  /** By their legends. */
  readonly queries: Readonly<Record<string, string>>;
}

export interface DashboardDescription {
  readonly title: string;
  readonly panels: readonly PanelDescription[];
}

const columns = 3;
const width = 24 / columns;
const height = 8;

/** By the names of their files. */
export function dashboardDescriptions(): Record<string, DashboardDescription> {
  return parse(readFileSync(join(root, "monitoring/dashboards.yaml"), "utf8"));
}

/** A query as Grafana gets it: `$node` in a selector stands for the variable of that name. */
export function fullQuery(query: string): string {
  return query.replaceAll(/(?<=[{ ])\$node(?=\})/g, 'node_id=~"$node"');
}

export function dashboardJson(name: string, { title, panels }: DashboardDescription): string {
  const dashboard = {
    uid: `pairdb-${name}`,
    title,
    tags: ["pairdb"],
    schemaVersion: 38,
    editable: true,
    graphTooltip: 1,
    refresh: "30s",
    time: { from: "now-3h", to: "now" },
    links: [
      {
        type: "dashboards",
        title: "PairDB",
        tags: ["pairdb"],
        asDropdown: true,
        keepTime: true,
        includeVars: true,
      },
    ],
    templating: { list: [datasourceVariable, nodeVariable] },
    panels: panels.map(panelJson),
  };
  return `${JSON.stringify(dashboard, undefined, 2)}\n`;
}

const datasource = { type: "prometheus", uid: "$datasource" };

const datasourceVariable = {
  name: "datasource",
  label: "Prometheus",
  type: "datasource",
  query: "prometheus",
};

const nodeVariable = {
  name: "node",
  label: "Node",
  type: "query",
  datasource,
  query: { query: "label_values(pairdb_build_info, node_id)", refId: "nodes" },
  // Asked anew with each change of the time range.
  refresh: 2,
  sort: 1,
  multi: true,
  includeAll: true,
  allValue: ".*",
  current: { text: "All", value: "$__all" },
};

function panelJson(
  { title, unit, stat = false, heatmap = false, event, queries }: PanelDescription,
  index: number,
) {
  const type = stat ? "stat" : heatmap ? "heatmap" : "timeseries";
  return {
    id: index + 1,
    type,
    title,
    ...(event === undefined ? {} : { description: `Nothing, or 0, without ${event}.` }),
    datasource,
    gridPos: { x: (index % columns) * width, y: Math.floor(index / columns) * height, w: width, h: height },
    fieldConfig: { defaults: { unit, min: 0 }, overrides: [] },
    options: optionsOf(type),
    targets: Object.entries(queries).map(([legend, query], position) => ({
      refId: String.fromCharCode("A".charCodeAt(0) + position),
      datasource,
      expr: fullQuery(query),
      legendFormat: legend,
      range: true,
      ...(heatmap ? { format: "heatmap" } : {}),
    })),
  };
}

function optionsOf(type: string) {
  if (type === "stat") return { reduceOptions: { calcs: ["lastNotNull"] }, textMode: "auto" };
  // Prometheus' buckets are cumulative; Grafana takes the differences.
  if (type === "heatmap") return { calculate: false, yAxis: { unit: "s" } };
  return { tooltip: { mode: "multi", sort: "desc" }, legend: { displayMode: "list", placement: "bottom" } };
}
