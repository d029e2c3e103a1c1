/**
 * Keeps a benchmark's results in docs/plots/BENCHMARK.json, and puts them into docs/performance.md: between a group's
 * two markers stands its table and its plot, so the document holds no figure that was not measured.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, loadavg, release, totalmem } from "node:os";
import { join } from "node:path";
import { plotOf } from "./plot.ts";
import type { Row } from "./row.ts";

const documents = join(import.meta.dir, "../../docs");
const documentPath = join(documents, "performance.md");

/** Of other programs: the benchmark has done nothing yet. */
const loadAtStart = loadavg()[0] ?? 0;

export type Benchmark = "engine" | "rpc";

function resultsPath(benchmark: Benchmark): string {
  return join(documents, `plots/${benchmark}.json`);
}

/** What of a group the documents show. */
export interface DocumentedGroup {
  readonly name: string;
  readonly title: string;
  /** Names of its rows. */
  readonly cases: readonly string[];
}

interface Results {
  readonly machine: string;
  readonly groups: readonly GroupResults[];
}

interface GroupResults {
  readonly name: string;
  readonly title: string;
  readonly rows: readonly Row[];
}

/** Rows of earlier runs stay where this one has none of that name. `setup` says how it was measured. */
export function writeDocuments(
  benchmark: Benchmark,
  groups: readonly DocumentedGroup[],
  measured: readonly Row[],
  setup: string,
): void {
  mkdirSync(join(documents, "plots"), { recursive: true });
  const path = resultsPath(benchmark);
  const earlier = existsSync(path) ? readResults(benchmark) : undefined;
  const earlierRows = earlier?.groups.flatMap(({ rows }) => rows) ?? [];
  const known = new Map([...earlierRows, ...measured].map((row) => [row.case, row]));
  const results = {
    machine: measured.length === 0 && earlier !== undefined ? earlier.machine : describeMachine(setup),
    groups: groups.map(({ name, title, cases }) => ({
      name,
      title,
      rows: cases.flatMap((caseName) => known.get(caseName) ?? []),
    })),
  };
  writeFileSync(path, `${JSON.stringify(results, null, 2)}\n`);
  for (const { name, title, rows } of results.groups) {
    writeFileSync(join(documents, `plots/${name}.svg`), plotOf(title, rows));
  }
  writeFileSync(documentPath, withResults(readFileSync(documentPath, "utf8"), benchmark, results));
}

export function readResults(benchmark: Benchmark): Results {
  return JSON.parse(readFileSync(resultsPath(benchmark), "utf8")) as Results;
}

/** The document with these results between its markers. */
export function withResults(document: string, benchmark: Benchmark, { machine, groups }: Results): string {
  let result = replaceSection(document, `${benchmark}:machine`, machine);
  for (const { name, title, rows } of groups) {
    result = replaceSection(
      result,
      `${benchmark}:${name}`,
      `${tableOf(rows)}\n\n![${title}](plots/${name}.svg)`,
    );
  }
  return result;
}

function describeMachine(setup: string): string {
  const [processor] = cpus();
  const load = loadAtStart.toFixed(1);
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB of memory`;
  const day = new Date().toISOString().slice(0, 10);
  return (
    `${day}, ${cpus().length} processors (${processor?.model ?? "unknown"}), ${memory}, Linux ${release()}, ` +
    `Bun ${Bun.version}; ${setup}, and a load average of ${load} when it began.`
  );
}

/** What lies between the markers of that name. */
function replaceSection(document: string, name: string, content: string): string {
  const begin = `<!-- ${name} -->`;
  const end = `<!-- /${name} -->`;
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
