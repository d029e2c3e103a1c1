/** Fills in the defaults that depend on other keys, and checks the relations between keys. */
import { allScopes, type Scope } from "../auth/identity.ts";
import { hostsOf, isExposed } from "./exposure.ts";
import type { ParsedFile } from "./schema.ts";
import { formatDuration } from "./values.ts";

/** A configuration with nothing left open but what may stay unsaid. */
export interface Configuration extends ParsedFile {
  readonly server: ParsedFile["server"] & { readonly node_id: string; readonly host: string };
  readonly http: { readonly host: string; readonly port: number };
  readonly tls: ParsedFile["tls"] & { readonly client_auth: "none" | "request" | "require" };
  readonly auth: ParsedFile["auth"] & { readonly anonymous_scopes: readonly Scope[] };
  readonly storage: ParsedFile["storage"] & {
    readonly commit_log_dir: string;
    readonly sstable_dir: string;
    readonly checkpoint_dir: string;
  };
  readonly commit_log: ParsedFile["commit_log"] & { readonly sync: "always" | "interval" | "never" };
  readonly mem_table: ParsedFile["mem_table"] & { readonly flush_threshold: number };
  readonly cache: ParsedFile["cache"] & { readonly max_size: number; readonly max_decompressed_size: number };
  readonly recovery: ParsedFile["recovery"] & { readonly max_memory: number };
  readonly conflict: ParsedFile["conflict"] & { readonly max_record_bytes: number };
  readonly cluster: ParsedFile["cluster"] & { readonly allow_any_target: boolean };
  readonly limits: ParsedFile["limits"] & { readonly tenant_request_burst: number };
}

export interface Surroundings {
  readonly hostName: string;
  /** What the process may take. */
  readonly memoryLimitBytes: number;
  /** Whether a configuration file was read: a node with one is meant for a network. */
  readonly hasFile: boolean;
}

const defaultFlushThresholdBytes = 60_000_000;
const defaultMaxCacheBytes = 2 ** 30;
const mostDefaultDecompressedBytes = 2 ** 29;
const mostDefaultRecoveryBytes = 2 ** 30;
const defaultMaxRecordBytes = 16 * 1024 * 1024;

/** Of memory for decompressed blocks. */
export function defaultDecompressedBytes(memoryLimitBytes: number): number {
  return Math.min(mostDefaultDecompressedBytes, Math.floor(memoryLimitBytes / 8));
}

export function resolve(parsed: ParsedFile, surroundings: Surroundings): Configuration {
  const { server, tls, auth, storage, commit_log, mem_table, cache, conflict, limits } = parsed;
  const host = server.host ?? (surroundings.hasFile ? "0.0.0.0" : "127.0.0.1");
  const http = { host: parsed.http.host ?? host, port: parsed.http.port ?? parsed.metrics.port };
  return {
    ...parsed,
    server: { ...server, node_id: server.node_id ?? surroundings.hostName, host },
    http,
    tls: { ...tls, client_auth: tls.client_auth ?? (tls.client_ca_file === undefined ? "none" : "require") },
    auth: resolveAuth(auth, isExposed([host, http.host])),
    storage: {
      ...storage,
      commit_log_dir: storage.commit_log_dir ?? `${storage.data_dir}/commitlog`,
      sstable_dir: storage.sstable_dir ?? `${storage.data_dir}/sstables`,
      checkpoint_dir: storage.checkpoint_dir ?? `${storage.data_dir}/checkpoints`,
    },
    commit_log: { ...commit_log, sync: commit_log.sync ?? (commit_log.sync_writes ? "always" : "interval") },
    mem_table: {
      ...mem_table,
      flush_threshold:
        mem_table.flush_threshold ??
        Math.min(defaultFlushThresholdBytes, Math.floor(mem_table.max_size * 0.9)),
    },
    cache: {
      ...cache,
      max_size:
        cache.max_size ?? Math.min(defaultMaxCacheBytes, Math.floor(surroundings.memoryLimitBytes / 4)),
      max_decompressed_size:
        cache.max_decompressed_size ?? defaultDecompressedBytes(surroundings.memoryLimitBytes),
    },
    conflict: {
      ...conflict,
      max_record_bytes:
        conflict.max_record_bytes ?? Math.min(defaultMaxRecordBytes, mostRecordBytes(mem_table.max_size)),
    },
    recovery: {
      ...parsed.recovery,
      max_memory:
        parsed.recovery.max_memory ??
        Math.min(mostDefaultRecoveryBytes, Math.floor(surroundings.memoryLimitBytes / 8)),
    },
    cluster: { ...parsed.cluster, allow_any_target: mayCallAnybody(parsed) },
    limits: {
      ...limits,
      tenant_request_burst: limits.tenant_request_burst ?? Math.max(1, limits.tenant_requests_per_second),
    },
  };
}

