/** docs/UPGRADING.md walks through a file of the node in Go: it is one, it loads, and the node says what is printed. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { refuseUnaskedExposure } from "../../src/config/exposure.ts";
import { loadConfiguration } from "../../src/config/load.ts";
import { codeBlock, readDocument } from "../support/documents.ts";

const path = "docs/UPGRADING.md";
const heading = "The configuration";
const file = codeBlock(path, heading, "yaml");

function load(environment: Record<string, string>) {
  return loadConfiguration({
    file: "config.yaml",
    readText: () => file,
    environment,
    flags: new Map(),
    hostName: "storage-node-1",
    memoryLimitBytes: 2 ** 33,
  });
}

test("the file is that of the fixture", () => {
  const fixture = join(import.meta.dir, "../fixtures/configuration/configmap-with-coordinator.yaml");
  expect(file).toBe(parse(readFileSync(fixture, "utf8")).data["config.yaml"]);
});

test("it loads with the one thing said, and not without", () => {
  expect(() => refuseUnaskedExposure(load({}).configuration)).toThrow("auth.mode: none");
  refuseUnaskedExposure(load({ PAIRDB_AUTH_MODE: "none" }).configuration);
});

test("the warnings are those that the node logs", () => {
  const { warnings } = load({ PAIRDB_AUTH_MODE: "none" });
  expect(codeBlock(path, heading, "").trim().split("\n")).toEqual([...warnings]);
});

test("the table names settings of the file, or all of a section", () => {
  const sections: Record<string, Record<string, unknown>> = parse(file);
  const named = [...readDocument(path).matchAll(/^\| (`[a-z].*?`) \|/gm)].flatMap(([, cell = ""]) =>
    [...cell.matchAll(/`([a-z_]+)\.([a-z_*]+)`/g)].map(([, section = "", key = ""]) => ({ section, key })),
  );
  expect(named.length).toBeGreaterThan(5);
  for (const { section, key } of named) {
    expect(Object.keys(sections)).toContain(section);
    if (key !== "*") expect(Object.keys(sections[section] ?? {})).toContain(key);
  }
});
