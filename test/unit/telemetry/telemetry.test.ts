import { describe, expect, test } from "bun:test";
import { StorageError } from "../../../src/base/errors.ts";
import type { EngineStatus } from "../../../src/engine/status.ts";
import type { DiskState } from "../../../src/node/disk-guard.ts";
import type { Clock } from "../../../src/platform/clock.ts";
import { FaultFileSystem } from "../../../src/platform/fault.ts";
import { MemoryFileSystem } from "../../../src/platform/memory.ts";
import {
  parseOpenFileLimit,
  parseProcessStatus,
  readProcessStatus,
} from "../../../src/platform/process-status.ts";
import type { StatusName } from "../../../src/rpc/observer.ts";
import { createLogger } from "../../../src/telemetry/logger.ts";
import { Telemetry } from "../../../src/telemetry/telemetry.ts";
import { engineStatus as status } from "../../support/engine-status.ts";
import { healthSettings } from "../../support/health-settings.ts";
import { ManualClock } from "../../support/manual-clock.ts";

class Fixture {
  readonly lines: Record<string, unknown>[] = [];
  readonly logger = createLogger({
    nodeId: "n1",
    level: "debug",
    format: "json",
    write: (line) => void this.lines.push(JSON.parse(line)),
  });
  readonly telemetry: Telemetry;
  readonly files = new FaultFileSystem(new MemoryFileSystem());
  diskState: DiskState = "ok";
  status = status;

  constructor(clock: Clock = new ManualClock()) {
    this.files.makeDirectory("/data");
    this.telemetry = new Telemetry({
      nodeId: "n1",
      version: "1.2.3",
      logger: this.logger,
      clock,
      processStatus: () => ({
        memoryBytes: 7000,
        mappedResidentBytes: 500,
        threadCount: 9,
        openFileCount: 40,
        openFileLimit: 1000,
      }),
      cpuTimeMs: () => 1500,
      memoryStatus: () => ({ limitBytes: 90_000, usedBytes: 40_000, stalledShare: 0.25 }),
      diskUsage: () => ({ totalBytes: 1000, availableBytes: 250 }),
    });
  }

  observe(): this {
    this.telemetry.observe({
      engineStatus: () => this.status,
      diskState: () => this.diskState,
      load: () => ({ inFlight: { read: 0, write: 0, scan: 3, control: 0 }, pressure: 0.5 }),
      files: this.files,
      directories: ["/data"],
      healthSettings,
    });
    return this;
  }

  async metrics(): Promise<string> {
    return (await this.telemetry.metricsText()).body;
  }

  /** The value of a series; its labels without `node_id`, as Prometheus writes them. */
  async value(name: string, labels = ""): Promise<number | undefined> {
    const separator = labels === "" ? "" : ",";
    const series = `pairdb_${name}{${labels}${separator}node_id="n1"} `;
    const line = (await this.metrics()).split("\n").find((candidate) => candidate.startsWith(series));
    return line === undefined ? undefined : Number(line.slice(series.length));
  }
}

