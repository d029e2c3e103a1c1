/**
 * Every key of the configuration file, with its default and what is allowed.
 * Keys are written as operators write them; sizes are bytes, durations become milliseconds.
 * A default that depends on other keys is left open here and filled in by `resolve.ts`.
 */
import { z } from "zod";
import { allScopes, type Scope } from "../auth/identity.ts";
import { certificateRules } from "./certificate-rules.ts";
import { clusterTls, peerAddresses } from "./cluster-values.ts";
import {
  duration,
  flag,
  fraction,
  listOf,
  oneOf,
  sizeBytes,
  text,
  textList,
  urlPath,
  versionRange,
  wholeNumber,
} from "./values.ts";

const mebibyte = 1 << 20;
const gibibyte = 1 << 30;
const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;

const scopeWords = Object.fromEntries(allScopes.map((scope) => [scope, scope])) as Record<Scope, Scope>;

const port = () => wholeNumber(0, 65_535);

const server = z.strictObject({
  /** Default: the host's name. */
  node_id: text("a name", 128).optional(),
  /** Default: 0.0.0.0 with a configuration file, 127.0.0.1 without. */
  host: text("an address or host name", 255).optional(),
  port: port().default(50_052),
  max_connections: wholeNumber(1, 1_000_000).default(1000),
  /** The gRPC port's HTTP/2 server: our own, or the runtime's. */
  http2: oneOf({ native: "native", node: "node" }).default("native"),
  read_timeout: duration(1, 24 * hour).default(10 * second),
  write_timeout: duration(1, 24 * hour).default(10 * second),
  keepalive_time: duration(second, 24 * hour).default(2 * minute),
  keepalive_timeout: duration(second, hour).default(20 * second),
  drain_delay: duration(0, hour).default(0),
  shutdown_timeout: duration(1, 24 * hour).default(30 * second),
  /** Further Host values that the HTTP port answers to. */
  allowed_hosts: textList("host names").default([]),
  /** Web origins whose pages may call the HTTP port. */
  cors_origins: textList("origins such as https://app.example.com").default([]),
});

const http = z.strictObject({
  /** Default: server.host. */
  host: text("an address or host name", 255).optional(),
  /** Default: metrics.port. */
  port: port().optional(),
});

const tls = z.strictObject({
  /** PEM, with the intermediate certificates. Default: no TLS. */
  cert_file: text("a path").optional(),
  key_file: text("a path").optional(),
  /** Clients of the gRPC port have to show a certificate of this authority. */
  client_ca_file: text("a path").optional(),
  /** Of clients of the gRPC port. Default: require with client_ca_file, else none. */
  client_auth: oneOf({ none: "none", request: "request", require: "require" }).optional(),
});

const auth = z.strictObject({
  /**
   * `none` lets every caller in, and has to be said to listen off loopback. Default: tokens where there is a token file
   * or a rule for certificates.
   */
  mode: oneOf({ none: "none", tokens: "tokens" }).optional(),
  token_file: text("a path").optional(),
  /** What the holders of client certificates may do. */
  certificates: certificateRules().default([]),
  /** What calls without credentials may do. Default with tokens: nothing; else everything, off loopback without admin. */
  anonymous_scopes: listOf(scopeWords, allScopes.length, 0).optional(),
});

const storage = z.strictObject({
  data_dir: text("a path").default("./data"),
  /** Default: data_dir/commitlog. */
  commit_log_dir: text("a path").optional(),
  /** Default: data_dir/sstables. */
  sstable_dir: text("a path").optional(),
  /** Below it checkpoints are made. Default: data_dir/checkpoints. */
  checkpoint_dir: text("a path").optional(),
  /** Large writes are refused above this share of the file system. */
  max_disk_usage: fraction(0.1, 0.99).default(0.9),
});

const commitLog = z.strictObject({
  segment_size: sizeBytes(64 * 1024, 1024 * gibibyte).default(gibibyte),
  max_age: duration(second, 10 * 365 * 24 * hour).default(168 * hour),
  sync_writes: flag().default(true),
  buffer_size: sizeBytes(1, gibibyte).default(65_536),
  /** Default: what sync_writes says, true for `always`, false for `interval`. */
  sync: oneOf({ always: "always", interval: "interval", never: "never" }).optional(),
  sync_interval: duration(1, minute).default(100),
  max_retained_bytes: sizeBytes(0, 2 ** 50).default(4 * gibibyte),
});

