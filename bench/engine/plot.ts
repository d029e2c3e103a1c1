/** Plots of a group's rows as SVG: a panel of bars for each case, and one of columns for what was followed over time. */
import type { Row } from "./row.ts";

const width = 760;
const margin = 16;
const labelWidth = 180;
const figureWidth = 110;
const barWidth = width - labelWidth - figureWidth - 2 * margin;
const lineHeight = 24;
const titleHeight = 34;
const seriesHeight = 120;
const oursColor = "#1f6feb";
const peerColor = "#9aa4b2";
const textColor = "#1f2328";

export function plotOf(title: string, rows: readonly Row[]): string {
  let top = margin + titleHeight;
  const parts: string[] = [text(margin, margin + 14, title, "bold")];
  for (const row of rows) {
    parts.push(...bars(row, top));
    top += titleHeight + lineHeight * (1 + Object.keys(row.peers).length);
    if (row.series === undefined) continue;
    parts.push(...columns(row.series, row.unit, top));
    top += seriesHeight + titleHeight;
  }
  const height = top + margin;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}"`,
    `  font-family="system-ui, sans-serif" font-size="13">`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    ...parts,
    "</svg>",
    "",
  ].join("\n");
}

function bars(row: Row, top: number): string[] {
  const figures = [["ours", row.ours] as const, ...Object.entries(row.peers)];
  const most = Math.max(...figures.map(([, figure]) => figure), Number.MIN_VALUE);
  const lines = figures.flatMap(([name, figure], index) => {
    const y = top + titleHeight + index * lineHeight;
    const length = Math.max(1, (barWidth * Math.max(0, figure)) / most).toFixed(1);
    const color = index === 0 ? oursColor : peerColor;
    return [
      text(margin, y + 4, name),
      `<rect x="${margin + labelWidth}" y="${y - 8}" width="${length}" height="16" fill="${color}"/>`,
      text(margin + labelWidth + Number(length) + 8, y + 4, figure.toLocaleString("en-US")),
    ];
  });
  return [text(margin, top + 8, `${row.case}, ${row.unit}`, "600"), ...lines];
}

function columns(values: readonly number[], unit: string, top: number): string[] {
  const most = Math.max(...values);
  const step = (width - 2 * margin) / values.length;
  const rects = values.map((value, index) => {
    const height = (seriesHeight * value) / most;
    const y = top + titleHeight / 2 + seriesHeight - height;
    return `<rect x="${(margin + index * step).toFixed(1)}" y="${y.toFixed(1)}" width="${(0.8 * step).toFixed(1)}" height="${height.toFixed(1)}" fill="${oursColor}"/>`;
  });
  return [text(margin, top + 8, `over time, up to ${most.toLocaleString("en-US")} ${unit}`), ...rects];
}

function text(x: number, y: number, content: string, weight = "normal"): string {
  const escaped = content.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  return `<text x="${x.toFixed(1)}" y="${y}" font-weight="${weight}" fill="${textColor}">${escaped}</text>`;
}