/** Names that dashboards and alerts know, with their types. */
const contract: Record<string, string> = {
  storage_write_requests_total: "counter",
  storage_write_requests_duration_seconds: "histogram",
  storage_write_requests_bytes: "histogram",
  storage_read_requests_total: "counter",
  storage_read_requests_duration_seconds: "histogram",
  storage_read_requests_bytes: "histogram",
  storage_repair_requests_total: "counter",
  storage_repair_requests_duration_seconds: "histogram",
  memtable_size_bytes: "gauge",
  memtable_entries_total: "gauge",
  memtable_flushes_total: "counter",
  memtable_flush_duration_seconds: "histogram",
  sstable_count_by_level: "gauge",
  sstable_size_bytes_by_level: "gauge",
  sstable_reads_total: "counter",
  sstable_read_duration_seconds: "histogram",
  sstable_writes_total: "counter",
  sstable_write_duration_seconds: "histogram",
  cache_hits_total: "counter",
  cache_misses_total: "counter",
  cache_evictions_total: "counter",
  cache_size_bytes: "gauge",
  cache_entries_total: "gauge",
  compaction_jobs_total: "counter",
  compaction_job_duration_seconds: "histogram",
  compaction_bytes_processed_total: "counter",
  compaction_bytes_written_total: "counter",
  compaction_tables_input: "histogram",
  compaction_tables_output: "histogram",
  commitlog_segments_total: "gauge",
  commitlog_size_bytes: "gauge",
  commitlog_appends_total: "counter",
  commitlog_append_duration_seconds: "histogram",
  commitlog_syncs_total: "counter",
  commitlog_sync_duration_seconds: "histogram",
  gossip_members_total: "gauge",
  gossip_members_healthy: "gauge",
  gossip_messages_total: "counter",
  gossip_messages_duration_seconds: "histogram",
  storage_delete_requests_total: "counter",
  storage_siblings_total: "counter",
  storage_stale_writes_total: "counter",
  storage_corruptions_total: "counter",
  memtable_write_stall_seconds: "histogram",
  compaction_debt_bytes: "gauge",
  commitlog_waiting_entries: "gauge",
  rpc_in_flight_calls: "gauge",
  rpc_rejected_requests_total: "counter",
  rpc_shed_calls_total: "counter",
  storage_streams: "gauge",
  system_disk_usage_bytes: "gauge",
  system_disk_available_bytes: "gauge",
  system_disk_usage_percent: "gauge",
  system_memory_usage_bytes: "gauge",
  system_mapped_resident_bytes: "gauge",
  system_threads: "gauge",
  system_event_loop_lag_seconds: "gauge",
};

