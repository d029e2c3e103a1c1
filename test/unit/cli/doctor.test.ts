/** `doctor` says what is wrong with a machine, and nothing of one that is as it should be. */
import { describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { certificateEndMs } from "../../../src/platform/certificates.ts";
import { systemClock } from "../../../src/platform/clock.ts";
import type { FileSystem } from "../../../src/platform/file-system.ts";
import { realFileSystem } from "../../../src/platform/real.ts";
import { isOpensslThere, makeAuthority, makeCertificate } from "../../support/certificates.ts";
import { type CommandInputs, command, serve } from "../../support/command-line.ts";
import { temporaryFolder } from "../../support/temp-folder.ts";

interface Finding {
  readonly area: string;
  readonly state: string;
  readonly message: string;
  readonly advice?: string;
}

const limits = (openFiles: string, core: string) =>
  `Limit  Soft Limit  Hard Limit  Units\nMax core file size  ${core}  unlimited  bytes\n` +
  `Max open files  ${openFiles}  ${openFiles}  files\nMax locked memory  8388608  8388608  bytes\n`;

/** A machine with nothing to say about. */
const goodMachine: Readonly<Record<string, string>> = {
  "/proc/self/limits": limits("1048576", "0"),
  "/proc/self/status": "Cpus_allowed_list:\t0-3,8\n",
  "/proc/self/mountinfo": "27 1 254:1 / / rw,noatime shared:1 - ext4 /dev/vda1 rw,discard\n",
  "/sys/dev/block/254:1/../queue/rotational": "0\n",
  "/proc/swaps": "Filename\tType\tSize\tUsed\tPriority\n",
  "/proc/sys/vm/swappiness": "60\n",
  "/proc/sys/vm/max_map_count": "65530\n",
  "/proc/sys/vm/overcommit_memory": "0\n",
  "/proc/sys/net/core/somaxconn": "4096\n",
  "/sys/kernel/mm/transparent_hugepage/enabled": "always [madvise] never\n",
};
/** The machine's files, on a disk of 1000 bytes. */
function diskWith(availableBytes: number): FileSystem {
  return Object.create(realFileSystem, { usage: { value: () => ({ totalBytes: 1000, availableBytes }) } });
}

const mounted = (line: string) => ({ "/proc/self/mountinfo": `27 1 254:1 / / ${line}\n` });

async function doctor(
  files: Readonly<Record<string, string>> = {},
  args: readonly string[] = ["--data-dir", temporaryFolder()],
  further: CommandInputs = {},
) {
  const machine: Readonly<Record<string, string>> = { ...goodMachine, ...files };
  const { exitCode, stdout, stderr } = await command(["doctor", "--json", ...args], {
    readSystemFile: (path) => machine[path],
    readClockStatus: () => ({ isSynchronised: true, largestErrorMs: 12 }),
    files: diskWith(900),
    memoryLimitBytes: 2 ** 33,
    ...further,
  });
  expect(stderr).toBe("");
  const findings: Finding[] = JSON.parse(stdout.toString()).findings;
  return { exitCode, findings, bad: findings.filter(({ state }) => state !== "ok") };
}

test("a machine as it should be", async () => {
  const { exitCode, findings, bad } = await doctor();
  expect(bad).toEqual([]);
  expect(exitCode).toBe(0);
  expect(new Set(findings.map(({ area }) => area))).toEqual(
    new Set(["limits", "disk", "kernel", "time", "configuration", "data directory"]),
  );
});

describe.each([
  ["problem", "limits", "have 1024 files open; tables", { "/proc/self/limits": limits("1024", "0") }],
  ["warning", "limits", "have 20000 files open", { "/proc/self/limits": limits("20000", "0") }],
  ["warning", "limits", "core file", { "/proc/self/limits": limits("unlimited", "unlimited") }],
  ["warning", "limits", "1 processors", { "/proc/self/status": "Cpus_allowed_list:\t3\n" }],
  ["problem", "disk", "/ is tmpfs", mounted("rw - tmpfs none rw")],
  ["problem", "disk", "/ is nfs4", mounted("rw - nfs4 host:/x rw")],
  ["warning", "disk", "/ is ntfs", mounted("rw - ntfs /dev/x rw")],
  ["problem", "disk", "mounted with nobarrier", mounted("rw shared:1 master:2 - xfs /dev/x rw,nobarrier")],
  ["problem", "disk", "mounted with ro", mounted("ro - ext4 /dev/x rw")],
  ["warning", "disk", "rotates", { "/sys/dev/block/254:1/../queue/rotational": "1\n" }],
  ["warning", "kernel", "there is swap", { "/proc/swaps": "Filename\n/dev/vdb partition 1 0 -2\n" }],
  ["problem", "kernel", "vm.max_map_count is 5000", { "/proc/sys/vm/max_map_count": "5000\n" }],
  ["warning", "kernel", "overcommit_memory is 2", { "/proc/sys/vm/overcommit_memory": "2\n" }],
  ["warning", "kernel", "somaxconn is 128", { "/proc/sys/net/core/somaxconn": "128\n" }],
  [
    "warning",
    "kernel",
    "huge pages: always",
    { "/sys/kernel/mm/transparent_hugepage/enabled": "[always] madvise never\n" },
  ],
] as const)("%s, %s: %s", (state, area, message, files) => {
  test("is found, with advice, and nothing else", async () => {
    const { exitCode, bad } = await doctor(files);
    expect(bad).toEqual([
      { state, area, message: expect.stringContaining(message), advice: expect.any(String) },
    ]);
    expect(exitCode).toBe(state === "problem" ? 1 : 0);
  });
});

test("a nearer mount counts, with blanks in its name", async () => {
  const folder = join(temporaryFolder(), "a disk");
  mkdirSync(folder);
  const point = folder.replaceAll(" ", "\\040");
  const mountInfo = `${goodMachine["/proc/self/mountinfo"]}28 27 0:40 / ${point} rw - tmpfs tmpfs rw\n`;
  const { bad } = await doctor({ "/proc/self/mountinfo": mountInfo }, ["--data-dir", folder]);
  expect(bad.map(({ message }) => message)).toEqual([expect.stringContaining(`${folder} is tmpfs`)]);
});

test("what the system does not tell is no fault of it", async () => {
  const { exitCode, bad } = await doctor({}, undefined, {
    readSystemFile: () => undefined,
    readClockStatus: () => undefined,
  });
  expect([exitCode, bad]).toEqual([0, []]);
});

describe("the disk's room", () => {
  test.each([
    [300, "warning"],
    [50, "problem"],
  ])("%d of 1000 bytes free: %s", async (availableBytes, state) => {
    const { bad } = await doctor({}, undefined, { files: diskWith(availableBytes) });
    expect(bad).toMatchObject([{ state, area: "disk" }]);
  });
});

describe("the clock", () => {
  test.each([
    [{ isSynchronised: false, largestErrorMs: 16_000_000 }, "nothing synchronises it"],
    [{ isSynchronised: true, largestErrorMs: 4000 }, "right within 4000 ms"],
  ])("%p", async (status, message) => {
    const { bad } = await doctor({}, undefined, { readClockStatus: () => status });
    expect(bad).toMatchObject([
      { state: "warning", area: "time", message: expect.stringContaining(message) },
    ]);
  });
});

describe("the configuration", () => {
  const withFile = async (text: string, further: CommandInputs = {}) => {
    const folder = temporaryFolder();
    const file = join(folder, "config.yaml");
    writeFileSync(file, text);
    const args = ["--config", file, "--data-dir", join(folder, "data"), "--host", "127.0.0.1"];
    return doctor({}, args, further);
  };

  test("open to a network without that being said", async () => {
    const { exitCode, bad } = await doctor({}, ["--data-dir", temporaryFolder(), "--host", "0.0.0.0"]);
    expect(bad).toMatchObject([{ state: "problem", area: "configuration" }]);
    expect(exitCode).toBe(1);
  });

  test("open to a network because it was said", async () => {
    const { bad } = await withFile("http: {host: 0.0.0.0}\nauth: {mode: none}\n");
    expect(bad).toMatchObject([
      { state: "warning", message: expect.stringContaining("everybody who reaches") },
    ]);
  });

  test("one that cannot be read is refused as by serve", async () => {
    const { exitCode, stderr } = await command(["doctor", "--config", "/nowhere/config.yaml"]);
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining("/nowhere/config.yaml")]);
  });

  test("sizes above the memory", async () => {
    const fixed = await withFile("mem_table: {max_size: 1073741824, num_mem_tables: 8}\n");
    expect(fixed.bad).toMatchObject([
      { state: "problem", message: expect.stringContaining("memory: up to 9.") },
    ]);
    const caches = await withFile("cache: {max_size: 8589934592}\n");
    expect(caches.bad).toMatchObject([
      { state: "warning", message: expect.stringContaining("with full caches") },
    ]);
  });

  test("syncs that do not come with every write", async () => {
    const { bad } = await withFile("commit_log: {sync: interval}\n");
    expect(bad).toMatchObject([{ state: "warning", message: expect.stringContaining("power failure") }]);
  });

  test("secrets that others can read", async () => {
    const folder = temporaryFolder();
    const file = join(folder, "tokens");
    writeFileSync(file, "");
    chmodSync(file, 0o644);
    const { bad } = await withFile(`auth: {token_file: ${file}}\n`);
    expect(bad).toMatchObject([{ state: "problem", message: expect.stringContaining("mode 0644") }]);
  });

  test.if(isOpensslThere)("certificates that end soon", async () => {
    const folder = temporaryFolder();
    makeAuthority(folder, "authority");
    const { certificate, certificatePath, keyPath } = makeCertificate(folder, "node", "authority");
    const certificateEnd = certificateEndMs(certificate);
    const statesAt = async (nowMs: number) => {
      const { bad } = await withFile(`tls: {cert_file: ${certificatePath}, key_file: ${keyPath}}\n`, {
        clock: { ...systemClock, nowMs: () => nowMs },
      });
      return bad.map(({ state }) => state);
    };
    expect(await statesAt(certificateEnd + 1)).toEqual(["problem"]);
    expect(await statesAt(certificateEnd - 3 * 86_400_000)).toEqual(["warning"]);
    expect(await statesAt(certificateEnd - 20 * 86_400_000)).toEqual([]);
  });
});

