/** The systemd unit is right, gives the node no rights that it does not need, and fits the node's own settings. */
import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { schema } from "../../src/config/schema.ts";
import { hasSystemd, unitText as text } from "../support/systemd.ts";
import { temporaryFolder } from "../support/temp-folder.ts";

/** The value that holds, of a setting that is there once. */
function setting(name: string): string {
  const values = [...text.matchAll(new RegExp(`^${name}=(.*)$`, "gm"))].map(([, value = ""]) => value);
  expect(values.length).toBe(1);
  return values[0] ?? "";
}

/** `systemd-analyze` about a unit with this text. */
function analyze(args: readonly string[], unit: string): { exitCode: number; printed: string } {
  const file = join(temporaryFolder(), "pairdb-node.service");
  writeFileSync(file, unit);
  const { exitCode, stdout, stderr } = Bun.spawnSync(["systemd-analyze", ...args, file], { stderr: "pipe" });
  return { exitCode, printed: stdout.toString() + stderr.toString() };
}

test.if(hasSystemd)("systemd understands all of it", () => {
  // The program and the user are not there where the unit is not installed.
  const here = text
    .replaceAll("/usr/local/bin/pairdb-node", "/bin/true")
    .replace(/^(User|Group)=.*$/gm, "$1=root");
  const about = (unit: string) => {
    const { printed } = analyze(["verify", "--man=no", "--recursive-errors=no"], unit);
    return printed.split("\n").filter((line) => line.includes("pairdb-node.service"));
  };
  expect(about(here)).toEqual([]);
  expect(about(here.replace("ProtectClock=", "ProtectCloak=")).join()).toContain("ProtectCloak");
});

test.if(hasSystemd)("systemd finds it hardly exposed", () => {
  // Tenths on a scale to 100, where 100 is a service without any protection.
  const security = ["security", "--offline=true", "--threshold=14", "--no-pager"];
  expect(analyze(security, text)).toMatchObject({ exitCode: 0 });
  expect(
    analyze(security, text.replace(/^(Protect|Restrict|Private|SystemCall).*$/gm, "")).exitCode,
  ).not.toBe(0);
});

test("a stop may take as long as the node's own settings say, and 10 s", () => {
  const { server } = schema.parse({});
  const seconds = (server.drain_delay + server.shutdown_timeout) / 1000 + 10;
  expect(Number(setting("TimeoutStopSec"))).toBeGreaterThanOrEqual(seconds);
});

test("the data lies where the service may write", () => {
  const state = `/var/lib/${setting("StateDirectory")}`;
  expect(setting("Environment")).toBe(`PAIRDB_STORAGE_DATA_DIR=${state}/data`);
  expect(setting("RequiresMountsFor")).toBe(state);
  const file = `/etc/${setting("ConfigurationDirectory")}/config.yaml`;
  expect(setting("ExecStart")).toBe(`/usr/local/bin/pairdb-node serve --config ${file}`);
});
