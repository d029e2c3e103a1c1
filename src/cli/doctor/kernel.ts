/** Settings of the kernel that make a node slow, or end it. */
import { type Finding, ok, problem, type Subject, warning } from "./finding.ts";

/** Maps of libraries, threads and the heap, beside those of tables. */
const furtherMapCount = 4096;
const mostSwappiness = 10;
const leastBacklog = 1024;

export function checkKernel({ environment, configuration }: Subject): Finding[] {
  const read = environment.readSystemFile;
  const figure = (path: string, judge: (value: number) => Finding): Finding[] => {
    const text = read(path);
    return text === undefined ? [] : [judge(Number(text))];
  };
  return [
    ...swap(read("/proc/swaps"), Number(read("/proc/sys/vm/swappiness") ?? 0)),
    ...figure("/proc/sys/vm/max_map_count", (count) => maps(count, configuration.sstable.max_open_tables)),
    ...figure("/proc/sys/vm/overcommit_memory", overcommit),
    ...figure("/proc/sys/net/core/somaxconn", backlog),
    ...hugePages(read("/sys/kernel/mm/transparent_hugepage/enabled")),
  ];
}

/** The first line of the list is its head. */
function swap(list: string | undefined, swappiness: number): Finding[] {
  if (list === undefined) return [];
  if (list.trim().split("\n").length < 2) return [ok("no swap")];
  const message = `there is swap, and vm.swappiness is ${swappiness}`;
  if (swappiness <= mostSwappiness) return [ok(message)];
  return [warning(`${message}: reads may wait for the disk`, "swapoff -a, or sysctl -w vm.swappiness=1")];
}

function maps(count: number, maxOpenTables: number): Finding {
  const needed = maxOpenTables + furtherMapCount;
  const message = `vm.max_map_count is ${count}`;
  if (count >= needed) return ok(message);
  return problem(
    `${message}; sstable.max_open_tables is ${maxOpenTables}, and each table is a map`,
    `sysctl -w vm.max_map_count=262144, or a smaller sstable.max_open_tables`,
  );
}

function overcommit(mode: number): Finding {
  const message = `vm.overcommit_memory is ${mode}`;
  if (mode !== 2) return ok(message);
  return warning(
    `${message}: the runtime reserves far more memory than it uses`,
    "sysctl -w vm.overcommit_memory=0",
  );
}

function backlog(count: number): Finding {
  const message = `net.core.somaxconn is ${count}`;
  if (count >= leastBacklog) return ok(message);
  return warning(`${message}: bursts of connections are refused`, "sysctl -w net.core.somaxconn=4096");
}

/** `always [madvise] never` */
function hugePages(text: string | undefined): Finding[] {
  const mode = /\[(\w+)\]/.exec(text ?? "")?.[1];
  if (mode === undefined) return [];
  const message = `transparent huge pages: ${mode}`;
  if (mode !== "always") return [ok(message)];
  const advice = "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled";
  return [warning(`${message}: memory grows beyond what is used, and pauses come`, advice)];
}
