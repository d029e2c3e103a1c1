/** The process and its disk, as metrics; asked for at each scrape. */
import type { Clock } from "../platform/clock.ts";
import type { FileSystemUsage } from "../platform/file-system.ts";
import type { MemoryStatus } from "../platform/memory-status.ts";
import type { ProcessStatus } from "../platform/process-status.ts";
import type { Instruments } from "./instruments.ts";
import { LagProbe } from "./lag-probe.ts";

export interface SystemSources {
  readonly clock: Clock;
  readonly processStatus: () => ProcessStatus;
  readonly memoryStatus: () => MemoryStatus | undefined;
  /** Time that processors spent on the process. */
  readonly cpuTimeMs: () => number;
  /** Usage of the file system that holds the data; throws while there is none. */
  readonly diskUsage: () => FileSystemUsage;
}

/** So that a scrape every 30 seconds misses none, and several scrapers see the same. */
const toldLagMs = 30_000;

export class SystemTelemetry {
  readonly lag: LagProbe;

  constructor(instruments: Instruments, sources: SystemSources) {
    this.lag = new LagProbe(sources.clock);
    const disk = (name: string, help: string, figure: (usage: FileSystemUsage) => number): void => {
      instruments.gauge(`system_disk_${name}`, help, (gauge) => {
        const usage = diskUsage(sources);
        if (usage !== undefined) gauge.set(figure(usage));
      });
    };
    disk("usage_bytes", "Bytes in use on the file system of the data", usedBytes);
    disk("available_bytes", "Bytes that may still be written", (usage) => usage.availableBytes);
    disk("usage_percent", "Share of the file system in use", (usage) =>
      usage.totalBytes === 0 ? 0 : (100 * usedBytes(usage)) / usage.totalBytes,
    );
    const process = (name: string, help: string, figure: (status: ProcessStatus) => number): void => {
      instruments.gauge(`system_${name}`, help, (gauge) => gauge.set(figure(sources.processStatus())));
    };
    process(
      "memory_usage_bytes",
      "Memory of the process without mapped files",
      (status) => status.memoryBytes,
    );
    process(
      "mapped_resident_bytes",
      "Pages of mapped files that are in memory",
      (status) => status.mappedResidentBytes,
    );
    const memory = (
      name: string,
      help: string,
      figure: (status: MemoryStatus) => number | undefined,
    ): void => {
      instruments.gauge(`system_memory_${name}`, help, (gauge) => {
        const status = sources.memoryStatus();
        const value = status === undefined ? undefined : figure(status);
        if (value !== undefined) gauge.set(value);
      });
    };
    memory("limit_bytes", "Memory of the control group or machine", (status) => status.limitBytes);
    memory(
      "limit_used_bytes",
      "Memory in use there that is no page of a file: what the cache shrinks for",
      (status) => status.usedBytes,
    );
    memory(
      "stalled_share",
      "Share of the last ten seconds in which everybody waited for memory",
      (status) => status.stalledShare,
    );
    process("threads", "Threads of the process", (status) => status.threadCount);
    process("open_file_descriptors", "Files and sockets that are open", (status) => status.openFileCount);
    process(
      "file_descriptor_limit",
      "Files and sockets that the process may have open",
      (status) => status.openFileLimit,
    );
    instruments.keptCounter(
      "system_cpu_seconds_total",
      "Time that processors spent on the process",
      () => sources.cpuTimeMs() / 1000,
    );
    instruments.gauge(
      "system_event_loop_lag_seconds",
      "Longest delay of the main thread in the last 30 seconds",
      (gauge) => gauge.set(this.lag.longestMs(toldLagMs) / 1000),
    );
  }
}

function usedBytes(usage: FileSystemUsage): number {
  return usage.totalBytes - usage.availableBytes;
}

/** Before the data directory exists there is nothing to tell. */
function diskUsage(sources: SystemSources): FileSystemUsage | undefined {
  try {
    return sources.diskUsage();
  } catch {
    return undefined;
  }
}
