/** `serve`, and the commands that work on the files of a stopped node. */
import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { command, serve } from "../../support/command-line.ts";
import { temporaryFolder } from "../../support/temp-folder.ts";

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/** The data directory of a stopped node that holds a flushed table and a commit log. */
async function storedData(): Promise<string> {
  const data = join(temporaryFolder(), "data");
  const node = await serve(["--data-dir", data]);
  for (const key of ["a", "b", "c"]) {
    const { exitCode } = await command(["put", key, `value of ${key}`, "--addr", node.address]);
    expect(exitCode).toBe(0);
  }
  node.stop();
  expect(await node.ended).toBe(0);
  return data;
}

/** The newest of the numbered files with this ending. */
function newestFile(directory: string, ending: string): string {
  const names = readdirSync(directory).filter((name) => name.endsWith(ending));
  return join(directory, names.sort().at(-1) ?? "none");
}

function flipByte(file: string, offset: number): void {
  const bytes = readFileSync(file);
  bytes[offset]! ^= 1;
  writeFileSync(file, bytes);
}

describe("serve", () => {
  test("serves what an earlier run stored, and ends with 0 when it is asked to", async () => {
    const data = await storedData();
    const node = await serve(["--data-dir", data]);
    expect(text((await command(["get", "b", "--addr", node.address])).stdout)).toBe("value of b");
    const health = await fetch(`${node.httpUrl}/health`);
    expect(await health.json()).toMatchObject({ status: "healthy", node_id: "test-host" });
    const metrics = await (await fetch(`${node.httpUrl}/metrics`)).text();
    expect(metrics).toContain('pairdb_storage_read_requests_total{error="false",node_id="test-host"} 1\n');
    expect(metrics).toContain('pairdb_sstable_count_by_level{level="0",node_id="test-host"} 1\n');
    node.stop();
    expect(await node.ended).toBe(0);
  });

  test("takes its settings from file, environment and flags", async () => {
    const folder = temporaryFolder();
    const file = join(folder, "node.yaml");
    writeFileSync(file, "server: {node_id: from-file, host: 127.0.0.1}\nmetrics: {enabled: false}\n");
    const variables = { CONFIG_PATH: file, PAIRDB_SERVER_SHUTDOWN_TIMEOUT: "5s" };
    const node = await serve([], { variables });
    const health = await fetch(`${node.httpUrl}/health`);
    expect(await health.json()).toMatchObject({ node_id: "from-file" });
    expect((await fetch(`${node.httpUrl}/metrics`)).status).toBe(404);
  });

  test.each([
    [["--host", "0.0.0.0"], "--insecure", 2],
    [["--grpc-port", "x"], 'server.port (from --grpc-port) is "x"', 2],
    [["--config", "missing.yaml"], "cannot read the configuration file missing.yaml", 2],
    [["--log-format", "xml"], "logging.format (from --log-format)", 2],
    [["surplus"], "too many arguments", 2],
  ])("%j is refused: %s", async (args, message, expectedCode) => {
    const { exitCode, stderr } = await command(["serve", ...args]);
    expect(exitCode).toBe(expectedCode);
    expect(stderr).toContain(message);
    expect(stderr.trimEnd()).not.toContain("\n");
  });

  test("with --insecure it listens on every address", async () => {
    const node = await serve(["--host", "0.0.0.0", "--insecure"]);
    expect((await fetch(`${node.httpUrl}/ready`)).status).toBe(200);
  });

  test("the first signal stops it gracefully, a second one at once", async () => {
    const codes: number[] = [];
    const node = await serve([], { exitAtOnce: (code) => codes.push(code) });
    process.emit("SIGTERM", "SIGTERM");
    expect(codes).toEqual([]);
    process.emit("SIGINT", "SIGINT");
    expect(codes).toEqual([1]);
    expect(await node.ended).toBe(0);
    expect(process.listenerCount("SIGTERM")).toBe(0);
  });

  test("a second node on the same directory is refused, and so are tools", async () => {
    const data = join(temporaryFolder(), "data");
    await serve(["--data-dir", data]);
    for (const args of [
      ["serve", "--grpc-port", "0", "--http-port", "0", "--data-dir", data],
      ["verify", data],
      ["repair", data],
    ]) {
      const { exitCode, stderr } = await command(args);
      expect(exitCode).toBe(4);
      expect(stderr).toContain(`${data} is in use by another process`);
    }
  });

  test("a directory that is not a store is refused and stays as it was", async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, "holiday.jpg"), "x");
    const { exitCode, stderr } = await command([
      "serve",
      "--grpc-port",
      "0",
      "--http-port",
      "0",
      "--data-dir",
      folder,
    ]);
    expect(exitCode).not.toBe(0);
    expect(stderr).toContain(folder);
    expect(readdirSync(folder)).toEqual(["holiday.jpg"]);
  });

  test("a port that is taken is named", async () => {
    const node = await serve();
    for (const flag of ["--grpc-port", "--http-port"]) {
      const port = String(flag === "--grpc-port" ? node.grpcPort : node.httpPort);
      const other = flag === "--grpc-port" ? "--http-port" : "--grpc-port";
      const args = ["serve", "--data-dir", join(temporaryFolder(), "d"), flag, port, other, "0"];
      const { exitCode, stderr } = await command([...args, "--log-level", "error"]);
      expect(exitCode).toBe(4);
      expect(stderr).toContain(port);
    }
  });
});

