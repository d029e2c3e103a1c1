import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { type FlagValue, type LoadedConfiguration, loadConfiguration } from "../../../src/config/load.ts";

const fixtures = join(import.meta.dir, "../../fixtures/configuration");

interface Inputs {
  readonly file?: string;
  readonly environment?: Record<string, string>;
  readonly flags?: Record<string, FlagValue>;
  readonly memoryLimitBytes?: number;
}

function load({
  file,
  environment = {},
  flags = {},
  memoryLimitBytes = 2 ** 33,
}: Inputs): LoadedConfiguration {
  return loadConfiguration({
    file: file === undefined ? undefined : "node.yaml",
    readText: () => file ?? "",
    environment,
    flags: new Map(Object.entries(flags)),
    hostName: "host-name",
    memoryLimitBytes,
  });
}

function fixture(name: string): string {
  return readFileSync(join(fixtures, name), "utf8");
}

/** The node's own file inside a ConfigMap. */
function configMapFile(name: string): string {
  return parse(fixture(name)).data["config.yaml"];
}

describe("defaults", () => {
  test("without a file the node listens on loopback, with one on every address", () => {
    expect(load({}).configuration.server).toMatchObject({
      host: "127.0.0.1",
      node_id: "host-name",
      port: 50_052,
    });
    expect(load({ file: "" }).configuration.server.host).toBe("0.0.0.0");
    expect(load({}).warnings).toEqual([]);
  });

  test("the HTTP port follows server.host and metrics.port", () => {
    const file = "server: {host: 10.1.2.3}\nmetrics: {port: 9999}";
    expect(load({ file }).configuration.http).toEqual({ host: "10.1.2.3", port: 9999 });
    const own = `${file}\nhttp: {host: 127.0.0.1, port: 80}`;
    expect(load({ file: own }).configuration.http).toEqual({ host: "127.0.0.1", port: 80 });
  });

  test("the cache takes 1 GiB, or a quarter of a memory that is smaller", () => {
    const maxSize = (inputs: Inputs) => load(inputs).configuration.cache.max_size;
    expect(maxSize({})).toBe(2 ** 30);
    expect(maxSize({ memoryLimitBytes: 2 ** 29 + 1 })).toBe(2 ** 27);
    expect(maxSize({ memoryLimitBytes: 2 ** 29, file: "cache: {max_size: 5000}" })).toBe(5000);
  });

  test("decompressed blocks take 512 MiB, or an eighth of a memory that is smaller", () => {
    const size = (inputs: Inputs) => load(inputs).configuration.cache.max_decompressed_size;
    expect(size({})).toBe(2 ** 29);
    expect(size({ memoryLimitBytes: 2 ** 29 + 7 })).toBe(2 ** 26);
    expect(size({ file: "cache: {max_decompressed_size: 0}" })).toBe(0);
  });

  test("a start holds 1 GiB of the log, or an eighth of a memory that is smaller", () => {
    const size = (inputs: Inputs) => load(inputs).configuration.recovery.max_memory;
    expect(size({})).toBe(2 ** 30);
    expect(size({ memoryLimitBytes: 2 ** 30 + 7 })).toBe(2 ** 27);
    expect(size({ file: "recovery: {max_memory: 0}" })).toBe(0);
  });

  test("directories lie below the data directory", () => {
    const { storage } = load({ file: "storage: {data_dir: /d}" }).configuration;
    expect(storage).toMatchObject({ commit_log_dir: "/d/commitlog", sstable_dir: "/d/sstables" });
  });

  test.each([
    ["", "always"],
    ["sync_writes: true", "always"],
    ["sync_writes: false", "interval"],
    ["sync_writes: false, sync: never", "never"],
    ["sync_writes: true, sync: interval", "interval"],
  ])("commit_log {%s} syncs %s", (keys, expected) => {
    expect(load({ file: `commit_log: {${keys}}` }).configuration.commit_log.sync).toBe(expected as "always");
  });

  test("a small memtable brings its threshold and record bound along", () => {
    const { mem_table, conflict } = load({ file: "mem_table: {max_size: 4194304}" }).configuration;
    expect(mem_table.flush_threshold).toBe(3_774_873);
    expect(conflict.max_record_bytes).toBe(1_048_576);
  });
});

