/** What README.md shows, done against a real node: only the addresses are replaced. */
import { describe, expect, test } from "bun:test";
import { chmodSync, copyFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { codeBlock, readDocument } from "../support/documents.ts";
import { cleanEnvironment, nodeCommand, startNode } from "../support/node-process.ts";
import { hasPythonModules, python, requirePeer } from "../support/peers.ts";
import { temporaryFolder } from "../support/temp-folder.ts";

const root = join(import.meta.dir, "../..");
const readme = "README.md";
const folder = temporaryFolder();
const programs = join(folder, "bin");

/** The lines of "Use it", without their comments. */
const commandLines = codeBlock(readme, "Use it", "sh")
  .trim()
  .split("\n")
  .map((line) => line.replace(/\s+#.*/, ""));

for (const name of ["proto", "node_modules"]) symlinkSync(join(root, name), join(folder, name));
symlinkSync(join(root, "src/gen"), join(folder, "gen"));
copyFileSync(join(root, "samples/elements.ndjson"), join(folder, "records.ndjson"));

const node = await startNode({ dataDirectory: join(folder, "data") });

mkdirSync(programs);
addProgram("python3", `exec ${python} "$@"`);
addProgram(
  "pairdb-node",
  `case "$1" in put|get|delete|scan|import|export|status|compare) set -- "$@" --addr ${node.grpcAddress};; esac
exec ${nodeCommand()
    .map((word) => `'${word}'`)
    .join(" ")} "$@"`,
);

function addProgram(name: string, script: string): void {
  writeFileSync(join(programs, name), `#!/bin/sh\n${script}\n`);
  chmodSync(join(programs, name), 0o755);
}

/** The text with this node's addresses in place of the default ones. */
function withAddresses(text: string): string {
  return text
    .replaceAll("127.0.0.1:50052", node.grpcAddress)
    .replaceAll("--with HOST", `--with ${node.grpcAddress}`)
    .replaceAll("http://127.0.0.1:9091", node.httpUrl);
}

/** Runs a command in the test's folder and returns what it printed; fails the test when it fails. */
async function run(...command: string[]): Promise<string> {
  const child = Bun.spawn(command, {
    cwd: folder,
    env: { ...cleanEnvironment(), PATH: [programs, process.env["PATH"]].join(delimiter) },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [printed, complaints] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  const result = { exitCode: await child.exited, complaints };
  expect(result).toEqual({ exitCode: 0, complaints: result.exitCode === 0 ? complaints : "" });
  return printed;
}

function shell(script: string): Promise<string> {
  return run("bash", "-euo", "pipefail", "-c", withAddresses(script));
}

/** Writes the one block in this language below the heading to a file in the test's folder. */
function writeProgram(heading: string, language: string, file: string): void {
  writeFileSync(join(folder, file), withAddresses(codeBlock(readme, heading, language)));
}

/** Those that need the node, in their order. */
const clientLines = commandLines.filter((line) => !/^pairdb-node (serve|verify) /.test(line));

test("serve", () => {
  // The node of this test runs with the same flag, on a folder of its own.
  expect(commandLines[0]).toBe("pairdb-node serve --data-dir ./data");
});

describe("a running node", () => {
  const expected: Record<string, RegExp> = {
    "pairdb-node put greeting hello": /^$/,
    "pairdb-node get greeting": /^hello$/,
    "pairdb-node scan --json": /^\{"key":"greeting","value":"hello"\}$/m,
    "pairdb-node status": /^node +.*\nhealth +healthy, ready\n/,
    // There is one node here, which holds what it holds.
    "pairdb-node compare --with HOST": /^missing here +0\nmissing there +0\ndifferent +0$/m,
    "pairdb-node --help": /^Usage: pairdb-node /,
  };

  test.each(clientLines)("%s", async (line) => {
    expect(await shell(line)).toMatch(expected[line] ?? /^/);
  });

  test("the lines are those with an expectation, and a copy as large as what was loaded", () => {
    expect(clientLines.filter((line) => !/^pairdb-node (import|export) /.test(line)).sort()).toEqual(
      Object.keys(expected).sort(),
    );
    const copy = readFileSync(join(folder, "copy.ndjson"), "utf8").trim().split("\n");
    const records = readFileSync(join(folder, "records.ndjson"), "utf8").trim().split("\n");
    expect(copy.length).toBe(records.length + 1);
  });

  test.if(requirePeer("curl", () => Bun.which("curl") !== null))("curl", async () => {
    const answers = await shell(codeBlock(readme, "curl", "sh"));
    expect(answers).toContain('"success":true');
    expect(answers).toContain(`"value":"${btoa("hello")}"`);
  });

  test("the addresses of the operator's table", async () => {
    const table = readDocument(readme).split("## Operate it")[1]?.split("\n\n")[1] ?? "";
    const paths = [...table.matchAll(/`(?:GET )?(\/[a-z/]+)`/g)].map(([, path]) => path ?? "");
    expect(paths).toEqual(["/health/live", "/ready", "/health/ready", "/health", "/metrics"]);
    for (const path of paths) expect((await fetch(node.httpUrl + path)).status).toBe(200);
  });

  test("a browser's client has its types right, and reads", async () => {
    writeProgram("A browser", "ts", "page.ts");
    const compilerOptions = { types: [], lib: ["ESNext", "DOM", "DOM.Iterable"] };
    const settings = { extends: join(root, "tsconfig.json"), compilerOptions, include: ["page.ts"] };
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(settings));
    expect(await run(join(root, "node_modules/.bin/tsc"), "--project", folder)).toBe("");
    expect(await run(process.execPath, "page.ts")).toBe("hello\n");
  });
});

const hasNode = requirePeer("Node", () => Bun.which("node") !== null);

test.if(hasNode)("the client of grpc-js, in Node", async () => {
  writeProgram("JavaScript, over gRPC", "js", "client.mjs");
  expect(await run("node", "client.mjs")).toBe("true hello\n");
});

const hasPython = requirePeer("python3-grpcio and python3-grpc-tools", () =>
  hasPythonModules("grpc", "grpc_tools.protoc"),
);

test.if(hasPython)("the client of grpcio, in Python", async () => {
  await shell(codeBlock(readme, "Python, over gRPC", "sh"));
  writeProgram("Python, over gRPC", "python", "client.py");
  expect(await run("python3", "client.py")).toBe("True b'hello'\n");
});

test("verify, of the stopped node", async () => {
  const lines = commandLines.filter((line) => line.startsWith("pairdb-node verify "));
  expect(lines.length).toBe(1);
  expect(await node.stop()).toBe(0);
  expect(await shell(lines.join("\n"))).toMatch(/^clean: /m);
});
