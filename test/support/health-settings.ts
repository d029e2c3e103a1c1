import type { HealthSettings } from "../../src/telemetry/health/checks.ts";

export const healthSettings: HealthSettings = {
  intervalMs: 5000,
  writeIntervalMs: 30_000,
  maxMemoryShare: 0.9,
  maxFileDescriptorShare: 0.8,
  maxEventLoopLagMs: 1000,
  maxSyncMs: 1000,
  maxCompactionDebtBytes: 1e9,
  maxLevel0TableCount: 16,
  isolatedAfterMs: 20_000,
};
