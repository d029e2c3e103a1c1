/** The figures that a node tells the ring: rates are those since the last reading. */

import type { Clock } from "../platform/clock.ts";
import type { FileSystemUsage } from "../platform/file-system.ts";
import type { MemoryStatus } from "../platform/memory-status.ts";
import type { ProcessStatus } from "../platform/process-status.ts";
import type { CallCounts } from "../rpc/admin/sources.ts";
import type { CacheCounts } from "../telemetry/telemetry.ts";
import type { NodeFigures } from "./announcement.ts";

export interface FigureSources {
  readonly clock: Clock;
  readonly cpuTimeMs: () => number;
  readonly processStatus: () => ProcessStatus;
  readonly memoryStatus: () => MemoryStatus | undefined;
  readonly diskUsage: () => FileSystemUsage;
  readonly calls: () => readonly CallCounts[];
  readonly cacheCounts: () => CacheCounts;
}

interface Totals {
  readonly atMs: number;
  readonly cpuTimeMs: number;
  readonly callCount: number;
  readonly failureCount: number;
}

export class FigureSource {
  readonly #sources: FigureSources;
  #last: Totals;

  constructor(sources: FigureSources) {
    this.#sources = sources;
    this.#last = this.#totals();
  }

  read(): NodeFigures {
    const { processStatus, memoryStatus, diskUsage, cacheCounts } = this.#sources;
    const before = this.#last;
    const now = this.#totals();
    this.#last = now;
    const elapsedMs = now.atMs - before.atMs;
    const callCount = now.callCount - before.callCount;
    const { totalBytes, availableBytes } = diskUsage();
    const { hits, misses } = cacheCounts();
    return {
      cpuShare: share(now.cpuTimeMs - before.cpuTimeMs, elapsedMs),
      memoryShare: share(processStatus().memoryBytes, memoryStatus()?.limitBytes ?? 0),
      diskShare: share(totalBytes - availableBytes, totalBytes),
      requestsPerSecond: 1000 * share(callCount, elapsedMs),
      errorShare: share(now.failureCount - before.failureCount, callCount),
      cacheHitShare: share(hits, hits + misses),
    };
  }

  #totals(): Totals {
    const { clock, cpuTimeMs, calls } = this.#sources;
    const all = calls();
    return {
      atMs: clock.monotonicMs(),
      cpuTimeMs: cpuTimeMs(),
      callCount: all.reduce((sum, call) => sum + call.callCount, 0),
      failureCount: all.reduce((sum, call) => sum + call.failureCount, 0),
    };
  }
}

function share(part: number, whole: number): number {
  return whole > 0 ? part / whole : 0;
}
