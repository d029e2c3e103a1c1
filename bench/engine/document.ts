/**
 * Keeps the results in docs/plots/engine.json, and puts them into docs/performance.md: between a group's two markers
 * stands its table and its plot, so the document holds no figure that was not measured.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";
import { join } from "node:path";
import type { Group } from "./group.ts";
import { plotOf } from "./plot.ts";
import type { Row } from "./row.ts";
import type { Settings } from "./settings.ts";

const documents = join(import.meta.dir, "../../docs");
const resultsPath = join(documents, "plots/engine.json");
const documentPath = join(documents, "performance.md");

interface Results {
  readonly machine: string;
  readonly rows: readonly Row[];
}

/** Rows of earlier runs stay where this one has none of that name. */
export function writeDocuments(settings: Settings, groups: readonly Group[], measured: readonly Row[]): void {
  mkdirSync(join(documents, "plots"), { recursive: true });
  const earlier = readResults();
  const known = new Map([...(earlier?.rows ?? []), ...measured].map((row) => [row.case, row]));
  const rows = groups.flatMap(({ cases }) => cases.flatMap((name) => known.get(name) ?? []));
  const machine =
    measured.length === 0 && earlier !== undefined ? earlier.machine : describeMachine(settings);
  writeFileSync(resultsPath, `${JSON.stringify({ machine, rows } satisfies Results, null, 2)}\n`);
  for (const { name, title, cases } of groups) {
    const own = rows.filter((row) => cases.includes(row.case));
    writeFileSync(join(documents, `plots/${name}.svg`), plotOf(title, own));
  }
  writeFileSync(documentPath, withResults(readFileSync(documentPath, "utf8"), groups, { machine, rows }));
}

/** The document with these results between its markers. */
export function withResults(document: string, groups: readonly Group[], { machine, rows }: Results): string {
  let result = replaceSection(document, "machine", machine);
  for (const { name, title, cases } of groups) {
    const own = rows.filter((row) => cases.includes(row.case));
    result = replaceSection(result, name, `${tableOf(own)}\n\n![${title}](plots/${name}.svg)`);
  }
  return result;
}

export function readResults(): Results | undefined {
  return existsSync(resultsPath) ? (JSON.parse(readFileSync(resultsPath, "utf8")) as Results) : undefined;
}

function describeMachine({ entryCount, valueBytes, roundCount }: Settings): string {
  const [processor] = cpus();
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB of memory`;
  const day = new Date().toISOString().slice(0, 10);
  return (
    `${day}, ${cpus().length} processors (${processor?.model ?? "unknown"}), ${memory}, Linux ${release()}, ` +
    `Bun ${Bun.version}; ${entryCount.toLocaleString("en-US")} entries, values of ${valueBytes} bytes, ` +
    `${roundCount} rounds.`
  );
}

/** What lies between the markers of that name. */
function replaceSection(document: string, name: string, content: string): string {
  const begin = `<!-- engine:${name} -->`;
  const end = `<!-- /engine:${name} -->`;
  const [before, rest] = document.split(begin);
  const after = rest?.split(end)[1];
  if (before === undefined || after === undefined)
    throw new Error(`docs/performance.md lacks ${begin} … ${end}`);
  return `${before}${begin}\n\n${content}\n\n${end}${after}`;
}

function tableOf(rows: readonly Row[]): string {
  const lines = rows.flatMap((row) => {
    const beside = Object.entries(row.peers);
    const [first, ...others] = beside.length === 0 ? [["", undefined] as const] : beside;
    const bars = row.bars.map(({ text, figure, isMet }) => `${text}: ${isMet ? "" : "missed, "}${figure}`);
    return [
      [row.case, `${show(row.ours)} ${row.unit}`, ...besideCells(row.ours, first!), bars.join("<br>")],
      ...others.map((peer) => ["", "", ...besideCells(row.ours, peer), ""]),
    ];
  });
  const notes = [
    ...new Set(rows.flatMap(({ case: name, note }) => (note === undefined ? [] : `${name}: ${note}.`))),
  ];
  return [
    "| case | ours | beside | ours ÷ beside | bar |",
    "| --- | ---: | --- | ---: | --- |",
    ...lines.map((cells) => `| ${cells.join(" | ")} |`),
    ...(notes.length === 0 ? [] : ["", ...notes.map((note) => `- ${note}`)]),
  ].join("\n");
}

function besideCells(ours: number, [peer, figure]: readonly [string, number | undefined]): string[] {
  if (figure === undefined) return ["", ""];
  return [`${peer} ${show(figure)}`, figure === 0 ? "" : (ours / figure).toFixed(2)];
}

function show(figure: number): string {
  return figure.toLocaleString("en-US");
}