describe("the data directory", () => {
  /** A store with one table, and no node. */
  async function storedTable(): Promise<string> {
    const folder = temporaryFolder();
    const node = await serve(["--data-dir", folder]);
    expect((await command(["put", "a", "b", "--addr", node.address])).exitCode).toBe(0);
    expect((await command(["flush", "--addr", node.address])).exitCode).toBe(0);
    node.stop();
    await node.ended;
    return folder;
  }

  test("a store that nobody uses", async () => {
    const folder = await storedTable();
    const { findings, bad } = await doctor({}, ["--data-dir", folder]);
    expect(bad).toEqual([]);
    const messages = findings.map(({ message }) => message);
    expect(messages).toContain(`${folder} is a store, and no node runs on it`);
    expect(messages).toContainEqual(expect.stringMatching(/^1 tables, /));
    const text = await command(["doctor", "--data-dir", folder], { readSystemFile: () => undefined });
    expect(text.stdout.toString()).toContain("ok      data directory: 1 tables, ");
  });

  test("a table that is missing, and files set aside", async () => {
    const folder = await storedTable();
    const name = realFileSystem.list(join(folder, "sstables"))[0] ?? "";
    unlinkSync(join(folder, "sstables", name));
    mkdirSync(join(folder, "lost"), { recursive: true });
    writeFileSync(join(folder, "lost", "000009.sst"), "");
    const { exitCode, bad } = await doctor({}, ["--data-dir", folder]);
    expect(bad).toMatchObject([
      { state: "problem", message: expect.stringContaining(name) },
      { state: "warning", message: expect.stringContaining("1 files were set aside") },
    ]);
    expect(exitCode).toBe(1);
  });

  test("a directory of something else", async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, "photo.jpg"), "");
    const { bad } = await doctor({}, ["--data-dir", folder]);
    expect(bad).toMatchObject([{ state: "problem", message: expect.stringContaining("photo.jpg") }]);
  });

  test("limits are those of the node that runs on it", async () => {
    const folder = await storedTable();
    const pid = 4711;
    writeFileSync(join(folder, "LOCK"), `${pid}\n`);
    const ofNode = {
      [`/proc/${pid}/cmdline`]: "pairdb-node\0serve\0",
      [`/proc/${pid}/limits`]: limits("500", "0"),
    };
    const { bad } = await doctor(ofNode, ["--data-dir", folder]);
    expect(bad).toMatchObject([
      { message: expect.stringContaining(`the node (process ${pid}) may have 500`) },
    ]);
    const another = { ...ofNode, [`/proc/${pid}/cmdline`]: "vi\0notes\0" };
    expect((await doctor(another, ["--data-dir", folder])).bad).toEqual([]);
  });
});
