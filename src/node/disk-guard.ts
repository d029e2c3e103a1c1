/**
 * Keeps a full disk from becoming a broken one: refuses writes before the file system has no room left.
 *
 *   usage below warning            ok          everything goes on
 *   from warning  (throttle - 0.1) warning     everything goes on; operators are told
 *   from throttle (maxDiskUsage)   throttled   writes over 64 KiB are refused, small ones go on
 *   from stop     (halfway to 1)   full        all writes are refused
 *
 * Reads and deletes never ask. The usage is looked up again when the last look is older than `probeIntervalMs`, so
 * the guard recovers by itself as space comes free.
 */
import { StorageError } from "../base/errors.ts";
import type { Clock } from "../platform/clock.ts";
import type { FileSystemUsage } from "../platform/file-system.ts";

export type DiskState = "ok" | "warning" | "throttled" | "full";

/** Writes of more than this are refused while the disk is throttled. */
export const largeWriteBytes = 64 * 1024;

const probeIntervalMs = 500;
const warningMargin = 0.1;

export interface DiskGuardOptions {
  /** The throttle threshold, as a share of the file system: 0 to 1. */
  readonly maxDiskUsage: number;
  readonly probe: () => FileSystemUsage;
  readonly clock: Clock;
  readonly onStateChange: (state: DiskState, usedShare: number) => void;
}

export class DiskGuard {
  readonly #options: DiskGuardOptions;
  readonly #warningShare: number;
  readonly #throttleShare: number;
  readonly #stopShare: number;
  #probedAtMs = Number.NEGATIVE_INFINITY;
  #usedShare = 0;
  #state: DiskState = "ok";

  constructor(options: DiskGuardOptions) {
    this.#options = options;
    this.#warningShare = exactShare(options.maxDiskUsage - warningMargin);
    this.#throttleShare = options.maxDiskUsage;
    this.#stopShare = exactShare((options.maxDiskUsage + 1) / 2);
  }

  /** The state as of the last half second. Throws INTERNAL when the usage cannot be told. */
  state(): DiskState {
    const nowMs = this.#options.clock.monotonicMs();
    if (nowMs - this.#probedAtMs >= probeIntervalMs) {
      this.#look();
      this.#probedAtMs = nowMs;
    }
    return this.#state;
  }

  /** Used share of the file system, 0 to 1, as of the last half second. */
  usedShare(): number {
    this.state();
    return this.#usedShare;
  }

  /** Throws DISK_FULL or DISK_THROTTLED when a write of a value of this size has to be refused. */
  check(valueBytes: number): void {
    const state = this.state();
    if (state === "full") throw this.#refusal("DISK_FULL", this.#stopShare, "all writes are refused");
    if (state === "throttled" && valueBytes > largeWriteBytes) {
      throw this.#refusal(
        "DISK_THROTTLED",
        this.#throttleShare,
        `writes over ${largeWriteBytes} bytes are refused, this one has ${valueBytes}`,
      );
    }
  }

  #look(): void {
    const usedShare = shareOf(readUsage(this.#options.probe));
    const state = this.#stateAt(usedShare);
    const changed = state !== this.#state;
    this.#usedShare = usedShare;
    this.#state = state;
    if (changed) this.#options.onStateChange(state, usedShare);
  }

  #stateAt(usedShare: number): DiskState {
    if (usedShare >= this.#stopShare) return "full";
    if (usedShare >= this.#throttleShare) return "throttled";
    return usedShare >= this.#warningShare ? "warning" : "ok";
  }

  #refusal(code: "DISK_FULL" | "DISK_THROTTLED", threshold: number, consequence: string): StorageError {
    const message =
      `the file system of the data is ${percent(this.#usedShare)} full; from ${percent(threshold)} on ` +
      `${consequence}; free space, or delete records`;
    return new StorageError(code, message, { details: { reason: "DISK_FULL" } });
  }
}

function readUsage(probe: () => FileSystemUsage): FileSystemUsage {
  try {
    return probe();
  } catch (cause) {
    throw new StorageError("INTERNAL", "cannot tell how full the file system of the data is", { cause });
  }
}

function shareOf(usage: FileSystemUsage): number {
  if (usage.totalBytes <= 0) return 0;
  return (usage.totalBytes - usage.availableBytes) / usage.totalBytes;
}

/** Rid of the errors of binary arithmetic: 0.8 - 0.1 is 0.7, so that a threshold is the share one reads. */
function exactShare(share: number): number {
  return Math.round(share * 1e9) / 1e9;
}

function percent(share: number): string {
  return `${Math.round(share * 1000) / 10} %`;
}
