import { expect, test } from "bun:test";
import { loadConfiguration } from "../../../src/config/load.ts";
import { sectionKeys } from "../../../src/config/schema.ts";
import { isSecretKey, settingsInForce } from "../../../src/config/settings-in-force.ts";

const { configuration } = loadConfiguration({
  file: undefined,
  readText: () => "",
  environment: { PAIRDB_SERVER_READ_TIMEOUT: "3s" },
  flags: new Map([["server.host", { flag: "--host", value: "127.0.0.1" }]]),
  hostName: "machine",
  memoryLimitBytes: 2 ** 32,
});

test("every key is there, with the value in force", () => {
  const settings = settingsInForce(configuration);
  const keys = Object.entries(sectionKeys).flatMap(([name, names]) => names.map((key) => `${name}.${key}`));
  expect(settings.map(({ key }) => key)).toEqual(keys);
  const values = Object.fromEntries(settings.map(({ key, value }) => [key, value]));
  expect(values).toMatchObject({
    "server.node_id": '"machine"',
    "server.read_timeout": "3000",
    "server.cors_origins": "[]",
    "tls.cert_file": "",
    "storage.checkpoint_dir": '"./data/checkpoints"',
  });
});

test.each([
  ["token", true],
  ["session_token", true],
  ["password", true],
  ["secret", true],
  ["private_key", true],
  ["token_file", false],
  ["key_file", false],
  ["node_id", false],
])("%s: %p", (key, isSecret) => {
  expect(isSecretKey(key)).toBe(isSecret);
});