function resolveAuth(auth: ParsedFile["auth"], isNodeExposed: boolean): Configuration["auth"] {
  const hasCredentials = auth.token_file !== undefined || auth.certificates.length > 0;
  const mode = auth.mode ?? (hasCredentials ? "tokens" : undefined);
  const ofEverybody = allScopes.filter((scope) => scope !== "admin" || !isNodeExposed);
  const anonymous_scopes = auth.anonymous_scopes ?? (mode === "tokens" ? [] : ofEverybody);
  return { ...auth, ...(mode === undefined ? {} : { mode }), anonymous_scopes };
}

/** Where nothing says who the other nodes are, there is nothing to hold a target against. */
function mayCallAnybody({ cluster, auth, gossip }: ParsedFile): boolean {
  const knowsNobody = !gossip.enabled && Object.keys(cluster.peers).length === 0;
  return cluster.allow_any_target ?? (auth.mode === "none" && knowsNobody);
}

/** A record must fit several times into a memtable, or every write of it would freeze one. */
function mostRecordBytes(memtableBytes: number): number {
  return Math.floor(memtableBytes / 4);
}

/** What is wrong between keys that are each right by themselves: one sentence each. */
export function conflictsBetweenKeys(configuration: Configuration): string[] {
  const { mem_table, conflict, server } = configuration;
  const problems: string[] = [];
  if (mem_table.flush_threshold > mem_table.max_size) {
    problems.push(
      `mem_table.flush_threshold is ${mem_table.flush_threshold}; ` +
        `allowed is at most mem_table.max_size (${mem_table.max_size})`,
    );
  }
  const mostBytes = mostRecordBytes(mem_table.max_size);
  if (conflict.max_record_bytes > mostBytes) {
    problems.push(
      `conflict.max_record_bytes is ${conflict.max_record_bytes}; ` +
        `allowed is at most a quarter of mem_table.max_size (${mostBytes})`,
    );
  }
  if (new TextEncoder().encode(server.node_id).length > 128) {
    problems.push(`server.node_id is "${server.node_id}"; allowed is a name of 1 to 128 bytes`);
  }
  if (configuration.auth.anonymous_scopes.includes("admin") && isExposed(hostsOf(configuration))) {
    problems.push("auth.anonymous_scopes holds admin; allowed is that only where both ports are on loopback");
  }
  const { mode, token_file, certificates } = configuration.auth;
  if (mode === "tokens" && token_file === undefined && certificates.length === 0) {
    problems.push("auth.mode is tokens; allowed is that with auth.token_file or auth.certificates beside it");
  }
  if (configuration.coordinator.enabled && configuration.coordinator.host === undefined) {
    problems.push("coordinator.enabled is true; allowed is that with coordinator.host beside it");
  }
  const { probe_timeout, probe_interval } = configuration.gossip;
  if (probe_timeout >= probe_interval) {
    problems.push(
      `gossip.probe_timeout is ${formatDuration(probe_timeout)}; ` +
        `allowed is less than gossip.probe_interval (${formatDuration(probe_interval)})`,
    );
  }
  const { cert_file, key_file, client_ca_file, client_auth } = configuration.tls;
  if (client_auth !== "none" && client_ca_file === undefined) {
    problems.push(`tls.client_auth is ${client_auth}, which needs tls.client_ca_file`);
  }
  if (certificates.length > 0 && client_ca_file === undefined) {
    problems.push("auth.certificates needs tls.client_ca_file, the authority of the certificates");
  } else if (certificates.length > 0 && client_auth === "none") {
    problems.push("tls.client_auth is none; allowed with auth.certificates is request or require");
  }
  if ((cert_file === undefined) !== (key_file === undefined)) {
    problems.push("tls.cert_file and tls.key_file go together; one of them is missing");
  }
  if (client_ca_file !== undefined && cert_file === undefined) {
    problems.push("tls.client_ca_file needs tls.cert_file and tls.key_file");
  }
  const { endpoint } = configuration.tracing;
  if (!/^https?:\/\/./.test(endpoint)) {
    problems.push(`tracing.endpoint is ${endpoint}; allowed is a URL of http or https, with the path`);
  }
  return problems;
}
