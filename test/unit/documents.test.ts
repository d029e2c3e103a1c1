/** What the documents refer to is there. */
import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import packageJson from "../../package.json" with { type: "json" };
import { command } from "../support/command-line.ts";
import { codeBlocks, documentPaths, readDocument } from "../support/documents.ts";

const root = join(import.meta.dir, "../..");

/** Every match of a pattern's first group in every document, with the document. */
function mentions(pattern: RegExp): [path: string, mention: string][] {
  return documentPaths().flatMap((path) =>
    [...readDocument(path).matchAll(pattern)].map(([, mention]): [string, string] => [path, mention ?? ""]),
  );
}

test("links lead to files and headings", () => {
  const broken = mentions(/\]\((?!https?:)([^)\s]+)\)/g).filter(([path, link]) => {
    const [file = "", heading] = link.split("#");
    const target = file === "" ? path : join(dirname(path), file);
    if (!existsSync(join(root, target))) return true;
    const titles = [...readDocument(target).matchAll(/^#+ (.+)$/gm)].map(([, title]) => slug(title ?? ""));
    return heading !== undefined && !titles.includes(heading);
  });
  expect(broken).toEqual([]);
});

/** A heading as a link has it. */
function slug(title: string): string {
  return title
    .toLowerCase()
    .replace(/[^\w\s-]/g, "")
    .replaceAll(" ", "-");
}

test("scripts of package.json that are named exist, with the Bun that it asks for", () => {
  const bun = /npx -y (bun@[\d.]+) run/g;
  expect(mentions(bun).filter(([, version]) => version !== packageJson.packageManager)).toEqual([]);
  const named = mentions(/bun(?:@[\d.]+)? run ([\w:-]+)/g);
  expect(named.length).toBeGreaterThan(2);
  expect(named.filter(([, script]) => !Object.hasOwn(packageJson.scripts, script))).toEqual([]);
});

test("targets of the Justfile that are named exist", () => {
  const justfile = readFileSync(join(root, "Justfile"), "utf8");
  const targets = [...justfile.matchAll(/^([\w-]+).*:$/gm)].map(([, target]) => target);
  const named = mentions(/(?:npx |`)just ([a-z][\w-]*)/g);
  expect(named.length).toBeGreaterThan(2);
  expect(named.filter(([, target]) => !targets.includes(target))).toEqual([]);
});

test("files that are named exist", () => {
  // Capitals stand for something else.
  const files = mentions(/`((?:src|test|docs|scripts|bench|samples|k8s|deploy|proto)\/[a-z0-9_./-]+)`/g);
  expect(files.length).toBeGreaterThan(10);
  expect(files.filter(([, path]) => !existsSync(join(root, path)))).toEqual([]);
});

test("scripts that are run by path exist", () => {
  const run = mentions(/\bbun ((?:scripts|bench)\/[\w./-]+)/g);
  expect(run.length).toBeGreaterThan(0);
  expect(run.filter(([, path]) => !existsSync(join(root, path)))).toEqual([]);
});

test("commands of pairdb-node that are shown exist, with their flags", async () => {
  const lines = documentPaths().flatMap((path) =>
    codeBlocks(path)
      .filter(({ language }) => language === "sh" || language === "")
      .flatMap(({ text }) => [...text.matchAll(/(?:^|[ /])pairdb-node ([a-z][^\n|>&#]*)/gm)])
      .map(([, words = ""]) => [path, words.trim()] as const),
  );
  expect(lines.length).toBeGreaterThan(20);
  const unknown = [];
  for (const [path, line] of lines) {
    const [verb = "", ...rest] = line.split(/\s+/);
    const subcommand = ["token", "backup"].includes(verb) ? rest.slice(0, 1) : [];
    const { exitCode, stdout } = await command([verb, ...subcommand, "--help"]);
    const help = stdout.toString();
    const flags = rest.filter((word) => word.startsWith("--")).map((word) => word.split("=")[0] ?? "");
    if (exitCode !== 0 || flags.some((flag) => !help.includes(flag))) unknown.push([path, line]);
  }
  expect(unknown).toEqual([]);
});

test("environment variables that tests read are explained", () => {
  const files = [...new Bun.Glob("test/**/*.ts").scanSync(root)].map((path) =>
    readFileSync(join(root, path), "utf8"),
  );
  const read = files.flatMap((text) =>
    [...text.matchAll(/process\.env\["([A-Z0-9_]+)"\]/g)].map(([, name]) => name!),
  );
  expect(read.length).toBeGreaterThan(10);
  const explained = readDocument("TESTING.md");
  // Tests set these for processes of their own.
  const isOwn = (name: string) => name === "PATH" || name.startsWith("PAIRDB_TEST_");
  expect(read.filter((name) => !isOwn(name) && !explained.includes(`\`${name}`))).toEqual([]);
});
