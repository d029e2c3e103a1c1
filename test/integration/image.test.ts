/** What the Dockerfile makes, run as a container runs it: nothing but its files, a read-only root, no rights, a volume. */
import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { command } from "../support/command-line.ts";
import { instructions } from "../support/dockerfile.ts";
import { canRunImages, makeImage } from "../support/image.ts";
import { startNode } from "../support/node-process.ts";
import { temporaryFolder } from "../support/temp-folder.ts";

const root = join(import.meta.dir, "../..");

/** `PAIRDB_BIN`, or what the build makes of the source. */
function executable(folder: string): string {
  const given = process.env["PAIRDB_BIN"];
  if (given !== undefined && given !== "") return resolve(root, given);
  const output = join(folder, "pairdb-node");
  const build = [process.execPath, "scripts/build.ts", "--output", output];
  const { exitCode, stderr } = Bun.spawnSync(build, { cwd: root, stderr: "pipe" });
  if (exitCode !== 0) throw new Error(stderr.toString());
  return output;
}

describe.if(canRunImages)("the image", () => {
  const folder = temporaryFolder();
  const image = makeImage(folder, executable(folder));
  const healthcheck = (port: number) =>
    Bun.spawnSync([...image.command, "healthcheck", "--http-port", String(port)], { env: {} }).exitCode;
  const start = () => startNode({ dataDirectory: "/var/lib/pairdb/data", command: image.command });

  test("holds the program, a C library, and a user's name", () => {
    const files = readdirSync(image.root, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ parentPath, name }) => join(parentPath, name).slice(image.root.length))
      .filter((path) => !/^\/(usr\/)?lib(64)?\/|^\/etc\/ssl\//.test(path));
    expect(files.sort()).toEqual(["/etc/group", "/etc/passwd", "/usr/local/bin/pairdb-node"]);
  });

  test("serves, writes to its volume alone, and keeps what it was given", async () => {
    const node = await start();
    const [user = ""] = instructions("USER");
    const status = readFileSync(`/proc/${node.pid}/status`, "utf8");
    expect(`${/^Uid:\t(\d+)/m.exec(status)?.[1]}:${/^Gid:\t(\d+)/m.exec(status)?.[1]}`).toBe(user);
    expect(healthcheck(node.httpPort)).toBe(0);

    const run = async (...args: string[]) => {
      const outcome = await command([...args, "--addr", node.grpcAddress]);
      return { exitCode: outcome.exitCode, printed: outcome.stdout.toString() };
    };
    expect((await run("put", "greeting", "hello")).exitCode).toBe(0);
    // A worker thread writes the table.
    expect((await run("flush")).exitCode).toBe(0);
    expect(await run("get", "greeting")).toEqual({ exitCode: 0, printed: "hello" });
    expect(readdirSync(join(image.volume, "data/sstables")).length).toBe(1);
    expect(statSync(join(image.volume, "data")).uid).toBe(1000);

    expect(await node.stop()).toBe(0);
    expect(healthcheck(node.httpPort)).toBe(1);
    const again = await start();
    const { stdout } = await command(["get", "greeting", "--addr", again.grpcAddress]);
    expect(stdout.toString()).toBe("hello");
    expect(await again.stop()).toBe(0);
  });
});
