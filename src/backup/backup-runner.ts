/** Backups of the store of a running node, one at a time, for whoever asks. */
import { messageOf, StorageError } from "../base/errors.ts";
import { type BackedUpStore, backUpStore } from "./back-up-store.ts";
import { type BackupManifest, backupSizeBytes } from "./backup-manifest.ts";
import type { BackupEnvironment, BackupProgress, CreatedBackup } from "./create.ts";
import type { BackupTarget } from "./target.ts";

export interface RunningBackup {
  readonly done: Promise<CreatedBackup>;
  progress(): BackupProgress;
}

export interface BackupControl {
  /** A backup, which goes on whoever listens. Throws INVALID_ARGUMENT without a target, ABORTED while another one runs. */
  start(): RunningBackup;
}

export interface BackupObserver {
  backupMade(backup: BackupManifest, sizeBytes: number, sentBytes: number, durationMs: number): void;
  backupFailed(reason: string): void;
}

export interface BackupRunnerOptions {
  /** `undefined`: the node makes no backups. */
  readonly target: BackupTarget | undefined;
  /** For the checkpoint of a backup, and nothing else. */
  readonly stagingDirectory: string;
  readonly observer: BackupObserver;
}

const nothingDone: BackupProgress = { totalBytes: 0, doneBytes: 0, sentBytes: 0 };

export class BackupRunner implements BackupControl {
  readonly #environment: BackupEnvironment;
  readonly #store: BackedUpStore;
  readonly #options: BackupRunnerOptions;
  #running: Promise<unknown> | undefined;
  #isStopped = false;

  constructor(environment: BackupEnvironment, store: BackedUpStore, options: BackupRunnerOptions) {
    this.#environment = environment;
    this.#store = store;
    this.#options = options;
  }

  start(): RunningBackup {
    const { target } = this.#options;
    if (target === undefined) {
      throw new StorageError("INVALID_ARGUMENT", "backup.target is not set: this node makes no backups");
    }
    if (this.#running !== undefined) {
      throw new StorageError("ABORTED", "a backup is under way: wait for its end, or try again then");
    }
    this.#assertRunning();
    let progress = nothingDone;
    const done = this.#run(target, (step) => {
      // Between two pieces: whatever was begun is given up as after any other failure.
      this.#assertRunning();
      progress = step;
    });
    this.#running = done.catch(() => undefined).finally(() => (this.#running = undefined));
    return { done, progress: () => progress };
  }

  /** Gives up the backup that is under way; resolves when it has let go of the store. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#running;
  }

  async #run(target: BackupTarget, onProgress: (step: BackupProgress) => void): Promise<CreatedBackup> {
    const { stagingDirectory, observer } = this.#options;
    const { clock } = this.#environment;
    const startedAtMs = clock.monotonicMs();
    try {
      const created = await backUpStore(this.#environment, this.#store, target, stagingDirectory, onProgress);
      const { manifest, sentBytes } = created;
      observer.backupMade(manifest, backupSizeBytes(manifest), sentBytes, clock.monotonicMs() - startedAtMs);
      return created;
    } catch (error) {
      observer.backupFailed(messageOf(error));
      throw error;
    }
  }

  #assertRunning(): void {
    if (this.#isStopped)
      throw new StorageError("UNAVAILABLE", "the node is stopping; the backup was given up");
  }
}
