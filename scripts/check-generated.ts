/** Fails when src/gen is not what `buf generate` makes of proto: generates anew beside it and compares. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root, run, tool } from "./support/process.ts";

const outputFolder = "src/gen";

/** Every file below `folder`, by its path from there. */
function contents(folder: string): Map<string, string> {
  const paths = readdirSync(folder, { recursive: true, encoding: "utf8" });
  const files = paths.filter((path) => statSync(join(folder, path)).isFile());
  return new Map(files.map((path) => [path, readFileSync(join(folder, path), "utf8")]));
}

/** One line for each file that differs. */
function differences(committed: Map<string, string>, generated: Map<string, string>): string[] {
  const stale = [...committed].flatMap(([path, text]) => {
    const fresh = generated.get(path);
    if (fresh === undefined) return [`${outputFolder}/${path} comes from no proto file`];
    return fresh === text ? [] : [`${outputFolder}/${path} is stale`];
  });
  const missing = [...generated.keys()].filter((path) => !committed.has(path));
  return [...stale, ...missing.map((path) => `${outputFolder}/${path} is missing`)];
}

/** Whether all is as it should be; says what is not. */
async function check(target: string): Promise<boolean> {
  if ((await run([tool("buf"), "generate", "--output", target])) !== 0) return false;
  const found = differences(contents(join(root, outputFolder)), contents(join(target, outputFolder)));
  for (const line of found) console.error(line);
  if (found.length > 0) console.error("run `bun run proto` and commit what it makes");
  return found.length === 0;
}

const target = mkdtempSync(join(tmpdir(), "pairdb-gen-"));
try {
  process.exitCode = (await check(target)) ? 0 : 1;
} finally {
  rmSync(target, { recursive: true, force: true });
}
