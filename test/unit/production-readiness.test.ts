/** docs/production-readiness.md answers every box, and what it calls done it proves. */
import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { documentPaths, readDocument } from "../support/documents.ts";

const path = "docs/production-readiness.md";
const root = join(import.meta.dir, "../..");

/** Rows of all tables but the first, which explains the states. */
const boxes = readDocument(path)
  .split(/^## /m)
  .slice(1)
  .flatMap((part) => part.split("\n").filter((line) => line.startsWith("| ")))
  .map((line) => line.slice(2, -2).split(" | "))
  .filter(([box]) => box !== "box" && box !== "---")
  .map(([box = "", state = "", where = "", ...rest]) => ({ box, state, where, rest }));

function filesOf(where: string): string[] {
  return [...where.matchAll(/\]\(([^)#]+)/g)].map(([, file = ""]) => join(root, dirname(path), file));
}

test("there are as many boxes as a production team asks about", () => {
  expect(boxes.length).toBeGreaterThan(110);
  expect(boxes.filter(({ rest }) => rest.length > 0)).toEqual([]);
});

test("the page is among those whose links to headings are checked", () => {
  expect(documentPaths()).toContain(path);
});

describe.each(boxes)("$box: $state", ({ state, where }) => {
  test("is proved, or says why not", () => {
    expect(["done", "partly", "not yet", "yours"]).toContain(state);
    const files = filesOf(where);
    expect(files.filter((file) => !existsSync(file))).toEqual([]);
    if (state === "done") expect(files.length).toBeGreaterThan(0);
    else expect(where.replace(/\[[^\]]*\]\([^)]*\)/g, "").length).toBeGreaterThan(10);
    if (state === "yours") expect(where).toMatch(/^your /);
  });
});