const memTable = z.strictObject({
  max_size: sizeBytes(mebibyte, 2 * gibibyte).default(64 * mebibyte),
  /** Default: 60,000,000, or nine tenths of max_size where that is less. */
  flush_threshold: sizeBytes(1024, 2 * gibibyte).optional(),
  num_mem_tables: wholeNumber(1, 64).default(2),
});

const sstable = z.strictObject({
  l0_size: sizeBytes(1024, 1024 * gibibyte).default(64 * mebibyte),
  l1_size: sizeBytes(1024, 1024 * gibibyte).default(128 * mebibyte),
  l2_size: sizeBytes(1024, 1024 * gibibyte).default(256 * mebibyte),
  level_multiplier: fraction(1, 100).default(2),
  bloom_filter_fp: fraction(0.0001, 0.5).default(0.01),
  block_size: sizeBytes(256, 16 * mebibyte).default(4096),
  /** By level; the last one holds for all levels below. */
  compression: listOf({ none: "none", zstd: "zstd" }, 5).default(["none", "none", "zstd"]),
  /** In place of block_size where tables are compressed. */
  compressed_block_size: sizeBytes(256, 16 * mebibyte).default(2048),
  zstd_level: wholeNumber(1, 22).default(3),
  max_open_tables: wholeNumber(1, 60_000).default(4096),
  max_index_memory: sizeBytes(0, 1024 * gibibyte).default(64 * mebibyte),
  index_interval: wholeNumber(1, 1_000_000).default(100),
});

const cache = z.strictObject({
  /** 0: no cache. Default: 1 GiB, or a quarter of the memory that the process may take where that is less. */
  max_size: sizeBytes(0, 16 * gibibyte).optional(),
  /** 0: each read decompresses its block. */
  max_decompressed_size: sizeBytes(0, 4 * gibibyte).optional(),
  frequency_weight: fraction(0, 1).default(0.5),
  recency_weight: fraction(0, 1).default(0.5),
  adaptive_window: duration(second, 24 * hour).default(5 * minute),
});

const compaction = z.strictObject({
  l0_trigger: wholeNumber(1, 1000).default(4),
  workers: wholeNumber(1, 64).default(2),
  level_capacity_multiplier: fraction(2, 100).default(10),
  /** Megabytes a second that all compactions together may write; 0: without limit. */
  throttle: fraction(0, 1_000_000).default(50),
  /** Records deleted longer ago count as absent; must exceed the life of coordinators' hints, 168h. */
  gc_grace: duration(1, 10 * 365 * 24 * hour).default(240 * hour),
});

const conflict = z.strictObject({
  stale_write: oneOf({ accept: "accept", report: "report" }).default("accept"),
  max_siblings: wholeNumber(1, 1000).default(10),
  /** Default: 16 MiB, or a quarter of mem_table.max_size where that is less. */
  max_record_bytes: sizeBytes(1024, gibibyte).optional(),
});

const recovery = z.strictObject({
  mode: oneOf({ skip: "skip", point_in_time: "point_in_time", strict: "strict" }).default("skip"),
  /** Default: 1 GiB, or an eighth of the memory that the process may take where that is less. */
  max_memory: sizeBytes(0, 64 * gibibyte).optional(),
});

const limits = z.strictObject({
  /** Largest request. */
  max_message_bytes: sizeBytes(64 * 1024, gibibyte).default(16 * mebibyte),
  /** Largest answer. */
  max_response_bytes: sizeBytes(64 * 1024, gibibyte).default(16 * mebibyte),
  /** Entries of a BatchWrite, keys of a BatchRead. */
  max_batch_entries: wholeNumber(1, 100_000).default(1000),
  /** Tenant ids, keys and values of a BatchWrite. */
  max_batch_bytes: sizeBytes(64 * 1024, gibibyte).default(16 * mebibyte),
  max_view_age: duration(second, 24 * hour).default(15 * minute),
  /** Memtable bytes that scans may keep alive. */
  max_pinned_bytes: sizeBytes(0, 64 * gibibyte).default(256 * mebibyte),
  max_in_flight_reads: wholeNumber(1, 1_000_000).default(4096),
  max_in_flight_writes: wholeNumber(1, 1_000_000).default(2048),
  max_in_flight_scans: wholeNumber(1, 1_000_000).default(64),
  /** Health, status and administration. */
  max_in_flight_control: wholeNumber(1, 1_000_000).default(1024),
  /** 0: calls are never shed. */
  max_event_loop_lag: duration(0, minute).default(500),
  /** What is shed first comes first. */
  shed_order: listOf({ scan: "scan", write: "write", read: "read" }, 3, 0).default(["scan", "write", "read"]),
  /** 0: no limit. */
  tenant_requests_per_second: wholeNumber(0, 1_000_000_000).default(0),
  /** Default: those of one second. */
  tenant_request_burst: wholeNumber(1, 1_000_000_000).optional(),
});