describe("precedence", () => {
  const file = "server: {port: 1, node_id: file}";

  test("flag over environment over file", () => {
    const environment = { PAIRDB_SERVER_PORT: "2" };
    const flags = { "server.port": { flag: "--grpc-port", value: "3" } };
    expect(load({ file }).configuration.server.port).toBe(1);
    expect(load({ file, environment }).configuration.server.port).toBe(2);
    expect(load({ file, environment, flags }).configuration.server.port).toBe(3);
  });

  test("NODE_ID names the node, PAIRDB_SERVER_NODE_ID wins over it", () => {
    const environment = { NODE_ID: "a" };
    expect(load({ file, environment }).configuration.server.node_id).toBe("a");
    const both = { PAIRDB_SERVER_NODE_ID: "b", NODE_ID: "a" };
    expect(load({ file, environment: both }).configuration.server.node_id).toBe("b");
  });

  test("text of the environment takes the kind of its key", () => {
    const environment = {
      PAIRDB_COMMIT_LOG_SYNC_WRITES: "false",
      PAIRDB_SSTABLE_BLOOM_FILTER_FP: "0.05",
      PAIRDB_SERVER_READ_TIMEOUT: "1m30s",
      PAIRDB_SERVER_ALLOWED_HOSTS: "a.example, b.example",
      PAIRDB_SERVER_NODE_ID: "007",
      PAIRDB_SSTABLE_COMPRESSION: "zstd",
      PAIRDB_LOGGING_LEVEL: "",
    };
    const { configuration } = load({ environment });
    expect(configuration.commit_log.sync).toBe("interval");
    expect(configuration.sstable.bloom_filter_fp).toBe(0.05);
    expect(configuration.sstable.compression).toEqual(["zstd"]);
    expect(configuration.server).toMatchObject({
      read_timeout: 90_000,
      allowed_hosts: ["a.example", "b.example"],
      node_id: "007",
    });
    expect(configuration.logging.level).toBe("info");
  });

  test("variables that Kubernetes sets for a service are not ours; a mistyped one is named", () => {
    const environment = {
      PAIRDB_STORAGE_NODE_SERVICE_HOST: "10.0.0.1",
      PAIRDB_STORAGE_NODE_SERVICE_PORT_GRPC: "50052",
      PAIRDB_STORAGE_NODE_PORT: "tcp://10.0.0.1:50052",
      PAIRDB_STORAGE_NODE_PORT_50052_TCP_ADDR: "10.0.0.1",
      PAIRDB_SERVER_PROT: "1",
    };
    expect(load({ environment }).warnings).toEqual([
      "the environment variable PAIRDB_SERVER_PROT is no setting; is PAIRDB_SERVER_PORT meant?",
    ]);
  });
});

describe("refusals", () => {
  test.each([
    ["server: {prot: 1}", "server.prot is not a known key; is server.port meant?"],
    ["sever: {port: 1}", "sever is not a known key; is server meant?"],
    ["tracks: {}", "tracks is not a known key; allowed is server, http"],
    ["server: {zzzzzzzz: 1}", "server.zzzzzzzz is not a known key; allowed is node_id, host, port"],
    ["server: {port: 70000}", "server.port is 70000; allowed is a whole number from 0 to 65535"],
    ["server: {port: abc}", 'server.port is "abc"; allowed is a whole number'],
    [
      "server: {read_timeout: 10}",
      "server.read_timeout is 10; allowed is a duration from 1ms to 24h, such as",
    ],
    ["server: {read_timeout: 10x}", 'server.read_timeout is "10x"'],
    ["storage: {max_disk_usage: 1.5}", "storage.max_disk_usage is 1.5; allowed is a number from 0.1 to 0.99"],
    ["commit_log: {sync: sometimes}", 'commit_log.sync is "sometimes"; allowed is always, interval, never'],
    ["commit_log: {sync_writes: 1}", "commit_log.sync_writes is 1; allowed is true or false"],
    ["auth: {mode: password}", 'auth.mode is "password"; allowed is none'],
    ["gossip: {seed_nodes: [1]}", "gossip.seed_nodes is [1]; allowed is a list of addresses"],
    ["server: 3", "server is 3; allowed is keys: node_id"],
    ["server: {port: }", "server.port is null"],
    ["mem_table: {max_size: 2000000, flush_threshold: 3000000}", "at most mem_table.max_size (2000000)"],
    ["conflict: {max_record_bytes: 20000000}", "at most a quarter of mem_table.max_size (16777216)"],
    ["server: {port: 1", "node.yaml is not valid YAML"],
    ["- a", "node.yaml holds no sections"],
  ])("%s", (file, message) => {
    expect(() => load({ file })).toThrow(message);
  });

  test("all problems are named at once, with where a value came from", () => {
    const environment = { PAIRDB_SERVER_PORT: "x" };
    const flags = { "http.port": { flag: "--http-port", value: "-1" } };
    expect(() => load({ file: "metrics: {enabled: 2}", environment, flags })).toThrow(
      'configuration: server.port (from PAIRDB_SERVER_PORT) is "x"; allowed is a whole number from 0 to 65535; ' +
        'http.port (from --http-port) is "-1"; allowed is a whole number from 0 to 65535; ' +
        "metrics.enabled is 2; allowed is true or false",
    );
  });

  test("a file that is not there", () => {
    const sources = {
      file: "/no/such.yaml",
      readText: (path: string) => readFileSync(path, "utf8"),
      environment: {},
      flags: new Map<string, FlagValue>(),
      hostName: "h",
      memoryLimitBytes: 2 ** 33,
    };
    expect(() => loadConfiguration(sources)).toThrow(
      "cannot read the configuration file /no/such.yaml: it does not exist",
    );
  });

  test("the error is an INVALID_ARGUMENT", () => {
    expect(() => load({ file: "x: 1" })).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }));
  });
});

