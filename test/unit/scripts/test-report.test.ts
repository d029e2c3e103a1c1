import { describe, expect, test } from "bun:test";
import { completeCoverage, coverageByFile } from "../../../scripts/support/lcov.ts";
import { countsLine, countTests, failureDetails } from "../../../scripts/support/test-report.ts";

const report = `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="bun test" tests="4" assertions="3" failures="1" skipped="1" time="0.3">
  <testsuite name="a.test.ts" file="a.test.ts" tests="4" failures="1" skipped="1">
    <testcase name="one &lt;x&gt;" classname="g" time="0.1" file="a.test.ts" line="2" assertions="1" />
    <testcase name="two" classname="g" time="0.1" file="a.test.ts" line="3" assertions="1" />
    <testcase name="skipped" classname="g" time="0" file="a.test.ts" line="4"><skipped /></testcase>
    <testcase name="failed" classname="g" time="0" file="a.test.ts" line="5"><failure /></testcase>
  </testsuite>
</testsuites>`;

describe("test counts", () => {
  test("come from the report", () => {
    const counts = countTests(report, ["a.test.ts"], 1);
    expect(counts).toEqual({ passed: 2, failed: 1, skipped: 1, brokenFiles: [] });
    expect(countsLine(counts)).toBe("2 passed, 1 failed, 1 skipped");
    expect(countsLine({ ...counts, skipped: 0 })).toBe("2 passed, 1 failed");
  });

  test("a file that reported no test is a failure", () => {
    const counts = countTests(report, ["a.test.ts", "b.test.ts"], 1);
    expect(counts.failed).toBe(2);
    expect(counts.brokenFiles).toEqual([expect.stringContaining("b.test.ts")]);
  });

  test("a run that failed without a failed test is a failure", () => {
    const clean = report.replace('failures="1" skipped="1" time', 'failures="0" skipped="1" time');
    expect(countTests(clean, ["a.test.ts"], 1)).toMatchObject({ passed: 3, failed: 1 });
    expect(countTests("", ["a.test.ts"], 1)).toMatchObject({ passed: 0, failed: 1 });
  });
});

describe("failures", () => {
  test("are told with their place, message and stack, long ones cut", () => {
    const body = "Error: &quot;a&quot; &lt; b&#10;      at c.test.ts:1:2";
    const long = Array.from({ length: 100 }, (_, line) => `line ${line}`).join("\n");
    const failures = report.replace(
      "<failure />",
      `
        <failure type="Error" message="&quot;a&quot; &lt; b">${body}&#10;</failure></testcase>
      <testcase name="timed out" classname="" file="b.test.ts" line="6"><failure type="TimeoutError" /></testcase>
      <testcase name="long" classname="g" file="b.test.ts" line="7"><failure type="Error">${long}</failure>`,
    );
    const details = failureDetails(failures);
    expect(details.slice(0, 2)).toEqual([
      'failed: a.test.ts > g > failed\n  Error: "a" < b\n        at c.test.ts:1:2',
      "failed: b.test.ts > timed out\n  TimeoutError",
    ]);
    expect(details[2]).toEndWith("\n  line 59\n  … 40 more lines");
    expect(failureDetails("")).toEqual([]);
  });
});

describe("coverage", () => {
  const lcov =
    "TN:\nSF:src/a.ts\nDA:1,3\nDA:2,0\nLF:2\nLH:1\nend_of_record\nTN:\nSF:test/x.ts\nDA:1,1\nend_of_record\n";

  test("files that no test loaded count with no line covered, types and other folders not at all", () => {
    const sources = new Map([
      ["src/a.ts", ""],
      ["src/b.ts", "// comment\nexport const b = 1;\n\nexport const c = 2;\n"],
      ["src/types.ts", "export interface T {\n  readonly a: number;\n}\n"],
    ]);
    expect(coverageByFile(completeCoverage(lcov, sources))).toEqual([
      { path: "src/a.ts", linesFound: 2, linesHit: 1 },
      { path: "src/b.ts", linesFound: 2, linesHit: 0 },
      { path: "src/types.ts", linesFound: 0, linesHit: 0 },
    ]);
  });
});
