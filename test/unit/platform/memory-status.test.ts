import { describe, expect, test } from "bun:test";
import { readMemoryStatus } from "../../../src/platform/memory-status.ts";

const mebibyte = 1 << 20;
/** 1,000 MiB, of which 400 are in use. */
const machine = "MemTotal:     1024000 kB\nMemFree:  10 kB\nMemAvailable:   614400 kB\nBuffers:  1 kB\n";

function statusOf(files: Readonly<Record<string, string>>) {
  return readMemoryStatus((path) => files[path]);
}

function statistics(figures: Readonly<Record<string, number>>): string {
  return Object.entries(figures)
    .map(([name, mebibytes]) => `${name} ${mebibytes * mebibyte}\n`)
    .join("");
}

const inMebibytes = (files: Readonly<Record<string, string>>) => {
  const status = statusOf(files);
  return status === undefined ? undefined : [status.usedBytes / mebibyte, status.limitBytes / mebibyte];
};

describe("machine", () => {
  test("what is not available is in use", () => {
    expect(inMebibytes({ "/proc/meminfo": machine })).toEqual([400, 1000]);
  });

  test("without any file nothing is known", () => {
    expect(statusOf({})).toBeUndefined();
    expect(statusOf({ "/proc/meminfo": "nothing of use" })).toBeUndefined();
  });
});

describe("control group, version 2", () => {
  const group = "/sys/fs/cgroup/system.slice/node.service";
  const stat = statistics({ anon: 80, file: 500, kernel: 30, shmem: 20, slab_reclaimable: 10, slab: 12 });
  const files = {
    "/proc/meminfo": machine,
    "/proc/self/cgroup": "0::/system.slice/node.service\n",
    [`${group}/memory.stat`]: stat,
    [`${group}/memory.max`]: `${200 * mebibyte}\n`,
  };

  test("pages of files, and what the kernel gives back by itself, do not count", () => {
    expect(inMebibytes(files)).toEqual([80 + 20 + 30 - 10, 200]);
  });

  test("older kernels tell the kernel's part in pieces", () => {
    const pieces = {
      anon: 80,
      slab: 12,
      slab_reclaimable: 10,
      kernel_stack: 3,
      pagetables: 4,
      percpu: 1,
      sock: 2,
    };
    expect(inMebibytes({ ...files, [`${group}/memory.stat`]: statistics(pieces) })).toEqual([80 + 12, 200]);
  });

  test("the bound of a group above may be the tighter one", () => {
    const above = "/sys/fs/cgroup/system.slice";
    const tighter = {
      ...files,
      [`${above}/memory.stat`]: statistics({ anon: 270 }),
      [`${above}/memory.max`]: `${300 * mebibyte}\n`,
    };
    expect(inMebibytes(tighter)).toEqual([270, 300]);
    expect(inMebibytes({ ...tighter, [`${above}/memory.max`]: "max\n" })).toEqual([120, 200]);
  });

  test("without a limit the machine's counts, and also where the machine has less left than the group", () => {
    expect(inMebibytes({ ...files, [`${group}/memory.max`]: "max\n" })).toEqual([400, 1000]);
    expect(inMebibytes({ ...files, [`${group}/memory.max`]: `${900 * mebibyte}\n` })).toEqual([400, 1000]);
  });

  test("inside a container the group is at the root, whatever its path", () => {
    const contained = {
      "/proc/meminfo": machine,
      "/proc/self/cgroup": "0::/kubepods/pod1/abc\n",
      "/sys/fs/cgroup/memory.stat": stat,
      "/sys/fs/cgroup/memory.max": `${160 * mebibyte}\n`,
    };
    expect(inMebibytes(contained)).toEqual([120, 160]);
  });
});

describe("control group, version 1", () => {
  const group = "/sys/fs/cgroup/memory/docker/abc";
  const stat = (limitBytes: number) =>
    `rss ${mebibyte}\nhierarchical_memory_limit ${limitBytes}\n${statistics({
      total_cache: 90,
      total_rss: 100,
      total_shmem: 5,
    })}`;
  const files = {
    "/proc/meminfo": machine,
    "/proc/self/cgroup": "5:cpu,cpuacct:/x\n4:memory:/docker/abc\n0::/\n",
    [`${group}/memory.stat`]: stat(200 * mebibyte),
    [`${group}/memory.kmem.usage_in_bytes`]: `${7 * mebibyte}\n`,
  };

  test("anonymous and shared pages and the kernel's count, of all groups below as well", () => {
    expect(inMebibytes(files)).toEqual([112, 200]);
  });

  test("the limit that stands for none is none", () => {
    expect(inMebibytes({ ...files, [`${group}/memory.stat`]: stat(2 ** 63 - 4096) })).toEqual([400, 1000]);
  });

  test("inside a container the group is at the root", () => {
    const { [`${group}/memory.stat`]: own, ...rest } = files;
    expect(inMebibytes({ ...rest, "/sys/fs/cgroup/memory/memory.stat": own! })).toEqual([105, 200]);
  });
});

describe("waiting for memory", () => {
  const pressure = (percent: string) =>
    `some avg10=9.00 avg60=0.00\nfull avg10=${percent} avg60=0.00 total=7\n`;

  test("is told by the group, else by the machine, else not", () => {
    const files = { "/proc/meminfo": machine, "/proc/pressure/memory": pressure("1.50") };
    expect(statusOf(files)?.stalledShare).toBe(0.015);
    const grouped = {
      ...files,
      "/proc/self/cgroup": "0::/node\n",
      "/sys/fs/cgroup/node/memory.stat": statistics({ anon: 1 }),
      "/sys/fs/cgroup/node/memory.pressure": pressure("40.00"),
    };
    expect(statusOf(grouped)?.stalledShare).toBe(0.4);
    expect(statusOf({ "/proc/meminfo": machine })?.stalledShare).toBeUndefined();
  });
});

test("this machine's own files can be read", () => {
  const status = readMemoryStatus();
  expect(status!.usedBytes).toBeGreaterThan(mebibyte);
  expect(status!.limitBytes).toBeGreaterThan(status!.usedBytes);
  expect(status!.limitBytes).toBeLessThan(2 ** 50);
  expect(status!.stalledShare ?? 0).toBeGreaterThanOrEqual(0);
});
