/** The alerts that ship, and the names of metrics in queries. */
import { type Rule, ruleGroups } from "../../scripts/support/monitoring.ts";
import { readDocument } from "./documents.ts";

export type Alert = Rule & { readonly alert: string };

export function alerts(): Alert[] {
  return ruleGroups().flatMap(({ rules }) => rules.filter((rule): rule is Alert => rule.alert !== undefined));
}

/** What a query may ask for: the metrics of docs/metrics.md, with the series of histograms, and what rules record. */
export function knownSeries(): Set<string> {
  const rows = [...readDocument("docs/metrics.md").matchAll(/^\| `(pairdb_\w+)` \| (\w+) \|/gm)];
  const metrics = rows.flatMap(([, name = "", type]) =>
    type === "histogram" ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
  );
  const recorded = ruleGroups().flatMap(({ rules }) => rules.flatMap(({ record = [] }) => record));
  return new Set(metrics.concat(recorded));
}

/** The project's own series that a query asks for. */
export function seriesOf(query: string): string[] {
  return [...query.matchAll(/\bpairdb[_:][\w:]+/g)].map(([name]) => name);
}
