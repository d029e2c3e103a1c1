/** The commands against a node in the same process. */
import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type CommandInputs, command, serve } from "../../support/command-line.ts";
import { temporaryFolder } from "../../support/temp-folder.ts";

const node = await serve(["--node-id", "n1"]);
const folder = temporaryFolder();

/** A client command against the node, in a tenant of its own; what it printed as text. */
async function run(tenant: string, args: readonly string[], inputs: CommandInputs = {}) {
  const [name = "", ...rest] = args;
  const outcome = await command([name, "--addr", node.address, "--tenant", tenant, ...rest], inputs);
  return { ...outcome, stdout: new TextDecoder().decode(outcome.stdout) };
}

describe("get, put, delete", () => {
  test("a value comes back, and is gone after its deletion", async () => {
    expect(await run("basic", ["put", "greeting", "héllo"])).toEqual({ exitCode: 0, stdout: "", stderr: "" });
    expect(await run("basic", ["get", "greeting"])).toEqual({ exitCode: 0, stdout: "héllo", stderr: "" });
    expect((await run("basic", ["delete", "greeting"])).exitCode).toBe(0);
    expect(await run("basic", ["get", "greeting"])).toEqual({
      exitCode: 3,
      stdout: "",
      stderr: 'pairdb-node: tenant "basic" has no key "greeting"\n',
    });
  });

  test("a value from a file or from standard input comes back byte for byte", async () => {
    const bytes = Uint8Array.from({ length: 5000 }, (_, i) => i % 256);
    const file = join(folder, "value.bin");
    writeFileSync(file, bytes);
    expect((await run("bytes", ["put", "f", "--file", file])).exitCode).toBe(0);
    const input = [bytes.subarray(0, 7), bytes.subarray(7)];
    expect((await run("bytes", ["put", "i", "--file", "-"], { input })).exitCode).toBe(0);
    for (const key of ["f", "i"]) {
      const { stdout } = await command(["get", key, "--addr", node.address, "--tenant", "bytes"]);
      expect(Buffer.compare(stdout, bytes)).toBe(0);
    }
  });

  test("--json tells value, encoding and clock", async () => {
    const put = await run("json", ["put", "k", "v", "--clock", "a=1,b=9223372036854775807", "--json"]);
    expect(JSON.parse(put.stdout)).toEqual({ key: "k", clock: { a: "1", b: "9223372036854775807" } });
    expect(JSON.parse((await run("json", ["get", "k", "--json"])).stdout)).toEqual({
      key: "k",
      value: "v",
      clock: { a: "1", b: "9223372036854775807" },
      sibling_count: 1,
    });
    await run("json", ["put", "raw", "--file", "-"], { input: [Uint8Array.of(255)] });
    expect(JSON.parse((await run("json", ["get", "raw", "--json"])).stdout)).toMatchObject({
      value: "/w==",
      encoding: "base64",
    });
    expect(JSON.parse((await run("json", ["delete", "k", "--json"])).stdout)).toMatchObject({ key: "k" });
  });

  test("concurrent versions are told, shown and resolved", async () => {
    await run("siblings", ["put", "k", "one", "--clock", "a=1"]);
    await run("siblings", ["put", "k", "two", "--clock", "b=1"]);
    const plain = await run("siblings", ["get", "k"]);
    expect(plain.stderr).toBe("the key has 2 concurrent versions; --json --siblings prints them\n");
    const shown = JSON.parse((await run("siblings", ["get", "k", "--json", "--siblings"])).stdout);
    expect(shown.siblings.map((sibling: { value: string }) => sibling.value).sort()).toEqual(["one", "two"]);
    await run("siblings", ["put", "k", "three", "--clock", "a=2,b=2"]);
    expect(await run("siblings", ["get", "k"])).toMatchObject({ stdout: "three", stderr: "" });
  });

  test.each([
    [["put", "k"], "give a value or --file, one of them"],
    [["put", "k", "v", "--file", "f"], "give a value or --file, one of them"],
    [["put", "k", "v", "--clock", "x"], '"x" is no clock entry'],
    [["put", "", "v"], /^pairdb-node: the node at \S+:\d+ refused: /],
    [["put", "a\u0001", "v"], "INVALID_KEY"],
    [["get"], "missing required argument 'key'; --help shows how"],
    [["get", "a", "b"], "too many arguments"],
    [["get", "k", "--colour"], "unknown option '--colour'"],
    [["scan", "--limit", "-1"], "Allowed is a whole number"],
    [["import", "no-such-file"], "there is no file no-such-file"],
    [["import", "x", "--on-error", "wait"], "Allowed choices are stop, skip"],
  ])("%j is refused in one line with exit code 2", async (args, message) => {
    const { exitCode, stderr, stdout } = await run("bad", args);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
    expect(stderr).toStartWith("pairdb-node: ");
    expect(stderr).toMatch(message);
    expect(stderr.trimEnd()).not.toContain("\n");
  });

  test("no node at the address is exit code 4, no address is exit code 2", async () => {
    const unused = await command(["get", "k", "--addr", "127.0.0.1:1"]);
    expect(unused.exitCode).toBe(4);
    expect(unused.stderr).toContain("no node answers at 127.0.0.1:1");
    for (const address of ["http://x", "a b", "h:99999", ":1", "::1"]) {
      expect(await command(["get", "k", "--addr", address])).toMatchObject({ exitCode: 2 });
    }
  });

  test("the stack is shown only where it is asked for", async () => {
    const args = ["get", "nothing", "--addr", node.address];
    expect((await command(args)).stderr.trimEnd().split("\n")).toHaveLength(1);
    expect((await command([...args, "--log-level", "debug"])).stderr).toMatch(/\n {4}at /);
  });
});

