/** What the node's health is measured by, as its configuration says. */
import type { Configuration } from "../config/resolve.ts";
import type { HealthSettings } from "../telemetry/health/checks.ts";

/** Between where level 0 begins to slow writers, at twice its trigger, and where it stops them. */
const level0Share = 4;

export function healthSettings({ health, compaction }: Configuration): HealthSettings {
  return {
    intervalMs: health.interval,
    writeIntervalMs: health.write_interval,
    maxMemoryShare: health.max_memory_share,
    maxFileDescriptorShare: health.max_file_descriptor_share,
    maxEventLoopLagMs: health.max_event_loop_lag,
    maxSyncMs: health.max_sync_time,
    maxCompactionDebtBytes: health.max_compaction_debt,
    maxLevel0TableCount: level0Share * compaction.l0_trigger,
    isolatedAfterMs: health.isolated_after,
  };
}

/** Each once. */
export function storeDirectories({
  data_dir,
  commit_log_dir,
  sstable_dir,
}: Configuration["storage"]): string[] {
  return [...new Set([data_dir, commit_log_dir, sstable_dir])];
}
