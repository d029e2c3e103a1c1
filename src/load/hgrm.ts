/** A histogram as the percentile text (`.hgrm`) that HdrHistogram's plotters read. Values of microseconds, shown in ms. */
import type { Histogram } from "./histogram.ts";

const usPerMs = 1000;

export function percentileText(histogram: Histogram): string {
  const lines = [
    [pad("Value", 12), pad("Percentile", 14), pad("TotalCount", 10), pad("1/(1-Percentile)", 14)].join(" "),
    "",
  ];
  for (const { value, share, count } of histogram.distribution()) {
    const columns = [pad((value / usPerMs).toFixed(3), 12), share.toFixed(12), pad(String(count), 10)];
    // The last one has no end to come closer to.
    if (share < 1) columns.push(pad((1 / (1 - share)).toFixed(2), 14));
    lines.push(columns.join(" "));
  }
  const figure = (milliseconds: number) => pad((milliseconds / usPerMs).toFixed(3), 12);
  lines.push(
    `#[Mean    = ${figure(histogram.mean)}, StdDeviation   = ${figure(histogram.standardDeviation)}]`,
    `#[Max     = ${figure(histogram.largest)}, Total count    = ${pad(String(histogram.count), 12)}]`,
    `#[Buckets = ${pad("22", 12)}, SubBuckets     = ${pad("2048", 12)}]`,
  );
  return `${lines.join("\n")}\n`;
}

function pad(text: string, width: number): string {
  return text.padStart(width);
}