describe("operators' files", () => {
  test("the file with every key loads and says which keys wait for a later version", () => {
    const { configuration, warnings } = load({ file: fixture("operator.yaml") });
    expect(configuration).toMatchObject({
      server: { node_id: "storage-node-1", host: "0.0.0.0", port: 50_052, shutdown_timeout: 30_000 },
      storage: { data_dir: "/var/lib/pairdb", max_disk_usage: 0.9 },
      commit_log: { segment_size: 1_073_741_824, max_age: 604_800_000, sync: "always" },
      gossip: { seed_nodes: ["storage-node-2:7946", "storage-node-3:7946"], probe_timeout: 500 },
      coordinator: { host: "coordinator", retry_interval: 5000 },
    });
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toStartWith("settings without effect in this version: commit_log.max_age, ");
  });

  test("its values are the defaults", () => {
    const { configuration: fromFile } = load({ file: fixture("operator.yaml") });
    const { configuration: defaults } = load({ file: "" });
    for (const section of [
      "commit_log",
      "mem_table",
      "sstable",
      "cache",
      "compaction",
      "metrics",
      "logging",
    ] as const) {
      expect(fromFile[section]).toEqual(defaults[section]);
    }
  });

  test("the StatefulSet's ConfigMap loads with one warning for each key that is ignored", () => {
    const { configuration, warnings } = load({ file: configMapFile("configmap-stateful-set.yaml") });
    expect(configuration.mem_table.max_size).toBe(67_108_864);
    expect(configuration.storage.data_dir).toBe("/data");
    expect(warnings.filter((warning) => warning.includes(" is ignored: "))).toEqual([
      "server.grpc_port is ignored: the gRPC port is server.port",
      "server.metrics_port is ignored: the HTTP port is http.port, or metrics.port",
      "commitlog.segment_size is ignored: the section is commit_log",
      "commitlog.sync_interval is ignored: the section is commit_log",
      "memtable.max_size is ignored: the section is mem_table",
      "memtable.flush_threshold is ignored: the section is mem_table",
      "sstable.l0_trigger is ignored: the key is compaction.l0_trigger",
      "sstable.max_file_size is ignored: table sizes are sstable.l0_size, l1_size and l2_size",
      "sstable.bloom_fpr is ignored: the key is sstable.bloom_filter_fp",
      "sstable.cache_size is ignored: the key is cache.max_size",
      "cache.eviction_alg is ignored: the cache adapts by itself",
      "cache.ttl is ignored: cached records do not expire",
      "compaction.l0_size is ignored: the key is sstable.l0_size",
      "compaction.l1_size is ignored: the key is sstable.l1_size",
      "compaction.l2_size is ignored: the key is sstable.l2_size",
      "compaction.level_multiplier is ignored: the key is sstable.level_multiplier",
      "gossip.advertise_port is ignored: members learn the port from gossip.bind_port",
    ]);
  });

  test("the coordinator's ConfigMap loads", () => {
    const { configuration, warnings } = load({ file: configMapFile("configmap-with-coordinator.yaml") });
    expect(configuration.coordinator.enabled).toBe(true);
    expect(warnings.filter((warning) => warning.includes(" is ignored: "))).toHaveLength(2);
    expect(configuration.coordinator.host).toBeDefined();
  });

  test("a coordinator that is nowhere is refused", () => {
    expect(() => load({ file: "coordinator:\n  enabled: true\n" })).toThrow(
      "coordinator.enabled is true; allowed is that with coordinator.host beside it",
    );
  });
});