describe("scan", () => {
  test("lists a range in key order, escaped, with or without values", async () => {
    for (const key of ["b", "a", "c/1", "c/2"]) await run("scan", ["put", key, `value\tof ${key}`]);
    expect((await run("scan", ["scan"])).stdout).toBe(
      "a\tvalue\\tof a\nb\tvalue\\tof b\nc/1\tvalue\\tof c/1\nc/2\tvalue\\tof c/2\n",
    );
    expect((await run("scan", ["scan", "--keys-only", "--prefix", "c/"])).stdout).toBe("c/1\nc/2\n");
    expect((await run("scan", ["scan", "--keys-only", "--start", "b", "--end", "c/2"])).stdout).toBe(
      "b\nc/1\n",
    );
    expect((await run("scan", ["scan", "--limit", "1", "--json"])).stdout).toBe(
      '{"key":"a","value":"value\\tof a"}\n',
    );
    expect((await run("scan", ["scan", "--limit", "1", "--json", "--keys-only"])).stdout).toBe(
      '{"key":"a"}\n',
    );
    expect((await run("empty", ["scan"])).stdout).toBe("");
  });
});

describe("import and export", () => {
  const records = Array.from({ length: 500 }, (_, i) => {
    return { key: `key-${String(i).padStart(4, "0")}`, value: `value ${i}` };
  });
  const text = records.map((record) => `${JSON.stringify(record)}\n`).join("");

  test("what is imported is exported again, in both formats, through files and streams", async () => {
    const ndjson = join(folder, "in.ndjson");
    writeFileSync(ndjson, text);
    const imported = await run("files", ["import", ndjson]);
    expect(imported).toMatchObject({
      exitCode: 0,
      stderr: expect.stringMatching(/^imported 500 records in /),
    });

    const tsv = join(folder, "out.tsv");
    expect((await run("files", ["export", tsv])).stderr).toBe("exported 500 records\n");
    expect(existsSync(`${tsv}.partial`)).toBe(false);
    expect(readFileSync(tsv, "utf8").split("\n")[1]).toBe("key-0001\tvalue 1");

    await run("copy", ["import", "-", "--format", "tsv"], { input: [readFileSync(tsv)] });
    const exported = await run("copy", ["export", "-"]);
    expect(exported.stdout).toBe(text);
    expect(exported.stderr).toBe("exported 500 records\n");
    expect((await run("copy", ["export", "-", "--prefix", "key-049"])).stdout.split("\n")).toHaveLength(11);
  });

  test("values that are not text come back in either encoding", async () => {
    const value = Uint8Array.of(0, 255, 10, 9);
    await run("raw", ["put", "k", "--file", "-"], { input: [value] });
    for (const encoding of ["utf8", "base64"]) {
      for (const format of ["ndjson", "tsv"]) {
        const how = ["--value-encoding", encoding, "--format", format];
        const { stdout } = await run("raw", ["export", "-", ...how]);
        const tenant = `raw-${encoding}-${format}`;
        await run(tenant, ["import", "-", ...how], { input: [stdout] });
        const read = await command(["get", "k", "--addr", node.address, "--tenant", tenant]);
        expect(new Uint8Array(read.stdout)).toEqual(value);
      }
    }
  });

  test("the last record of a key wins", async () => {
    const lines = Array.from({ length: 300 }, (_, i) => `{"key":"same","value":"${i}"}\n`);
    await run("order", ["import", "-"], { input: [lines.join("")] });
    expect((await run("order", ["get", "same"])).stdout).toBe("299");
  });

  const withBadLines =
    '{"key":"a","value":"1"}\nbad\n\n{"key":"b\\u0001","value":"2"}\n{"key":"c","value":"3"}';

  test("a bad line is reported with its number, and the import stops there", async () => {
    const { exitCode, stderr } = await run("stop", ["import", "-"], { input: [withBadLines] });
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/^line 2: not JSON\nimported 1 records in .* s, 1 bad line; stopped at the first/);
    expect((await run("stop", ["scan", "--keys-only"])).stdout).toBe("a\n");
  });

  test("with --on-error skip it goes on past lines that are bad and that the node refuses", async () => {
    const input = [withBadLines.slice(0, 30), withBadLines.slice(30)];
    const { exitCode, stderr } = await run("skip", ["import", "-", "--on-error", "skip"], { input });
    expect(exitCode).toBe(1);
    expect(stderr).toContain("line 2: not JSON\n");
    expect(stderr).toMatch(/line 4: the node at \S+ refused: .*INVALID_KEY/);
    expect(stderr).toContain("imported 2 records");
    expect((await run("skip", ["scan", "--keys-only"])).stdout).toBe("a\nc\n");
  });

  test("--json sums up", async () => {
    const { stdout } = await run("sum", ["import", "-", "--json"], { input: [withBadLines] });
    expect(JSON.parse(stdout)).toEqual({ imported: 1, bad_lines: 1, stopped: true });
    const exported = await run("sum", ["export", join(folder, "sum.ndjson"), "--json"]);
    expect(JSON.parse(exported.stdout)).toEqual({ exported: 1 });
  });

  test("a failed export leaves no file and an earlier one as it was", async () => {
    const file = join(folder, "kept.ndjson");
    writeFileSync(file, "earlier");
    const { exitCode } = await command(["export", file, "--addr", "127.0.0.1:1"]);
    expect(exitCode).toBe(4);
    expect(readFileSync(file, "utf8")).toBe("earlier");
    expect(existsSync(`${file}.partial`)).toBe(false);
  });

  test("a node that is not there ends an import, whatever is to happen on errors", async () => {
    const args = ["import", "-", "--on-error", "skip", "--addr", "127.0.0.1:1"];
    const { exitCode, stderr } = await command(args, { input: [text] });
    expect(exitCode).toBe(4);
    expect(stderr.trimEnd().split("\n")).toHaveLength(1);
  });
});

