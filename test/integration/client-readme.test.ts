/** The example of the TypeScript client's README, run by the built package in Bun, Node and Chromium. */
import { expect, test } from "bun:test";
import { cpSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { hasChromium, openOrigin } from "../support/browser.ts";
import { codeBlock } from "../support/documents.ts";
import { cleanEnvironment, startNode } from "../support/node-process.ts";
import { requirePeer } from "../support/peers.ts";
import { temporaryFolder } from "../support/temp-folder.ts";

const root = join(import.meta.dir, "../..");
const readme = "clients/typescript/README.md";
const folder = temporaryFolder();
const packageFolder = join(folder, "node_modules/@pairdb/client");

const example = codeBlock(readme, "Use it", "js");
const expectedOutput = codeBlock(readme, "Use it", "text");
const browserLines = codeBlock(readme, "In a browser", "js").trim().split("\n\n");

/** As `npm install` would lay it out. */
function installPackage(): void {
  mkdirSync(packageFolder, { recursive: true });
  const tsc = join(root, "node_modules/.bin/tsc");
  const outDir = join(packageFolder, "dist");
  const build = Bun.spawnSync([tsc, "--project", join(root, "clients/typescript"), "--outDir", outDir]);
  expect(build.stdout.toString()).toBe("");
  cpSync(join(root, "clients/typescript/package.json"), join(packageFolder, "package.json"));
  for (const scope of ["@bufbuild", "@connectrpc"]) {
    symlinkSync(join(root, "node_modules", scope), join(folder, "node_modules", scope));
  }
}

installPackage();
const web = openOrigin();
const node = await startNode({ environment: { PAIRDB_SERVER_CORS_ORIGINS: web.origin } });

/** The example for this node, in a tenant of its own. */
function exampleFor(tenantId: string): string {
  const text = example.replace("http://127.0.0.1:50052", `http://${node.grpcAddress}`);
  return text.replace('tenantId: "shop"', `tenantId: "${tenantId}"`);
}

async function runIn(runtime: string, command: string): Promise<string> {
  const file = join(folder, `${runtime}.mjs`);
  writeFileSync(file, exampleFor(`in-${runtime}`));
  const child = Bun.spawn([command, file], { env: cleanEnvironment(), stdout: "pipe", stderr: "pipe" });
  const [printed, complaints] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  expect({ exitCode: await child.exited, complaints }).toEqual({ exitCode: 0, complaints: "" });
  return printed;
}

test("in Bun", async () => {
  expect(await runIn("bun", process.execPath)).toBe(expectedOutput);
});

test.if(requirePeer("Node", () => Bun.which("node") !== null))("in Node", async () => {
  expect(await runIn("node", "node")).toBe(expectedOutput);
});

test.if(hasChromium)("in Chromium, from another origin", async () => {
  const [webImport = "", webLine = ""] = browserLines;
  const source = exampleFor("in-browser")
    .replace(/^import .*client\/node";$/m, webImport)
    .replace(/^const transport = .*$/m, webLine.replace("http://127.0.0.1:9091", node.httpUrl))
    .replace("transport.close();\n", "");
  expect(source).not.toMatch(/grpcTransport|50052|close/);
  writeFileSync(join(folder, "page.mjs"), source);
  const bundle = await Bun.build({
    entrypoints: [join(folder, "page.mjs")],
    target: "browser",
    format: "esm",
  });
  const lines = await web.run(await bundle.outputs[0]!.text());
  expect(`${lines.join("\n")}\n`).toBe(expectedOutput);
});
