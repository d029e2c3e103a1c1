import { describe, expect, test } from "bun:test";
import {
  closeSync,
  ftruncateSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  writeFileSync,
} from "node:fs";
import { errnoOf } from "../../../src/base/errors.ts";
import { realFileSystem } from "../../../src/platform/real.ts";
import { temporaryFolder } from "../../support/temp-folder.ts";
import { writeWhole } from "../../support/whole-file.ts";

const root = temporaryFolder();

describe("the lock between processes", () => {
  const path = `${root}/LOCK`;

  async function startHolder() {
    const holder = Bun.spawn([process.execPath, `${import.meta.dir}/../../support/lock-holder.ts`, path], {
      stdin: "pipe",
      stdout: "pipe",
    });
    const reader = holder.stdout.getReader();
    let said = "";
    while (!said.includes("\n")) {
      const { value, done } = await reader.read();
      if (done) break;
      said += new TextDecoder().decode(value);
    }
    return { holder, said: said.trim() };
  }

  test("a second process is refused and told the first; SIGKILL of the holder ends the lock", async () => {
    const first = await startHolder();
    expect(first.said).toBe("locked");
    expect(realFileSystem.lock(path)).toBeUndefined();
    expect(realFileSystem.lockHolder(path)).toBe(first.holder.pid);

    const second = await startHolder();
    expect(second.said).toBe(`refused by ${first.holder.pid}`);
    second.holder.kill();
    await second.holder.exited;
    expect(realFileSystem.lock(path)).toBeUndefined();

    first.holder.kill("SIGKILL");
    await first.holder.exited;
    const lock = realFileSystem.lock(path);
    expect(lock).toBeDefined();
    expect(realFileSystem.lockHolder(path)).toBe(process.pid);
    lock?.release();
  });

  test("a lock file that holds no number names no holder; the next one writes its own over it", () => {
    writeFileSync(path, "not a number, but a longer text\n");
    expect(realFileSystem.lockHolder(path)).toBeUndefined();
    const lock = realFileSystem.lock(path);
    expect(readFileSync(path, "utf8")).toBe(`${process.pid}\n`);
    lock?.release();
  });
});

describe("maps", () => {
  const mapsOf = (path: string): number =>
    readFileSync("/proc/self/maps", "utf8")
      .split("\n")
      .filter((line) => line.endsWith(path)).length;

  test("unmap gives the address space back at once", () => {
    const path = `${root}/mapped`;
    writeWhole(realFileSystem, path, new Uint8Array(100_000).fill(1));
    const first = realFileSystem.map(path);
    const second = realFileSystem.map(path);
    expect(mapsOf(path)).toBeGreaterThan(0);
    first.unmap();
    expect(second.bytes[99_999]).toBe(1);
    second.unmap();
    expect(mapsOf(path)).toBe(0);
  });

  test("a file of 4 GiB is mapped, a longer one is refused by name", () => {
    const path = `${root}/long`;
    const descriptor = openSync(path, "w");
    ftruncateSync(descriptor, 2 ** 32);
    const map = realFileSystem.map(path);
    expect(map.bytes.length).toBe(2 ** 32);
    map.unmap();
    ftruncateSync(descriptor, 2 ** 32 + 1);
    closeSync(descriptor);
    expect(() => realFileSystem.map(path)).toThrow(`EFBIG: map '${path}': a map holds at most 4 GiB`);
  });
});

describe("descriptors", () => {
  const openDescriptorsUnder = (folder: string): number =>
    readdirSync("/proc/self/fd").filter((descriptor) => {
      try {
        return readlinkSync(`/proc/self/fd/${descriptor}`).startsWith(folder);
      } catch (error) {
        if (errnoOf(error) === "ENOENT") return false;
        throw error;
      }
    }).length;

  test("a file that is closed during its sync gives its descriptor back after it", async () => {
    const folder = `${root}/closing`;
    realFileSystem.makeDirectory(folder);
    const file = realFileSystem.open(`${folder}/a`, "create");
    file.writeAt(new Uint8Array(100_000), 0);
    const sync = file.sync();
    file.close();
    expect(openDescriptorsUnder(folder)).toBe(1);
    await sync;
    expect(openDescriptorsUnder(folder)).toBe(0);
  });

  test("maps, locks, directory syncs and refusals leave none open", async () => {
    const folder = `${root}/descriptors`;
    realFileSystem.makeDirectory(folder);
    writeWhole(realFileSystem, `${folder}/a`, new Uint8Array(10));
    realFileSystem.map(`${folder}/a`).unmap();
    await realFileSystem.syncDirectory(folder);
    const lock = realFileSystem.lock(`${folder}/LOCK`);
    expect(realFileSystem.lock(`${folder}/LOCK`)).toBeUndefined();
    lock?.release();
    expect(openDescriptorsUnder(folder)).toBe(0);
  });
});

test("shared memory is written and read like any other", () => {
  const shared = new Uint8Array(new SharedArrayBuffer(10)).fill(65);
  const file = realFileSystem.open(`${root}/shared`, "create");
  file.writeAt(shared, 0);
  const target = new Uint8Array(new SharedArrayBuffer(10));
  expect(file.readAt(target, 0)).toBe(10);
  expect(target).toEqual(shared);
  file.close();
});
