import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { readResults, withResults } from "../../../bench/engine/document.ts";
import { readDocument } from "../../support/documents.ts";

const path = "docs/performance.md";

test("the document's figures are those that were measured", () => {
  const document = readDocument(path);
  expect(withResults(document, readResults())).toBe(document);
});

test("every group of results has its plot", () => {
  const { groups } = readResults();
  expect(groups.length).toBeGreaterThan(0);
  for (const { name } of groups) {
    expect(existsSync(join(import.meta.dir, "../../../docs/plots", `${name}.svg`))).toBe(true);
  }
});
