/** What the operating system says about this process. */
import { readdirSync, readFileSync } from "node:fs";
import { totalmem } from "node:os";

export interface ProcessStatus {
  /** Memory that is the process's own: anonymous and shared pages, without mapped files. */
  readonly memoryBytes: number;
  /** Pages of mapped files that are in memory; the system takes them back when it needs room. */
  readonly mappedResidentBytes: number;
  readonly threadCount: number;
  /** Files and sockets that are open; 0 where that is not known. */
  readonly openFileCount: number;
  /** How many may be; 0 where that is not known or there is no bound. */
  readonly openFileLimit: number;
}

/** Memory that the process may take: its control group's limit, or what the machine has where that is less. */
export function memoryLimitBytes(): number {
  const limitBytes = process.constrainedMemory();
  return limitBytes > 0 ? Math.min(limitBytes, totalmem()) : totalmem();
}

/** Time that processors spent on this process, in milliseconds. */
export function cpuTimeMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** From Linux's /proc; elsewhere the resident set counts as the process's own. */
export function readProcessStatus(): ProcessStatus {
  try {
    return {
      ...parseProcessStatus(readFileSync("/proc/self/status", "latin1")),
      openFileCount: readdirSync("/proc/self/fd").length,
      openFileLimit: parseOpenFileLimit(readFileSync("/proc/self/limits", "latin1")),
    };
  } catch {
    const memoryBytes = process.memoryUsage.rss();
    return { memoryBytes, mappedResidentBytes: 0, threadCount: 1, openFileCount: 0, openFileLimit: 0 };
  }
}

type MemoryAndThreads = Omit<ProcessStatus, "openFileCount" | "openFileLimit">;

/** The soft limit, which is the one in force. */
export function parseOpenFileLimit(limits: string): number {
  return Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? 0);
}

/** Sizes in the file are in kB of 1,024 bytes. */
export function parseProcessStatus(status: string): MemoryAndThreads {
  const figure = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(status)?.[1] ?? 0);
  return {
    memoryBytes: (figure("RssAnon") + figure("RssShmem")) * 1024,
    mappedResidentBytes: figure("RssFile") * 1024,
    threadCount: figure("Threads"),
  };
}
