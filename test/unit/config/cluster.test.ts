import { describe, expect, test } from "bun:test";
import { exposureWarnings } from "../../../src/config/exposure.ts";
import { loadConfiguration } from "../../../src/config/load.ts";

function configuration(file: string, environment: Record<string, string> = {}) {
  return loadConfiguration({
    file: "node.yaml",
    readText: () => file,
    environment,
    flags: new Map(),
    hostName: "h",
    memoryLimitBytes: 2 ** 33,
  }).configuration;
}

describe("cluster.allow_any_target", () => {
  test.each([
    ["", false],
    ["auth: {mode: none}", true],
    ["auth: {mode: none}\ngossip: {enabled: true}", false],
    ["auth: {mode: none}\ncluster: {peers: {b: 'h:1'}}", false],
    ["auth: {mode: tokens, token_file: t}", false],
    ["server: {host: 127.0.0.1}", false],
    ["auth: {mode: none}\ncluster: {allow_any_target: false}", false],
    ["auth: {mode: tokens, token_file: t}\ngossip: {enabled: true}\ncluster: {allow_any_target: true}", true],
  ])("%j: %p", (file, allowed) => {
    expect(configuration(file).cluster.allow_any_target).toBe(allowed);
  });
});

describe("cluster.peers", () => {
  test("are hosts, addresses of either kind and ports, from the file and from the environment", () => {
    const peers = {
      a: { host: "10.0.0.1", port: 50_052 },
      b: { host: "b.example", port: 1 },
      c: { host: "fd00::1", port: 65_535 },
    };
    const text = '{a: "10.0.0.1:50052", b: b.example:1, c: "[fd00::1]:65535"}';
    expect(configuration(`cluster: {peers: ${text}}`).cluster.peers).toEqual(peers);
    expect(configuration("", { PAIRDB_CLUSTER_PEERS: text }).cluster.peers).toEqual(peers);
  });

  test.each([
    '{a: "10.0.0.1"}',
    "{a: 'h:0'}",
    "{a: 'h:65536'}",
    "{a: 'fd00::1:50052'}",
    "{a: 'http://h:1'}",
    "{a: 'user@h:1'}",
    "{'': 'h:1'}",
    `{${"a".repeat(129)}: 'h:1'}`,
    "[a]",
    "text",
  ])("%s is refused", (peers) => {
    expect(() => configuration(`cluster: {peers: ${peers}}`)).toThrow("cluster.peers is");
  });
});

test.each(["{cert_file: c}", "{key_file: k}", "{ca: c}", "text", "{ca_file: ''}"])(
  "cluster.tls: %s is refused",
  (tls) => {
    expect(() => configuration(`cluster: {tls: ${tls}}`)).toThrow("cluster.tls is");
  },
);

test("a token that is shown in cleartext is warned of", () => {
  const warnings = (cluster: string) =>
    exposureWarnings(configuration(`server: {host: 127.0.0.1}\ncluster: ${cluster}`));
  expect(warnings("{token_file: t}")).toEqual([
    "the token of cluster.token_file is shown to other nodes in cleartext: cluster.tls is unset",
  ]);
  expect(warnings("{token_file: t, tls: {}}")).toEqual([]);
  expect(warnings("{}")).toEqual([]);
});
