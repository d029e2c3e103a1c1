/**
 * How much of the memory that the process may take is taken, by whatever shares the limit with it.
 *
 * Pages of files do not count: the system takes them back when it needs room. There are up to two bounds, and the
 * tighter one is told:
 *
 *   control group, version 2   memory.max (of the group or one above it) and memory.stat
 *   control group, version 1   hierarchical_memory_limit of memory.stat, memory.kmem.usage_in_bytes
 *   machine                    MemTotal and MemAvailable of /proc/meminfo
 */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";

export interface MemoryStatus {
  readonly limitBytes: number;
  /** What cannot be had back from it by forgetting pages of files. */
  readonly usedBytes: number;
  /** Share of the last ten seconds in which everybody waited for memory; undefined where the system does not say. */
  readonly stalledShare: number | undefined;
}

type Bound = Omit<MemoryStatus, "stalledShare">;

/** The text of a file of the system; undefined where there is none. */
export type ReadSystemFile = (path: string) => string | undefined;

const groupRoot = "/sys/fs/cgroup";

/** Undefined where the system tells nothing, as outside Linux. */
export function readMemoryStatus(read: ReadSystemFile = readSystemFile): MemoryStatus | undefined {
  const groups = read("/proc/self/cgroup") ?? "";
  const directory = version2Directory(read, groups);
  const bounds = [
    directory === undefined ? undefined : version2Bound(read, directory),
    version1Bound(read, groups),
    machineBound(read),
  ].filter((bound) => bound !== undefined);
  if (bounds.length === 0) return undefined;
  const tightest = bounds.reduce((a, b) => (usedShare(b) > usedShare(a) ? b : a));
  return { ...tightest, stalledShare: stalledShare(read, directory) };
}

function usedShare({ usedBytes, limitBytes }: Bound): number {
  return usedBytes / limitBytes;
}

/** Inside a container the path may be one of the host's: then the container's own group is at the root. */
function version2Directory(read: ReadSystemFile, groups: string): string | undefined {
  const path = /^0::(\/.*)$/m.exec(groups)?.[1];
  if (path === undefined) return undefined;
  const directories = [join(groupRoot, path), groupRoot];
  return directories.find((directory) => read(join(directory, "memory.stat")) !== undefined);
}

/** The group with the tightest bound, of this one and those above it. */
function version2Bound(read: ReadSystemFile, directory: string): Bound | undefined {
  let tightest: Bound | undefined;
  for (let group = directory; group.startsWith(groupRoot); group = dirname(group)) {
    const limitBytes = Number(read(join(group, "memory.max")));
    const statistics = read(join(group, "memory.stat"));
    // "max" is no number.
    if (statistics === undefined || !(limitBytes > 0)) continue;
    const figure = (name: string) => lineOf(statistics, name);
    const usedBytes =
      figure("anon") + figure("shmem") + Math.max(0, kernelBytes(statistics) - figure("slab_reclaimable"));
    const bound = { limitBytes, usedBytes };
    if (tightest === undefined || usedShare(bound) > usedShare(tightest)) tightest = bound;
  }
  return tightest;
}

/** Older systems tell only the parts. */
function kernelBytes(statistics: string): number {
  const all = lineOf(statistics, "kernel");
  if (all > 0) return all;
  return ["slab", "kernel_stack", "pagetables", "percpu", "sock"].reduce(
    (sum, name) => sum + lineOf(statistics, name),
    0,
  );
}

function version1Bound(read: ReadSystemFile, groups: string): Bound | undefined {
  const path = /^\d+:(?:[^:\n]*,)?memory(?:,[^:\n]*)?:(\/.*)$/m.exec(groups)?.[1];
  if (path === undefined) return undefined;
  const root = join(groupRoot, "memory");
  for (const directory of [join(root, path), root]) {
    const statistics = read(join(directory, "memory.stat"));
    if (statistics === undefined) continue;
    const limitBytes = lineOf(statistics, "hierarchical_memory_limit");
    const machineBytes = machineBound(read)?.limitBytes ?? 2 ** 62;
    // Without a limit the file tells one that no machine has.
    if (limitBytes === 0 || limitBytes > machineBytes) return undefined;
    const kernel = Number(read(join(directory, "memory.kmem.usage_in_bytes")) ?? 0);
    const usedBytes = lineOf(statistics, "total_rss") + lineOf(statistics, "total_shmem") + kernel;
    return { limitBytes, usedBytes };
  }
  return undefined;
}

function machineBound(read: ReadSystemFile): Bound | undefined {
  const figures = read("/proc/meminfo");
  if (figures === undefined) return undefined;
  const limitBytes = 1024 * lineOf(figures, "MemTotal:");
  const availableBytes = 1024 * lineOf(figures, "MemAvailable:");
  return limitBytes === 0 ? undefined : { limitBytes, usedBytes: Math.max(0, limitBytes - availableBytes) };
}

/** Of the group where it tells, else of the machine: `full avg10=1.25 avg60=...`, in percent. */
function stalledShare(read: ReadSystemFile, directory: string | undefined): number | undefined {
  const ofGroup = directory === undefined ? undefined : read(join(directory, "memory.pressure"));
  const percent = /^full avg10=([\d.]+)/m.exec(ofGroup ?? read("/proc/pressure/memory") ?? "")?.[1];
  return percent === undefined ? undefined : Number(percent) / 100;
}

/** The figure behind a name at the beginning of a line; 0 where there is none. */
function lineOf(text: string, name: string): number {
  return Number(new RegExp(`^${name}\\s+(\\d+)`, "m").exec(text)?.[1] ?? 0);
}

export function readSystemFile(path: string): string | undefined {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return undefined;
  }
}
