import { describe, expect, test } from "bun:test";
import { engineOverrides } from "../../../src/config/engine-overrides.ts";
import { exposureWarnings, isLoopback, refuseUnaskedExposure } from "../../../src/config/exposure.ts";
import { loadConfiguration } from "../../../src/config/load.ts";
import { checkOptions, engineOptions } from "../../../src/engine/options.ts";

function configuration(file: string) {
  return loadConfiguration({
    file: "node.yaml",
    readText: () => file,
    environment: {},
    flags: new Map(),
    hostName: "h",
    memoryLimitBytes: 2 ** 33,
  }).configuration;
}

describe("exposure", () => {
  test.each(["127.0.0.1", "127.9.9.9", "::1", "localhost"])("%s is loopback", (host) => {
    expect(isLoopback(host)).toBe(true);
  });

  test.each(["0.0.0.0", "::", "10.0.0.1", "localhost.example.com", "1127.0.0.1", ""])("%j is not", (host) => {
    expect(isLoopback(host)).toBe(false);
  });

  test.each([
    ["", "server.host is 0.0.0.0"],
    ["server: {host: 127.0.0.1}\nhttp: {host: 10.0.0.1}", "http.host is 10.0.0.1"],
  ])("listening off loopback unasked is refused with the ways out: %j", (file, message) => {
    const refused = () => refuseUnaskedExposure(configuration(file));
    for (const part of [
      message,
      "--host 127.0.0.1",
      "--insecure",
      "PAIRDB_AUTH_MODE=none",
      "auth.mode: none",
    ]) {
      expect(refused).toThrow(part);
    }
  });

  test.each(["auth: {mode: none}", "server: {host: 127.0.0.1}"])("%j is not refused", (file) => {
    expect(() => refuseUnaskedExposure(configuration(file))).not.toThrow();
  });
});

test("the defaults and the extremes are options that the engine accepts", () => {
  const extremes = [
    "mem_table: {max_size: 1048576, flush_threshold: 1024, num_mem_tables: 64}\nsstable: {block_size: 256, bloom_filter_fp: 0.5}",
    "mem_table: {max_size: 2147483648}\nsstable: {block_size: 16777216, bloom_filter_fp: 0.0001}\ncompaction: {workers: 64}",
    "commit_log: {segment_size: 65536, sync_interval: 1m, max_retained_bytes: 0}\nlimits: {max_view_age: 24h}",
  ];
  for (const file of ["", ...extremes]) {
    const options = engineOptions("/d", engineOverrides(configuration(file)));
    expect(() => checkOptions(options)).not.toThrow();
  }
});

test("engine options carry the operator's values", () => {
  const file =
    "storage: {data_dir: /d, sstable_dir: /fast}\ncommit_log: {sync: never, segment_size: 65536}\n" +
    "recovery: {mode: strict}\nlimits: {max_view_age: 1m}";
  expect(engineOptions("/d", engineOverrides(configuration(file)))).toMatchObject({
    commitLogDirectory: "/d/commitlog",
    tableDirectory: "/fast",
    commitLog: { sync: "never", segmentSizeBytes: 65_536 },
    views: { maxAgeMs: 60_000 },
    recoveryMode: "strict",
  });
});

test.each([
  ["gossip: {enabled: true}\nauth: {mode: tokens, token_file: t}\ntls: {cert_file: c, key_file: k}", 1],
  [
    "gossip: {enabled: true, key_file: k}\nauth: {mode: tokens, token_file: t}\ntls: {cert_file: c, key_file: k}",
    0,
  ],
  ["gossip: {enabled: true}\nserver: {host: 127.0.0.1}", 0],
  ["gossip: {enabled: false}\nauth: {mode: tokens, token_file: t}\ntls: {cert_file: c, key_file: k}", 0],
])("%j: gossip off loopback without keys is warned of", (file, count) => {
  const warnings = exposureWarnings(configuration(file));
  expect(warnings.filter((warning) => warning.startsWith("gossip is not sealed"))).toHaveLength(count);
});
