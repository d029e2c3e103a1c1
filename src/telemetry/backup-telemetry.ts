/** Backups as metrics and log lines. */
import type { BackupManifest } from "../backup/backup-manifest.ts";
import type { BackupObserver } from "../backup/backup-runner.ts";
import type { Instruments } from "./instruments.ts";
import type { Logger } from "./logger.ts";

export class BackupTelemetry implements BackupObserver {
  readonly #logger: Logger;
  readonly #backups;
  readonly #sentBytes;
  readonly #lastSuccess;

  constructor(instruments: Instruments, logger: Logger) {
    this.#logger = logger;
    this.#backups = instruments.counter("storage_backups_total", "Backups, by how they ended", ["status"]);
    this.#sentBytes = instruments.counter(
      "storage_backup_bytes_sent_total",
      "Bytes that backups have sent to their target",
    );
    this.#lastSuccess = instruments.gauge(
      "storage_backup_last_success_timestamp_seconds",
      "When the newest backup of this run of the node was made; 0 before the first",
    );
    this.#backups.inc({ status: "success" }, 0);
    this.#backups.inc({ status: "failure" }, 0);
  }

  backupMade(backup: BackupManifest, sizeBytes: number, sentBytes: number, durationMs: number): void {
    this.#backups.inc({ status: "success" });
    this.#sentBytes.inc(sentBytes);
    this.#lastSuccess.set(backup.created_at_unix_ms / 1000);
    this.#logger.info("a backup was made", {
      id: backup.id,
      sequence: backup.sequence,
      size_bytes: sizeBytes,
      sent_bytes: sentBytes,
      duration_ms: Math.round(durationMs),
    });
  }

  backupFailed(reason: string): void {
    this.#backups.inc({ status: "failure" });
    this.#logger.error("a backup failed", { reason });
  }
}
