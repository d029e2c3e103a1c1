import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { readResults, withResults } from "../../../bench/engine/document.ts";
import { readDocument } from "../../support/documents.ts";

const path = "docs/performance.md";

describe.each(["engine", "rpc"] as const)("of the benchmark %s", (benchmark) => {
  test("the document's figures are those that were measured", () => {
    const document = readDocument(path);
    expect(withResults(document, benchmark, readResults(benchmark))).toBe(document);
  });

  test("every group of results has its plot", () => {
    const { groups } = readResults(benchmark);
    expect(groups.length).toBeGreaterThan(0);
    for (const { name } of groups) {
      expect(existsSync(join(import.meta.dir, "../../../docs/plots", `${name}.svg`))).toBe(true);
    }
  });
});
