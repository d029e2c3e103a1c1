/** What the admin service tells of the process around the store, from where it is known. */
import { version } from "../base/version.ts";
import { hostsOf, isExposed } from "../config/exposure.ts";
import type { Configuration } from "../config/resolve.ts";
import { settingsInForce } from "../config/settings-in-force.ts";
import type { DiskState } from "../node/disk-guard.ts";
import type { Clock } from "../platform/clock.ts";
import type { FileSystemUsage } from "../platform/file-system.ts";
import type { MemoryStatus } from "../platform/memory-status.ts";
import type { ProcessStatus } from "../platform/process-status.ts";
import type { AdminSources } from "../rpc/admin/sources.ts";
import type { NodeLog } from "../telemetry/node-log.ts";
import type { Telemetry } from "../telemetry/telemetry.ts";

export interface AdminSourcesOptions {
  readonly configuration: Configuration;
  readonly telemetry: Telemetry;
  readonly logger: NodeLog;
  readonly clock: Clock;
  readonly processStatus: () => ProcessStatus;
  readonly memoryStatus: () => MemoryStatus | undefined;
  readonly diskUsage: () => FileSystemUsage;
}

/** The node counts as started now. */
export function adminSources(options: AdminSourcesOptions): AdminSources {
  const { configuration, telemetry, logger, clock } = options;
  const startedMonotonicMs = clock.monotonicMs();
  return {
    nodeId: configuration.server.node_id,
    version,
    startedAtMs: clock.nowMs(),
    uptimeMs: () => clock.monotonicMs() - startedMonotonicMs,
    health: () => {
      const { status, reasons } = telemetry.health.health();
      const { ready, reasons: notReadyReasons, phase } = telemetry.health.readiness();
      return { status, reasons, isReady: ready, notReadyReasons, phase };
    },
    process: () => ({ ...options.processStatus(), memoryLimitBytes: options.memoryStatus()?.limitBytes }),
    disk: () => ({ ...options.diskUsage(), state: telemetry.diskState() ?? ("ok" satisfies DiskState) }),
    longestLagMs: (withinMs) => telemetry.longestLagMs(withinMs),
    calls: () => telemetry.rpcObserver.calls(),
    access: {
      authMode: configuration.auth.mode ?? "none",
      hasTls: configuration.tls.cert_file !== undefined,
      isOnNetwork: isExposed(hostsOf(configuration)),
      anonymousScopes: configuration.auth.anonymous_scopes,
    },
    ring: () => telemetry.gossipObserver.report(),
    memtableBytes: configuration.mem_table.max_size,
    settings: () => settingsInForce(configuration),
    slowCalls: () => telemetry.rpcObserver.slowCalls(),
    recentLines: logger.recent,
    log: logger,
  };
}
