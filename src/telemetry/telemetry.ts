/** Everything that tells the outside about the node, wired together. */
import type { EngineStatus } from "../engine/status.ts";
import type { DiskState } from "../node/disk-guard.ts";
import type { LoadStatus } from "../rpc/observer.ts";
import { BackupTelemetry } from "./backup-telemetry.ts";
import { registerEngineGauges } from "./engine-gauges.ts";
import { EngineTelemetry } from "./engine-telemetry.ts";
import { GossipTelemetry } from "./gossip-telemetry.ts";
import { type HealthSettings, type HealthSources, nodeChecks } from "./health/checks.ts";
import { HealthChecker } from "./health/health-checker.ts";
import { registerHealthGauges } from "./health/health-gauges.ts";
import type { CheckReport, MetricsText } from "./health/health-types.ts";
import { NodeHealth } from "./health/node-health.ts";
import { Http2Telemetry } from "./http2-telemetry.ts";
import { Instruments } from "./instruments.ts";
import { registerLoadGauges } from "./load-gauges.ts";
import type { Logger } from "./logger.ts";
import { NodeTelemetry } from "./node-telemetry.ts";
import { RpcTelemetry } from "./rpc-telemetry.ts";
import { StreamTelemetry } from "./stream-telemetry.ts";
import { type SystemSources, SystemTelemetry } from "./system-telemetry.ts";

export interface TelemetryOptions extends SystemSources {
  readonly nodeId: string;
  readonly version: string;
  readonly logger: Logger;
}

/** Look-ups since the start that the cache answered, and those that it did not. */
export interface CacheCounts {
  readonly hits: number;
  readonly misses: number;
}

/** What became of spans since the start; whoever sends them counts. */
export interface SpanCounts {
  exported: number;
  /** The collector did not take them. */
  failed: number;
  /** Too many were waiting for it. */
  dropped: number;
}

/** The node once its store is open. */
export interface ObservedNode extends Pick<HealthSources, "files" | "directories" | "engineStatus"> {
  readonly healthSettings: HealthSettings;
  readonly diskState: () => DiskState;
  readonly load: () => LoadStatus;
}

export class Telemetry {
  readonly health = new NodeHealth();
  readonly engineObserver: EngineTelemetry;
  readonly nodeObserver: NodeTelemetry;
  readonly rpcObserver: RpcTelemetry;
  readonly http2Observer: Http2Telemetry;
  readonly gossipObserver: GossipTelemetry;
  readonly streamObserver: StreamTelemetry;
  readonly spanCounts: SpanCounts = { exported: 0, failed: 0, dropped: 0 };
  readonly #options: TelemetryOptions;
  readonly backupObserver: BackupTelemetry;
  readonly #instruments: Instruments;
  readonly #system: SystemTelemetry;
  #certificateEndMs: number | undefined;
  #node: ObservedNode | undefined;
  #checker: HealthChecker | undefined;
  /** One for all gauges of a scrape, so that they fit together. */
  #scraped: EngineStatus | undefined;

  constructor(options: TelemetryOptions) {
    const { nodeId, version, logger } = options;
    this.#options = options;
    this.#instruments = new Instruments(nodeId);
    this.engineObserver = new EngineTelemetry(this.#instruments, logger, (phase, percent) =>
      this.health.recovering(phase, percent),
    );
    this.nodeObserver = new NodeTelemetry(this.#instruments, logger);
    this.rpcObserver = new RpcTelemetry(this.#instruments, logger, options.clock);
    this.http2Observer = new Http2Telemetry(this.#instruments, logger);
    this.gossipObserver = new GossipTelemetry(this.#instruments, logger, options.clock);
    this.backupObserver = new BackupTelemetry(this.#instruments, logger);
    this.streamObserver = new StreamTelemetry(this.#instruments, logger);
    this.#system = new SystemTelemetry(this.#instruments, options);
    registerEngineGauges(this.#instruments, () => this.#scraped);
    this.#instruments.gauge(
      "tls_certificate_end_seconds",
      "When the certificate in force ends, since the Unix epoch",
      (gauge) => {
        if (this.#certificateEndMs !== undefined) gauge.set(this.#certificateEndMs / 1000);
      },
    );
    registerHealthGauges(this.#instruments, this.health);
    this.#instruments.keptCounterByLabel(
      "tracing_spans_total",
      "Spans, by what became of them",
      "outcome",
      () => Object.entries(this.spanCounts),
    );
    registerLoadGauges(this.#instruments, () => this.#node?.load());
    this.#instruments
      .gauge("build_info", "Always 1, labelled with the version", undefined, ["version"])
      .set({ version }, 1);
  }

  /** The store is open: its gauges and its health are told from now on. */
  observe(node: ObservedNode): void {
    this.#node = node;
    const sources = {
      ...this.#options,
      ...node,
      longestLagMs: (withinMs: number) => this.longestLagMs(withinMs),
      corruptionCount: () => this.engineObserver.corruptionCount,
      otherMembers: () => this.gossipObserver.otherMembers(),
    };
    const checks = nodeChecks(sources, node.healthSettings);
    this.#checker = new HealthChecker(this.#options.clock, checks, (report) => this.#tellOfCheck(report));
    const condition = {
      diskState: node.diskState,
      damage: () => node.engineStatus().damage.map((damage) => damage.message),
      writingStopped: () => node.engineStatus().writingStopped?.message,
      isDraining: () => node.engineStatus().isDraining,
      figures: () => figures(node.engineStatus()),
    };
    this.health.observe(condition, this.#checker);
  }

  #tellOfCheck({ name, status, reason }: CheckReport): void {
    const { logger } = this.#options;
    if (status === "healthy") logger.info("a health check finds nothing any more", { check: name });
    else logger.warn("a health check found something", { check: name, status, reason });
  }

  /** When the certificate in force does, in milliseconds since the Unix epoch. */
  certificateEnds(endMs: number): void {
    this.#certificateEndMs = endMs;
  }

  async metricsText(): Promise<MetricsText> {
    const { registry } = this.#instruments;
    this.#scraped = this.#node?.engineStatus();
    return { contentType: registry.contentType, body: await registry.metrics() };
  }

  /** Undefined before the store is open. */
  diskState(): DiskState | undefined {
    return this.#node?.diskState();
  }

  /** Both 0 before the store is open. */
  cacheCounts(): CacheCounts {
    return this.#node?.engineStatus().cache ?? { hits: 0, misses: 0 };
  }

  /** The longest delay of the main thread in about this time up to now, a minute at most. */
  longestLagMs(withinMs: number): number {
    return this.#system.lag.longestMs(withinMs);
  }

  /** Lets `listener`, and nobody else, hear every tenth of a second how late the main thread is. */
  onLag(listener: (lagMs: number) => void): void {
    this.#system.lag.listen(listener);
  }

  stop(): void {
    this.#checker?.stop();
    this.#system.lag.stop();
  }
}

/** What HealthCheck tells beside the status. */
function figures(status: EngineStatus): Record<string, string> {
  const tableCount = status.levels.reduce((sum, level) => sum + level.tableCount, 0);
  return {
    store_id: status.storeId,
    last_sequence: String(status.lastSequence),
    durable_sequence: String(status.durableSequence),
    memtable_bytes: String(status.activeMemtableBytes),
    table_count: String(tableCount),
    commit_log_bytes: String(status.commitLogBytes),
    damage_count: String(status.damage.length),
  };
}