describe("metrics", () => {
  test("the names and types of the contract are there, and every series carries node_id", async () => {
    const text = await new Fixture().observe().metrics();
    for (const [name, type] of Object.entries(contract))
      expect(text).toContain(`# TYPE pairdb_${name} ${type}\n`);
    const series = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
    expect(series.filter((line) => !/^pairdb_\w+\{.*node_id="n1".*\} /.test(line))).toEqual([]);
  });

  test("the cache's counters are those of the engine, at each scrape", async () => {
    const fixture = new Fixture().observe();
    expect(await fixture.value("cache_hits_total")).toBe(70);
    fixture.status = { ...status, cache: { ...status.cache, hits: 75 } };
    expect(await fixture.value("cache_hits_total")).toBe(75);
    expect(await fixture.value("cache_misses_total")).toBe(30);
    expect(await fixture.value("cache_entries_total")).toBe(26);
    expect(await fixture.value("cache_insertions_total")).toBe(50);
    expect(await fixture.value("cache_admissions_total")).toBe(12);
    expect(await fixture.value("cache_rejections_total")).toBe(3);
    expect(await fixture.value("cache_budget_bytes")).toBe(131_072);
    expect(await fixture.value("block_cache_hits_total")).toBe(41);
    expect(await fixture.value("block_cache_misses_total")).toBe(42);
    expect(await fixture.value("block_cache_evictions_total")).toBe(43);
    expect(await fixture.value("block_cache_size_bytes")).toBe(4096);
    expect(await fixture.value("block_cache_budget_bytes")).toBe(8192);
  });

  test("reads are counted by the engine, in all and by level, and a sample of them is timed", async () => {
    const fixture = new Fixture().observe();
    expect(await fixture.value("storage_gets_total")).toBe(1000);
    expect(await fixture.value("sstable_reads_total")).toBe(30);
    const ofLevel = (name: string) => fixture.value(`sstable_${name}_total`, 'level="1"');
    expect(await ofLevel("tables_asked")).toBe(50);
    expect(await ofLevel("bloom_negatives")).toBe(40);
    expect(await ofLevel("bloom_false_positives")).toBe(2);
    expect(await ofLevel("block_reads")).toBe(10);
    expect(await ofLevel("scan_block_reads")).toBe(3);
    fixture.telemetry.engineObserver.tableLookupTimed(0.004);
    expect(await fixture.value("sstable_read_duration_seconds_bucket", 'le="0.000005"')).toBe(1);
    expect(await fixture.value("sstable_read_duration_seconds_bucket", 'le="0.0000025"')).toBe(0);
  });

  test("what jobs did is counted by the engine, for each level", async () => {
    const fixture = new Fixture().observe();
    const ofLevel = (name: string) => fixture.value(`compaction_level_${name}_total`, 'level="1"');
    expect(await ofLevel("jobs")).toBe(7);
    expect(await ofLevel("incoming_bytes")).toBe(100);
    expect(await ofLevel("written_bytes")).toBe(250);
    expect(await ofLevel("seconds")).toBe(1.5);
    expect(await fixture.value("storage_user_bytes_total")).toBe(1000);
    expect(await fixture.value("storage_write_amplification")).toBe(4);
    expect(await fixture.value("commitlog_written_bytes_total")).toBe(1200);
  });

  test("durations start at 50 µs, sizes double ten times from 256 B", async () => {
    const text = await new Fixture().metrics();
    const buckets = (name: string) =>
      [...text.matchAll(new RegExp(`^pairdb_${name}_bucket\\{le="([^"]+)"`, "gm"))].map((match) => match[1]);
    const durations = buckets("storage_write_requests_duration_seconds");
    expect([durations[0], durations.at(-2)]).toEqual(["0.00005", "10"]);
    const sizes = buckets("storage_write_requests_bytes");
    expect([sizes[0], sizes.at(-2), sizes.length]).toEqual(["256", "262144", 12]);
  });

  test("a call counts once, under its kind, as an error only when the node is at fault", async () => {
    const fixture = new Fixture();
    const { rpcObserver } = fixture.telemetry;
    const endings: [StatusName, boolean][] = [
      ["OK", false],
      ["OK", false],
      ["INVALID_ARGUMENT", false],
      ["RESOURCE_EXHAUSTED", false],
      ["RESOURCE_EXHAUSTED", true],
    ];
    for (const [status, isOwnFault] of endings) {
      rpcObserver.callFinished({ method: "Write", status, isOwnFault, durationMs: 2, valueBytes: 300 });
    }
    const healthCheck = { method: "HealthCheck", status: "OK", isOwnFault: false } as const;
    rpcObserver.callFinished({ ...healthCheck, durationMs: 1, valueBytes: 0 });
    expect(await fixture.value("storage_write_requests_total", 'error="false"')).toBe(4);
    expect(await fixture.value("storage_write_requests_total", 'error="true"')).toBe(1);
    expect(await fixture.value("storage_read_requests_total", 'error="false"')).toBe(0);
    expect(await fixture.value("storage_write_requests_duration_seconds_sum")).toBeCloseTo(0.01);
    expect(await fixture.value("storage_write_requests_bytes_bucket", 'le="256"')).toBe(0);
    expect(await fixture.value("storage_write_requests_bytes_bucket", 'le="512"')).toBe(5);
    expect(await fixture.value("rpc_requests_total", 'method="HealthCheck",status="OK"')).toBe(1);
    expect(await fixture.value("rpc_requests_total", 'method="Write",status="INVALID_ARGUMENT"')).toBe(1);
  });

  test("the engine's events are counted", async () => {
    const fixture = new Fixture();
    const { engineObserver } = fixture.telemetry;
    engineObserver.commitLogAppended(7, 900, 1);
    engineObserver.commitLogSynced(4);
    engineObserver.flushFinished(10, 4096, 250);
    engineObserver.flushFailed(new StorageError("DISK_FULL", "no room"));
    engineObserver.writeStalled(30);
    engineObserver.viewAborted(1000, "old");
    engineObserver.cacheBudgetChanged("entries", 4096, {
      limitBytes: 100,
      usedBytes: 95,
      stalledShare: undefined,
    });
    engineObserver.corruptionFound(new StorageError("CORRUPTED_DATA", "bad", { file: "f", offset: 3 }));
    expect(await fixture.value("commitlog_appends_total")).toBe(7);
    expect(await fixture.value("commitlog_syncs_total")).toBe(1);
    expect(await fixture.value("commitlog_sync_duration_seconds_sum")).toBe(0.004);
    expect(await fixture.value("memtable_flushes_total")).toBe(1);
    expect(await fixture.value("memtable_flush_failures_total")).toBe(1);
    expect(await fixture.value("sstable_writes_total")).toBe(1);
    expect(await fixture.value("sstable_written_bytes_total")).toBe(4096);
    expect(await fixture.value("memtable_write_stall_seconds_count")).toBe(1);
    expect(await fixture.value("views_aborted_total")).toBe(1);
    expect(await fixture.value("cache_budget_changes_total")).toBe(1);
    expect(await fixture.value("storage_corruptions_total")).toBe(1);
    expect(await fixture.value("storage_writing_stopped")).toBe(0);
    engineObserver.writingStopped(new StorageError("COMMIT_LOG_FAILED", "EIO"));
    expect(await fixture.value("storage_writing_stopped")).toBe(1);
    expect(fixture.lines.find((line) => line["msg"] === "corruption found")).toMatchObject({
      file: "f",
      offset: 3,
    });
  });

  test("the node's decisions are counted, and no key is logged", async () => {
    const fixture = new Fixture();
    const { nodeObserver } = fixture.telemetry;
    nodeObserver.staleWrite("tenant", "secret");
    nodeObserver.equalClockConflict("tenant", "secret", "held");
    nodeObserver.siblingStored("tenant", "secret", 2);
    nodeObserver.siblingsDropped("tenant", "secret", 3);
    nodeObserver.diskStateChanged("full", 0.97);
    expect(await fixture.value("storage_stale_writes_total")).toBe(1);
    expect(await fixture.value("storage_equal_clock_conflicts_total")).toBe(1);
    expect(await fixture.value("storage_siblings_total")).toBe(1);
    expect(await fixture.value("storage_siblings_dropped_total")).toBe(3);
    expect(JSON.stringify(fixture.lines)).not.toContain("secret");
    expect(fixture.lines.at(-1)).toMatchObject({ level: "error", state: "full", used_percent: 97 });
  });

  test("a slow call is counted, logged without its key, and kept", async () => {
    const fixture = new Fixture();
    const { telemetry } = fixture;
    const subject = { tenantId: "tenant", keyHash: "00ff", key: "secret" };
    const identity = {
      kind: "anonymous",
      name: "anonymous",
      scopes: new Set<never>(),
      tenants: undefined,
    } as const;
    const finished = {
      method: "Read",
      status: "OK",
      isOwnFault: false,
      durationMs: 1500,
      valueBytes: 3,
    } as const;
    const call = { ...finished, requestId: "id", identity, address: "::1", subject };
    telemetry.rpcObserver.callWasSlow(call);
    expect(fixture.lines.at(-1)).toMatchObject({ msg: "slow call", key: "secret", key_hash: "00ff" });
    fixture.logger.level = "info";
    telemetry.rpcObserver.callWasSlow(call);
    expect(fixture.lines.at(-1)).toMatchObject({ request_id: "id", tenant: "tenant", duration_ms: 1500 });
    expect(JSON.stringify(fixture.lines.at(-1))).not.toContain("secret");
    expect(telemetry.rpcObserver.slowCalls()).toHaveLength(2);
    expect(JSON.stringify(telemetry.rpcObserver.slowCalls())).not.toContain("secret");
    expect(await fixture.value("rpc_slow_calls_total", 'method="Read"')).toBe(2);
    for (let count = 0; count < 100; count++) telemetry.rpcObserver.callWasSlow(call);
    expect(telemetry.rpcObserver.slowCalls()).toHaveLength(100);
  });

  test("gauges are read at the scrape, those of the engine once it is open", async () => {
    const fixture = new Fixture();
    expect(await fixture.value("memtable_size_bytes")).toBe(0);
    expect(await fixture.value("sstable_count_by_level", 'level="1"')).toBeUndefined();
    fixture.observe();
    expect(await fixture.value("memtable_size_bytes")).toBe(100);
    expect(await fixture.value("sstable_count_by_level", 'level="1"')).toBe(3);
    fixture.status = { ...status, activeMemtableBytes: 200 };
    expect(await fixture.value("memtable_size_bytes")).toBe(200);
    expect(await fixture.value("system_disk_usage_bytes")).toBe(750);
    expect(await fixture.value("system_disk_usage_percent")).toBe(75);
    expect(await fixture.value("system_memory_usage_bytes")).toBe(7000);
    expect(await fixture.value("system_mapped_resident_bytes")).toBe(500);
    expect(await fixture.value("system_threads")).toBe(9);
    expect(await fixture.value("system_memory_limit_bytes")).toBe(90_000);
    expect(await fixture.value("system_memory_limit_used_bytes")).toBe(40_000);
    expect(await fixture.value("system_memory_stalled_share")).toBe(0.25);
    expect(await fixture.value("system_open_file_descriptors")).toBe(40);
    expect(await fixture.value("system_file_descriptor_limit")).toBe(1000);
    expect(await fixture.value("system_cpu_seconds_total")).toBe(1.5);
    expect(await fixture.value("compaction_debt_bytes")).toBe(4096);
    expect(await fixture.value("commitlog_waiting_entries")).toBe(1);
    expect(await fixture.value("build_info", 'version="1.2.3"')).toBe(1);
  });

  test("the event loop's lag is the longest delay of a timer in 30 seconds, whoever asks", async () => {
    let monotonicMs = 0;
    let fire: (lateMs: number) => void = () => undefined;
    const clock: Clock = {
      nowMs: () => 0,
      monotonicMs: () => monotonicMs,
      after(delayMs, callback) {
        fire = (lateMs) => {
          monotonicMs += delayMs + lateMs;
          callback();
        };
        return { cancel: () => undefined };
      },
    };
    const fixture = new Fixture(clock);
    fire(80);
    fire(5);
    expect(await fixture.value("system_event_loop_lag_seconds")).toBe(0.08);
    fire(5);
    expect(await fixture.value("system_event_loop_lag_seconds")).toBe(0.08);
    for (let count = 0; count < 300; count++) fire(5);
    expect(await fixture.value("system_event_loop_lag_seconds")).toBe(0.005);
  });

  test("nothing keeps running after the end", () => {
    const clock = new ManualClock();
    const { telemetry } = new Fixture(clock);
    clock.advance(10_000);
    telemetry.stop();
    expect(clock.pendingTimerCount).toBe(0);
  });
});