describe("help and version", () => {
  test.each([
    [["--help"]],
    [["get", "--help"]],
    [["help", "import"]],
    [["inspect", "--help"]],
    [["inspect", "sstable", "--help"]],
    [["serve", "-h"]],
  ])("%j shows examples and exit codes", async (args) => {
    const { exitCode, stdout } = await command(args);
    const text = new TextDecoder().decode(stdout);
    expect(exitCode).toBe(0);
    expect(text).toContain("\nExamples:\n  pairdb-node ");
    expect(text).toContain("\nExit codes:\n  0  done\n");
  });

  test("no command at all is a usage error that shows the help", async () => {
    const { exitCode, stderr } = await command([]);
    expect(exitCode).toBe(2);
    expect(stderr).toContain("Usage: pairdb-node");
  });

  test("a mistyped command is named", async () => {
    expect((await command(["gte", "x"])).stderr).toBe(
      "pairdb-node: unknown command 'gte' (Did you mean get?); --help shows how\n",
    );
  });

  test("version", async () => {
    const { version } = JSON.parse(readFileSync(join(import.meta.dir, "../../../package.json"), "utf8"));
    const { stdout } = await command(["version"]);
    expect(new TextDecoder().decode(stdout)).toBe(`pairdb-node ${version} (Bun ${Bun.version})\n`);
    const json = await command(["version", "--json"]);
    expect(JSON.parse(new TextDecoder().decode(json.stdout))).toMatchObject({ version });
  });
});
