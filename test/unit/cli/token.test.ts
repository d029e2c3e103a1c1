import { describe, expect, test } from "bun:test";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseToken } from "../../../src/auth/token.ts";
import { parseTokenFile } from "../../../src/auth/token-file.ts";
import { TokenTable } from "../../../src/auth/token-table.ts";
import { systemSecrets } from "../../../src/platform/secrets.ts";
import { command } from "../../support/command-line.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { temporaryFolder } from "../../support/temp-folder.ts";

const folder = temporaryFolder();
const clock = new ManualClock();
let count = 0;
const newFile = () => join(folder, `tokens-${count++}`);

const run = (args: readonly string[], variables: Record<string, string> = {}) =>
  command(["token", ...args], { clock, variables });

async function create(file: string, ...args: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await run(["create", "--file", file, ...args]);
  expect([exitCode, stderr]).toEqual([0, expect.not.stringContaining("pdb_")]);
  return new TextDecoder().decode(stdout).trimEnd();
}

function verify(file: string, token: string) {
  const table = new TokenTable(parseTokenFile(readFileSync(file, "utf8"), file), systemSecrets, clock);
  return table.verify(parseToken(token));
}

describe("token", () => {
  test("create prints a token that the file knows", async () => {
    const file = newFile();
    const shop = await create(file, "--name", "shop", "--scopes", "read, write", "--tenants", "a,b");
    const node = await create(file, "--name", "node", "--scopes", "cluster", "--expires", "1h");
    expect(verify(file, shop)).toMatchObject({
      identity: { name: "shop", scopes: new Set(["read", "write"]), tenants: new Set(["a", "b"]) },
    });
    expect(verify(file, node)).toMatchObject({
      identity: { tenants: undefined },
      expiresAtMs: clock.nowMs() + 3_600_000,
    });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readFileSync(file, "utf8")).not.toContain(shop.split("_")[2] ?? "");
  });

  test("list tells of each what is known", async () => {
    const file = newFile();
    const id = (await create(file, "--name", "shop", "--scopes", "read", "--tenants", "a")).split("_")[1];
    const { stdout } = await run(["list"], { PAIRDB_AUTH_TOKEN_FILE: file });
    expect(new TextDecoder().decode(stdout)).toBe(`${id}\tshop\tread\ttenants a\tdoes not expire\n`);
    const json = new TextDecoder().decode((await run(["list", "--json", "--file", file])).stdout);
    expect(JSON.parse(json)).toEqual({ id, name: "shop", scopes: ["read"], tenants: ["a"] });
  });

  test("revoke takes one token out and leaves the rest as it was", async () => {
    const file = newFile();
    const first = await create(file, "--name", "first", "--scopes", "read");
    writeFileSync(file, `# whose they are\n${readFileSync(file, "utf8")}`);
    const second = await create(file, "--name", "second", "--scopes", "read");
    const { exitCode } = await run(["revoke", "--file", file, first.split("_")[1] ?? ""]);
    expect(exitCode).toBe(0);
    expect([verify(file, first), verify(file, second)]).toEqual(["bad_token", expect.anything()]);
    expect(readFileSync(file, "utf8")).toStartWith("# whose they are\n{");
  });

  test.each([
    [
      ["create", "--name", "x", "--scopes", "all"],
      "allowed is a list of read, write, observe, cluster, admin",
    ],
    [["create", "--name", "x", "--scopes", ""], "allowed is a list of"],
    [["create", "--name", "x", "--scopes", "admin", "--tenants", "a"], "limited to tenants"],
    [["create", "--name", "x", "--scopes", "read", "--expires", "soon"], "a duration such as 720h"],
    [["create", "--name", "x", "--scopes", "read", "--tenants", ""], "tenants"],
    [["revoke", "0123456789abcdef"], "has no token 0123456789abcdef"],
    [["list"], "it does not exist"],
  ])("%j is refused", async (args, message) => {
    const file = newFile();
    const { exitCode, stderr } = await run([...args, "--file", file]);
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining(message)]);
    expect(() => statSync(file)).toThrow();
  });

  test("without a file it asks for one", async () => {
    expect((await run(["list"])).stderr).toContain("--file or PAIRDB_AUTH_TOKEN_FILE");
  });
});
