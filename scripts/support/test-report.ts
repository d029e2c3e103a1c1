/**
 * What a test run gave, read from Bun's JUnit report.
 *
 * A file that fails while it loads is missing from the report, and one without tests is there with none: both
 * count as one failure, so that no test disappears silently.
 */

export interface TestCounts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** Files that count as a failure of their own, with the reason. */
  readonly brokenFiles: readonly string[];
}

function attribute(tag: string, name: string): string {
  return new RegExp(` ${name}="([^"]*)"`).exec(tag)?.[1] ?? "";
}

/** Counts the tests of a report over `files` (paths relative to the root, as they were given to Bun). */
export function countTests(report: string, files: readonly string[], exitCode: number): TestCounts {
  const summary = /<testsuites [^>]*>/.exec(report)?.[0] ?? "";
  const tests = Number(attribute(summary, "tests"));
  const skipped = Number(attribute(summary, "skipped"));
  const failures = Number(attribute(summary, "failures"));

  const seen = new Set<string>();
  for (const [tag] of report.matchAll(/<testcase [^>]*>/g)) seen.add(attribute(tag, "file"));
  const brokenFiles = files
    .filter((file) => !seen.has(file))
    .map((file) => `${file}: no test of it was reported (it failed to load, or holds none)`);

  let failed = failures + brokenFiles.length;
  if (exitCode !== 0 && failed === 0) failed = 1;
  return { passed: tests - failures - skipped, failed, skipped, brokenFiles };
}

/** Of one failure; whole models of operations stand in some messages. */
const maxDetailLines = 60;

/** What failed and why, for the end of a long log. */
export function failureDetails(report: string): string[] {
  const failures = report.matchAll(
    /<testcase ([^>]*[^/])>\s*<failure([^>]*?)(?:\/>|>([\s\S]*?)<\/failure>)/g,
  );
  return [...failures].map(([, test = "", tag = "", body = ""]) => {
    const name = ["file", "classname", "name"].map((part) => unescaped(attribute(` ${test}`, part)));
    const reason = unescaped(body).trim() || unescaped(attribute(tag, "message") || attribute(tag, "type"));
    const lines = reason.split("\n");
    const left = lines.length - maxDetailLines;
    const shown = left > 0 ? [...lines.slice(0, maxDetailLines), `… ${left} more lines`] : lines;
    return [`failed: ${name.filter((part) => part !== "").join(" > ")}`, ...shown].join("\n  ");
  });
}

function unescaped(text: string): string {
  const named: Record<string, string> = { lt: "<", gt: ">", quot: '"', apos: "'", amp: "&" };
  return text.replace(/&(?:#(\d+)|(\w+));/g, (whole, code?: string, name = "") =>
    code === undefined ? (named[name] ?? whole) : String.fromCodePoint(Number(code)),
  );
}

/** The closing line of a test run. */
export function countsLine(counts: TestCounts): string {
  const line = `${counts.passed} passed, ${counts.failed} failed`;
  return counts.skipped === 0 ? line : `${line}, ${counts.skipped} skipped`;
}
