/** What a load came to, for people and as JSON. */
import type { Histogram } from "../../load/histogram.ts";
import type { LoadResult } from "../../load/load-result.ts";
import type { OperationKind } from "../../load/mixes.ts";

const shares = { p50: 0.5, p90: 0.9, p99: 0.99, p999: 0.999, p9999: 0.9999 } as const;
const columns = ["operations", "mean", "p50", "p90", "p99", "p99.9", "p99.99", "max"];
const columnWidth = 11;
const titleWidth = 18;

export interface PhaseReport {
  readonly seconds: number;
  readonly operations: number;
  readonly operations_per_second: number;
  readonly received_bytes: number;
  readonly failed: number;
  /** By gRPC status. */
  readonly failures: Readonly<Record<string, { count: number; message: string }>>;
  /** By kind of operation. */
  readonly latencies_us: Readonly<Partial<Record<OperationKind, LatencyReport>>>;
}

type LatencyReport = Readonly<Record<"operations" | "mean" | keyof typeof shares | "max", number>>;

export function phaseReport(result: LoadResult): PhaseReport {
  const seconds = result.elapsedMs / 1000;
  return {
    seconds,
    operations: result.succeededCount,
    operations_per_second: result.succeededCount / seconds,
    received_bytes: result.receivedBytes,
    failed: result.failedCount,
    failures: Object.fromEntries(result.failures),
    latencies_us: Object.fromEntries(
      [...result.latencies].map(([kind, histogram]) => [kind, latencyReport(histogram)]),
    ),
  };
}

function latencyReport(histogram: Histogram): LatencyReport {
  const percentiles = Object.entries(shares).map(([name, share]) => [name, histogram.valueAt(share)]);
  return {
    operations: histogram.count,
    mean: histogram.mean,
    ...(Object.fromEntries(percentiles) as Record<keyof typeof shares, number>),
    max: histogram.largest,
  };
}

/** A table of times in milliseconds, one line for each kind of operation. */
export function phaseText(title: string, report: PhaseReport): string {
  const { seconds, operations, operations_per_second, failed, failures } = report;
  const lines = [
    `${title}: ${operations} operations in ${seconds.toFixed(1)} s, ${operations_per_second.toFixed(0)} a second`,
    `${"milliseconds".padEnd(titleWidth)}${columns.map((name) => name.padStart(columnWidth)).join("")}`,
  ];
  for (const [kind, { operations: count, ...times }] of Object.entries(report.latencies_us)) {
    const cells = [String(count), ...Object.values(times).map((us) => (us / 1000).toFixed(3))];
    lines.push(kind.padEnd(titleWidth) + cells.map((cell) => cell.padStart(columnWidth)).join(""));
  }
  if (failed > 0) lines.push(`${failed} operations failed:`);
  for (const [status, { count, message }] of Object.entries(failures)) {
    lines.push(`  ${count} with status ${status}: ${message}`);
  }
  return `${lines.join("\n")}\n`;
}

/** What the last second was like. */
export function progressNote(operationsPerSecond: number, recent: Histogram, failedCount: number): string {
  const time = (share: number) => `${(recent.valueAt(share) / 1000).toFixed(2)} ms`;
  const failures = failedCount === 0 ? "" : `, ${failedCount} failed`;
  return `${operationsPerSecond.toFixed(0)} a second, p50 ${time(0.5)}, p99 ${time(0.99)}${failures}`;
}