describe("health", () => {
  test("a node that starts is alive and not ready, and says how far it is", () => {
    const { telemetry } = new Fixture();
    expect(telemetry.health.readiness()).toEqual({
      ready: false,
      reasons: ["the node is starting: starting, 0 %"],
      phase: "starting",
      percent: 0,
    });
    telemetry.engineObserver.recoveryProgress("commit log", 40);
    expect(telemetry.health.readiness()).toMatchObject({ ready: false, phase: "commit log", percent: 40 });
    expect(telemetry.health.health().status).toBe("healthy");
  });

  test("ready while it serves, until it stops", () => {
    const { telemetry } = new Fixture().observe();
    expect(telemetry.health.readiness().ready).toBe(false);
    telemetry.health.serving();
    expect(telemetry.health.readiness()).toEqual({
      ready: true,
      reasons: [],
      phase: "serving",
      percent: 100,
    });
    expect(telemetry.health.health()).toMatchObject({
      status: "healthy",
      reasons: [],
      metrics: { phase: "serving", store_id: "store", table_count: "5", damage_count: "0" },
    });
    telemetry.health.stopping();
    expect(telemetry.health.readiness()).toMatchObject({ ready: false, reasons: ["the node is stopping"] });
  });

  const damage = { file: "f", offset: 0, lengthBytes: 1, message: "3 records of f", foundAtMs: 0 };

  test.each<[string, DiskState, Partial<EngineStatus>, string, boolean, string]>([
    ["a disk that fills up", "warning", {}, "healthy", true, ""],
    ["a throttled disk", "throttled", {}, "degraded", true, "large writes are refused"],
    ["a full disk", "full", {}, "unhealthy", false, "all writes are refused"],
    ["draining", "ok", { isDraining: true }, "degraded", false, "it takes no writes"],
    ["lost data", "ok", { damage: [damage] }, "degraded", true, "data was lost: 3 records of f"],
    [
      "stopped writing",
      "ok",
      { writingStopped: new Error("EIO") },
      "unhealthy",
      false,
      "writing has stopped: EIO",
    ],
  ])("%s", (_name, diskState, change, health, ready, reason) => {
    const fixture = new Fixture().observe();
    fixture.telemetry.health.serving();
    fixture.diskState = diskState;
    fixture.status = { ...status, ...change };
    const report = fixture.telemetry.health.health();
    expect(report.status).toBe(health as "healthy");
    expect(report.reasons.join()).toContain(reason);
    expect(fixture.telemetry.health.readiness().ready).toBe(ready);
  });
});

