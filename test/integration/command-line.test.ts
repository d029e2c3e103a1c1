/** The command line as operators use it: real processes, real files. */
import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { nodeCommand as command, type NodeProcess, runCommand, startNode } from "../support/node-process.ts";
import { temporaryFolder } from "../support/temp-folder.ts";

/** The full count is for CI: a record takes about a quarter of a millisecond. */
const recordCount = process.env["CI"] === "true" ? 200_000 : 20_000;

/** Records in key order, as `export` writes them: some text, some bytes that are no text. */
function sampleRecords(): string {
  const lines = Array.from({ length: recordCount }, (_, i) => {
    const key = `user/${String(i).padStart(6, "0")}`;
    if (i % 100 === 0) return JSON.stringify({ key, value: btoa(`\xff\xfe${i}`), encoding: "base64" });
    return JSON.stringify({ key, value: `{"id": ${i}, "city": "${["Oslo", "Köln", "東京"][i % 3]}"}` });
  });
  return `${lines.join("\n")}\n`;
}

function client(node: NodeProcess, args: readonly string[]) {
  return runCommand([...args, "--addr", node.grpcAddress]);
}

function flipByte(file: string, offset: number): void {
  const bytes = readFileSync(file);
  bytes[offset]! ^= 1;
  writeFileSync(file, bytes);
}

describe("import and export", () => {
  test(`${recordCount} records come back as the same set, and the files are clean`, async () => {
    const folder = temporaryFolder();
    const node = await startNode();
    const input = join(folder, "in.ndjson");
    const records = sampleRecords();
    writeFileSync(input, records);

    const imported = await client(node, ["import", input]);
    expect(imported.stderr).toStartWith(`imported ${recordCount} records in `);
    expect(imported.exitCode).toBe(0);
    const output = join(folder, "out.ndjson");
    expect((await client(node, ["export", output])).exitCode).toBe(0);
    // Not by `toBe`: the difference of two such texts is slow to print.
    expect(readFileSync(output, "utf8") === records).toBe(true);

    expect(await node.stop()).toBe(0);
    const verified = await runCommand(["verify", node.dataDirectory]);
    expect(verified.stdout).toMatch(/^clean: /m);
    expect(verified.exitCode).toBe(0);
  }, 600_000);
});

describe("verify", () => {
  test("finds one flipped byte in a table and one in a closed segment, by file and offset", async () => {
    const folder = temporaryFolder();
    const input = join(folder, "in.tsv");
    const value = "x".repeat(50_000);
    writeFileSync(input, Array.from({ length: 300 }, (_, i) => `key-${i}\t${value}\n`).join(""));
    // As small as they get: a few megabytes.
    const environment = { PAIRDB_COMMIT_LOG_SEGMENT_SIZE: "65536" };
    let node = await startNode({ environment });
    expect((await client(node, ["import", input])).exitCode).toBe(0);
    expect(await node.stop()).toBe(0);
    // A second run, killed: its segments are closed, but for the last, and still needed.
    node = await startNode({ environment, dataDirectory: node.dataDirectory });
    expect((await client(node, ["import", input])).exitCode).toBe(0);
    await node.kill();
    expect((await runCommand(["verify", node.dataDirectory])).exitCode).toBe(0);

    const tables = join(node.dataDirectory, "sstables");
    const table = join(tables, readdirSync(tables).find((name) => name.endsWith(".sst")) ?? "");
    const log = join(node.dataDirectory, "commitlog");
    const segments = readdirSync(log).filter((name) => name.endsWith(".log"));
    expect(segments.length).toBeGreaterThan(2);
    const segment = join(log, segments.sort().at(-3) ?? "");
    flipByte(table, 100_000);
    flipByte(segment, 20_000);

    const verified = await runCommand(["verify", node.dataDirectory, "--json"]);
    expect(verified.exitCode).toBe(1);
    const { findings } = JSON.parse(verified.stdout) as { findings: { file: string; offset: number }[] };
    const found = (file: string) => findings.find((finding) => finding.file === file)?.offset ?? Number.NaN;
    // The offset is where the damaged block or frame begins.
    expect(found(table)).toBeWithin(100_000 - 60_000, 100_001);
    expect(found(segment)).toBeWithin(0, 20_001);
  });
});

describe("the process", () => {
  test("an idle node ends on SIGTERM at once, with 0, an open connection notwithstanding", async () => {
    // What it waited for would never come.
    const node = await startNode({ environment: { PAIRDB_SERVER_SHUTDOWN_TIMEOUT: "24h" } });
    expect((await client(node, ["put", "k", "v"])).exitCode).toBe(0);
    const page = await fetch(`${node.httpUrl}/health`, { keepalive: true });
    expect(page.ok).toBe(true);
    expect(await node.stop()).toBe(0);
  });

  test("output that nobody reads any more is no failure", async () => {
    const node = await startNode();
    for (const key of ["a", "b", "c"]) await client(node, ["put", key, "v".repeat(100_000)]);
    const shell = Bun.spawn(
      ["bash", "-c", `set -o pipefail; "$@" scan --addr ${node.grpcAddress} | head -c 10`, "-", ...command()],
      { stdout: "pipe", stderr: "pipe", stdin: "ignore" },
    );
    expect(await shell.stdout.text()).toBe("a\tvvvvvvvv");
    expect(await shell.stderr.text()).toBe("");
    expect(await shell.exited).toBe(0);
  });

  test("values pass through pipes byte for byte", async () => {
    const node = await startNode();
    const value = Uint8Array.from({ length: 300_000 }, (_, i) => (i * 7) % 256);
    const put = await runCommand(["put", "k", "--file", "-", "--addr", node.grpcAddress], { input: value });
    expect(put).toEqual({ exitCode: 0, stdout: "", stderr: "" });
    const child = Bun.spawn([...command(), "get", "k", "--addr", node.grpcAddress], { stdout: "pipe" });
    expect(Buffer.compare(await child.stdout.bytes(), value)).toBe(0);
  });
});
