/** Fails when generated code is not what `buf generate` makes of proto: generates anew beside it and compares. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root, run, tool } from "./support/process.ts";

/** What `bun run proto` makes: each template's folder. */
const outputs = [
  { folder: "src/gen", template: "buf.gen.yaml" },
  { folder: "clients/typescript/src/gen", template: "clients/typescript/buf.gen.yaml" },
];

/** Every file below `folder`, by its path from there. */
function contents(folder: string): Map<string, string> {
  const paths = readdirSync(folder, { recursive: true, encoding: "utf8" });
  const files = paths.filter((path) => statSync(join(folder, path)).isFile());
  return new Map(files.map((path) => [path, readFileSync(join(folder, path), "utf8")]));
}

/** One line for each file that differs. */
function differences(
  folder: string,
  committed: Map<string, string>,
  generated: Map<string, string>,
): string[] {
  const stale = [...committed].flatMap(([path, text]) => {
    const fresh = generated.get(path);
    if (fresh === undefined) return [`${folder}/${path} comes from no proto file`];
    return fresh === text ? [] : [`${folder}/${path} is stale`];
  });
  const missing = [...generated.keys()].filter((path) => !committed.has(path));
  return [...stale, ...missing.map((path) => `${folder}/${path} is missing`)];
}

/** Whether a folder is as it should be; says what is not. */
async function check(target: string, { folder, template }: (typeof outputs)[number]): Promise<boolean> {
  const generate = [tool("buf"), "generate", "--template", template, "--output", target];
  if ((await run(generate)) !== 0) return false;
  const found = differences(folder, contents(join(root, folder)), contents(join(target, folder)));
  for (const line of found) console.error(line);
  if (found.length > 0) console.error("run `bun run proto` and commit what it makes");
  return found.length === 0;
}

const target = mkdtempSync(join(tmpdir(), "pairdb-gen-"));
try {
  for (const output of outputs) if (!(await check(target, output))) process.exitCode = 1;
} finally {
  rmSync(target, { recursive: true, force: true });
}