const gossip = z.strictObject({
  enabled: flag().default(false),
  bind_port: port().default(7946),
  seed_nodes: textList("addresses").default([]),
  gossip_interval: duration(10, hour).default(5 * second),
  probe_timeout: duration(10, hour).default(500),
  probe_interval: duration(10, hour).default(second),
  /** Default: `server.host`, or the machine's first address where that is every one. */
  advertise_host: text("an address or host name", 255).optional(),
  /** Keeps rings apart that share a network. */
  label: text("a name", 255).optional(),
  /** Keys in base64, one a line, the first seals; read anew at SIGHUP. */
  key_file: text("a path").optional(),
  delegate_versions: versionRange().default([0, 0, 0]),
});

const cluster = z.strictObject({
  /** Nodes that this one may call, beside the members of the ring. */
  peers: peerAddresses().default({}),
  /** Of calls to other nodes. Default: cleartext. */
  tls: clusterTls().optional(),
  /** The token that other nodes are shown. */
  token_file: text("a path").optional(),
  /** Default: only with auth.mode none, and without gossip and peers. */
  allow_any_target: flag().optional(),
});

const health = z.strictObject({
  interval: duration(100, hour).default(5 * second),
  /** Of the one check that writes. */
  write_interval: duration(100, 24 * hour).default(30 * second),
  max_memory_share: fraction(0.1, 1).default(0.95),
  max_file_descriptor_share: fraction(0.1, 1).default(0.9),
  max_event_loop_lag: duration(1, hour).default(2 * second),
  max_sync_time: duration(1, hour).default(second),
  max_compaction_debt: sizeBytes(0, 2 ** 50).default(16 * gibibyte),
  isolated_after: duration(0, 24 * hour).default(30 * second),
});

const coordinator = z.strictObject({
  enabled: flag().default(false),
  host: text("an address or host name", 255).optional(),
  port: port().default(50_051),
  virtual_nodes: wholeNumber(1, 10_000).default(150),
  retry_interval: duration(10, hour).default(5 * second),
  max_retries: wholeNumber(0, 1_000_000).default(10),
});

const backup = z.strictObject({
  /** Below it, in a directory named after the node, its backups are kept. Default: the node makes none. */
  target: text("a path").optional(),
});

const metrics = z.strictObject({
  enabled: flag().default(true),
  port: port().default(9091),
  path: urlPath().default("/metrics"),
  /** Reading them takes the scope `observe`. */
  require_token: flag().default(false),
});

const logging = z.strictObject({
  level: oneOf({ debug: "debug", info: "info", warn: "warn", warning: "warn", error: "error" }).default(
    "info",
  ),
  /** 0: no call is. */
  slow_call: duration(0, hour).default(second),
  format: oneOf({ json: "json", pretty: "pretty", console: "pretty", text: "pretty" }).default("json"),
});

const tracing = z.strictObject({
  enabled: flag().default(false),
  /** Where a collector takes OTLP over HTTP, with the path. */
  endpoint: text("a URL").default("http://127.0.0.1:4318/v1/traces"),
  /** Of what no caller has decided about. */
  sample_ratio: fraction(0, 1).default(0.1),
  max_queued_spans: wholeNumber(1, 1_000_000).default(4096),
});

export const schema = z.strictObject({
  server: server.prefault({}),
  http: http.prefault({}),
  tls: tls.prefault({}),
  auth: auth.prefault({}),
  storage: storage.prefault({}),
  commit_log: commitLog.prefault({}),
  mem_table: memTable.prefault({}),
  sstable: sstable.prefault({}),
  cache: cache.prefault({}),
  compaction: compaction.prefault({}),
  conflict: conflict.prefault({}),
  recovery: recovery.prefault({}),
  limits: limits.prefault({}),
  gossip: gossip.prefault({}),
  cluster: cluster.prefault({}),
  coordinator: coordinator.prefault({}),
  backup: backup.prefault({}),
  metrics: metrics.prefault({}),
  health: health.prefault({}),
  logging: logging.prefault({}),
  tracing: tracing.prefault({}),
});

/** What the file, the environment and the flags together say, with plain defaults filled in. */
export type ParsedFile = z.output<typeof schema>;

/** Keys of every section, in the order above. */
export const sectionKeys: Readonly<Record<string, readonly string[]>> = Object.fromEntries(
  Object.entries(schema.shape).map(([name, section]) => [name, Object.keys(section.unwrap().shape)]),
);