describe("verify", () => {
  test("a clean store", async () => {
    const data = await storedData();
    const { exitCode, stdout } = await command(["verify", data]);
    expect(text(stdout)).toMatch(/^clean: \d+ files, \d+ bytes/m);
    expect(exitCode).toBe(0);
    const json = JSON.parse(text((await command(["verify", data, "--json"])).stdout));
    expect(json).toMatchObject({ findings: [] });
    expect(json.size_bytes).toBeGreaterThan(0);
  });

  test("one flipped byte of a table and one of the commit log are found, by file and offset", async () => {
    const data = await storedData();
    const table = newestFile(join(data, "sstables"), ".sst");
    flipByte(table, 20);
    const { exitCode, stdout } = await command(["verify", data]);
    expect(exitCode).toBe(1);
    expect(text(stdout)).toContain(`${table} at byte 0: `);
    const segment = newestFile(join(data, "commitlog"), ".log");
    flipByte(segment, 10);
    const json = JSON.parse(text((await command(["verify", data, "--json"])).stdout));
    const files = json.findings.map((finding: { file: string }) => finding.file);
    expect(files).toContain(table);
    expect(files).toContain(segment);
  });

  test("no store, no verification", async () => {
    const folder = temporaryFolder();
    const { exitCode, stderr } = await command(["verify", folder]);
    expect(exitCode).toBe(2);
    expect(stderr).toContain(folder);
  });
});

describe("inspect", () => {
  test("each kind of file, readably", async () => {
    const data = await storedData();
    const table = newestFile(join(data, "sstables"), ".sst");
    const manifest = join(data, readFileSync(join(data, "CURRENT"), "utf8").trim());
    const segment = newestFile(join(data, "commitlog"), ".log");
    const dump = async (...args: string[]) => {
      const { exitCode, stdout } = await command(["inspect", ...args]);
      expect(exitCode).toBe(0);
      return text(stdout);
    };
    expect(await dump("sstable", table)).toContain(table);
    expect(await dump("sstable", table, "--entries")).toContain("default:b");
    expect(await dump("manifest", manifest)).toContain(manifest);
    expect(await dump("commit-log", segment)).toContain(segment);
  });

  test("what is no such file is refused", async () => {
    const folder = temporaryFolder();
    const file = join(folder, "x.sst");
    writeFileSync(file, "nonsense");
    expect(await command(["inspect", "sstable", join(folder, "none")])).toMatchObject({ exitCode: 2 });
    expect(await command(["inspect", "sstable", folder])).toMatchObject({ exitCode: 2 });
    for (const kind of ["sstable", "commit-log", "manifest"]) {
      const { exitCode } = await command(["inspect", kind, file]);
      expect(exitCode).not.toBe(2);
    }
    expect((await command(["inspect", "sstable", file])).exitCode).toBe(1);
  });
});

describe("repair", () => {
  test("a store without its table starts again, degraded until the loss is acknowledged", async () => {
    const data = await storedData();
    expect(text((await command(["repair", data])).stdout)).toBe("nothing had to be repaired\n");
    const table = newestFile(join(data, "sstables"), ".sst");
    truncateSync(table, readFileSync(table).length - 1);
    expect(
      (await command(["serve", "--data-dir", data, "--grpc-port", "0", "--http-port", "0"])).exitCode,
    ).toBe(1);
    const repaired = text((await command(["repair", data])).stdout);
    expect(repaired).toContain("lost: ");

    const node = await serve(["--data-dir", data]);
    expect(await (await fetch(`${node.httpUrl}/health`)).json()).toMatchObject({ status: "degraded" });
    node.stop();
    await node.ended;
    expect(text((await command(["repair", data, "--acknowledge"])).stdout)).toStartWith("acknowledged: ");
    expect(text((await command(["repair", data, "--acknowledge"])).stdout)).toBe("no loss is recorded\n");
  });
});