describe("health checks", () => {
  test("what one finds is degraded health, a metric and a line of the log, until it finds nothing", async () => {
    const clock = new ManualClock();
    const fixture = new Fixture(clock).observe();
    fixture.telemetry.health.serving();
    fixture.telemetry.engineObserver.corruptionFound(new StorageError("CORRUPTED_DATA", "bad"));
    fixture.status = { ...status, compactionDebtBytes: 2e9 };
    clock.advance(healthSettings.intervalMs);
    await settled();
    const { checks, ...report } = fixture.telemetry.health.health();
    expect(report).toMatchObject({ status: "degraded", metrics: { "check.compaction": "degraded" } });
    expect(report.reasons).toEqual([
      expect.stringContaining("compactions are behind"),
      expect.stringContaining("corruption was found 1 times"),
    ]);
    const found = checks.filter((check) => check.status === "degraded").map(({ name }) => name);
    expect(found).toEqual(["compaction", "corruption"]);
    expect(fixture.telemetry.health.readiness().ready).toBe(true);
    expect(await fixture.value("health_status")).toBe(1);
    expect(await fixture.value("health_check_status", 'check="compaction"')).toBe(1);
    expect(await fixture.value("health_check_status", 'check="memory"')).toBe(0);
    fixture.status = status;
    clock.advance(healthSettings.intervalMs);
    await settled();
    expect(await fixture.value("health_check_status", 'check="compaction"')).toBe(0);
    const told = fixture.lines.filter((line) => line["check"] === "compaction");
    expect(told.map(({ level }) => level)).toEqual(["warn", "info"]);
  });

  test("a directory that cannot be written to makes the node unhealthy and not ready", async () => {
    const clock = new ManualClock();
    const fixture = new Fixture(clock).observe();
    fixture.telemetry.health.serving();
    fixture.files.injector = () => "EROFS";
    clock.advance(healthSettings.writeIntervalMs);
    await settled();
    expect(fixture.telemetry.health.health().status).toBe("unhealthy");
    expect(fixture.telemetry.health.readiness()).toMatchObject({
      ready: false,
      reasons: [expect.stringContaining("no file can be written in /data")],
    });
    expect(await fixture.value("health_ready")).toBe(0);
    fixture.files.injector = () => undefined;
    clock.advance(healthSettings.writeIntervalMs);
    await settled();
    expect(fixture.telemetry.health.readiness().ready).toBe(true);
    expect(fixture.files.list("/data")).toEqual([]);
  });
});

/** What waits for promises alone has come to its end. */
function settled(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

describe("process status", () => {
  test("counts anonymous and shared pages, and mapped ones apart", () => {
    const text = "Name:\tbun\nRssAnon:\t    100 kB\nRssFile:\t  30 kB\nRssShmem:\t 7 kB\nThreads:\t12\n";
    expect(parseProcessStatus(text)).toEqual({
      memoryBytes: 107 * 1024,
      mappedResidentBytes: 30 * 1024,
      threadCount: 12,
    });
  });

  test("the limit of open files is the soft one; none is 0", () => {
    const row = (soft: string) =>
      `Limit  Soft Limit  Hard Limit  Units\nMax open files  ${soft}  4096  files\n`;
    expect([row("1024"), row("unlimited"), ""].map(parseOpenFileLimit)).toEqual([1024, 0, 0]);
  });

  test("this process has some", () => {
    const status = readProcessStatus();
    expect(status.memoryBytes).toBeGreaterThan(1024 * 1024);
    expect(status.threadCount).toBeGreaterThan(0);
    expect(status.openFileCount).toBeGreaterThan(2);
  });
});
