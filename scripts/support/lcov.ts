/** Reading and completing lcov files. Paths in them are relative to the project's root. */

export interface FileCoverage {
  readonly path: string;
  readonly linesFound: number;
  readonly linesHit: number;
}

/** Lines found and hit, counted from the `DA` records. */
export function coverageByFile(lcov: string): FileCoverage[] {
  const files: FileCoverage[] = [];
  for (const section of lcov.split("end_of_record")) {
    const path = /^SF:(.+)$/m.exec(section)?.[1];
    if (path === undefined) continue;
    const counts = [...section.matchAll(/^DA:\d+,(\d+)/gm)].map((match) => Number(match[1]));
    files.push({
      path,
      linesFound: counts.length,
      linesHit: counts.filter((count) => count > 0).length,
    });
  }
  return files;
}

/** Keeps the sections of `sources` and adds one without a covered line for each source that has none. */
export function completeCoverage(lcov: string, sources: ReadonlyMap<string, string>): string {
  const sections = lcov
    .split(/(?<=end_of_record\n)/)
    .filter((section) => sources.has(/^SF:(.+)$/m.exec(section)?.[1] ?? ""));
  const loaded = new Set(coverageByFile(lcov).map((file) => file.path));
  for (const [path, text] of sources) {
    if (loaded.has(path)) continue;
    const lines = codeLines(text);
    const records = lines.map((line) => `DA:${line},0\n`).join("");
    sections.push(`TN:\nSF:${path}\n${records}LF:${lines.length}\nLH:0\nend_of_record\n`);
  }
  return sections.join("");
}

/** Numbers of the lines with code: neither blank nor comment; none in a file that only declares types. */
function codeLines(text: string): number[] {
  // The text stands alone here, where a macro beside it is not found; called as a function it holds the same lines.
  const plain = text.replaceAll(' with { type: "macro" }', "");
  const compiled = new Bun.Transpiler({ loader: "ts" }).transformSync(plain);
  if (compiled.trim() === "") return [];
  return text.split("\n").flatMap((line, index) => (/^\s*(\/\/|\/?\*|$)/.test(line) ? [] : [index + 1]));
}
