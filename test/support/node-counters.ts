/** What a node counts, as its metrics say. */

/** Value by series, its labels in the order of the node's answer, without `node_id`. */
export type Counters = ReadonlyMap<string, number>;

export async function readCounters(httpUrl: string): Promise<Counters> {
  const response = await fetch(`${httpUrl}/metrics`);
  if (!response.ok) throw new Error(`${httpUrl}/metrics answered ${response.status}`);
  return parseCounters(await response.text());
}

/** Prometheus' text; samples without a timestamp, as the node writes them. */
export function parseCounters(text: string): Counters {
  const samples = text.matchAll(/^([a-z_]+(?:\{.*\})?) (\S+)$/gm);
  return new Map(
    [...samples].map(([, series = "", value]) => [
      series.replace(/,?node_id="[^"]*"/, "").replace("{}", ""),
      Number(value),
    ]),
  );
}

/** The series of one metric that rose between two readings, each with how much it rose. */
export function increases(before: Counters, after: Counters, metric: string): Record<string, number> {
  const rises: Record<string, number> = {};
  for (const [series, value] of after) {
    const rise = value - (before.get(series) ?? 0);
    if (rise !== 0 && series.replace(/\{.*/, "") === metric) rises[series] = rise;
  }
  return rises;
}
