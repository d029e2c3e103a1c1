import { beforeEach, describe, expect, test } from "bun:test";
import { errnoOf, InvariantViolation } from "../../../src/base/errors.ts";
import { FaultFileSystem } from "../../../src/platform/fault.ts";
import type { File, FileSystem } from "../../../src/platform/file-system.ts";
import { MemoryFileSystem } from "../../../src/platform/memory.ts";
import { realFileSystem } from "../../../src/platform/real.ts";
import { temporaryFolder } from "../../support/temp-folder.ts";
import { readWhole, writeWhole } from "../../support/whole-file.ts";
import { WriteBackFileSystem } from "../../support/write-back-file-system.ts";

const temporary = temporaryFolder();
let folderCount = 0;

/** Each gives a fresh file system and an empty directory in it. */
const implementations: [string, () => { files: FileSystem; root: string }][] = [
  ["real", () => onDisk(realFileSystem)],
  ["memory", () => inMemory(new MemoryFileSystem())],
  ["fault over memory", () => inMemory(new FaultFileSystem(new MemoryFileSystem()))],
  ["write-back over real", () => onDisk(new WriteBackFileSystem(realFileSystem))],
];

function onDisk(files: FileSystem): { files: FileSystem; root: string } {
  const root = `${temporary}/${folderCount++}`;
  files.makeDirectory(root);
  return { files, root };
}

function inMemory(files: FileSystem): { files: FileSystem; root: string } {
  files.makeDirectory("/data");
  return { files, root: "/data" };
}

function errnoThrownBy(act: () => unknown): string | undefined {
  try {
    act();
  } catch (error) {
    return errnoOf(error);
  }
  return undefined;
}

async function errnoRejectedBy(act: () => Promise<unknown>): Promise<string | undefined> {
  try {
    await act();
  } catch (error) {
    return errnoOf(error);
  }
  return undefined;
}

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

describe.each(implementations)("file system: %s", (_, create) => {
  let files: FileSystem;
  let root: string;

  beforeEach(() => {
    ({ files, root } = create());
  });

  const read = (name: string): string => textOf(readWhole(files, `${root}/${name}`));
  const write = (name: string, text: string): void => writeWhole(files, `${root}/${name}`, bytesOf(text));
  const openNew = (name: string): File => files.open(`${root}/${name}`, "create");

  describe("files", () => {
    test("what is written is read, across pages and with holes of zeros", () => {
      const file = openNew("a");
      const block = new Uint8Array(10_000).map((_, i) => i % 251);
      file.writeAt(block, 3_000);
      expect(file.sizeBytes()).toBe(13_000);
      const all = new Uint8Array(13_000).fill(0xff);
      expect(file.readAt(all, 0)).toBe(13_000);
      expect(all.subarray(0, 3_000).every((byte) => byte === 0)).toBe(true);
      expect(all.subarray(3_000)).toEqual(block);
      file.close();
    });

    test("a read ends with the file, and leaves the rest of its target alone", () => {
      write("a", "hello");
      const file = files.open(`${root}/a`, "read");
      const target = new Uint8Array(8).fill(0x2e);
      expect(file.readAt(target, 3)).toBe(2);
      expect(textOf(target)).toBe("lo......");
      expect(file.readAt(target, 5)).toBe(0);
      expect(file.readAt(target, 1_000_000)).toBe(0);
      expect(file.readAt(new Uint8Array(0), 0)).toBe(0);
      file.close();
    });

    test("a write in the middle changes only its range; an empty one changes nothing", () => {
      write("a", "hello world");
      const file = files.open(`${root}/a`, "write");
      file.writeAt(bytesOf("W"), 6);
      file.writeAt(new Uint8Array(0), 0);
      file.writeAt(new Uint8Array(0), 11);
      expect(file.sizeBytes()).toBe(11);
      file.close();
      expect(read("a")).toBe("hello World");
    });

    test("two handles see one file", () => {
      const writer = openNew("a");
      const reader = files.open(`${root}/a`, "read");
      writer.writeAt(bytesOf("now"), 0);
      expect(reader.sizeBytes()).toBe(3);
      expect(read("a")).toBe("now");
      writer.close();
      reader.close();
    });

    test("truncate cuts and extends; what it cut off does not come back", () => {
      const file = openNew("a");
      file.writeAt(new Uint8Array(9_000).fill(7), 0);
      file.truncate(100);
      expect(file.sizeBytes()).toBe(100);
      file.truncate(9_000);
      const all = new Uint8Array(9_000);
      file.readAt(all, 0);
      expect(all.subarray(0, 100).every((byte) => byte === 7)).toBe(true);
      expect(all.subarray(100).every((byte) => byte === 0)).toBe(true);
      file.close();
    });

    test("zero-fill writes zeros over its range alone, and extends the file", async () => {
      const file = openNew("a");
      file.writeAt(new Uint8Array(10_000).fill(7), 0);
      await file.zeroFill(100, 5_000);
      await file.zeroFill(9_000, 2_000_000);
      const all = new Uint8Array(file.sizeBytes());
      expect(file.readAt(all, 0)).toBe(2_009_000);
      const expected = new Uint8Array(2_009_000);
      expected.fill(7, 0, 100).fill(7, 5_100, 9_000);
      expect(Buffer.compare(all, expected)).toBe(0);
      await file.zeroFill(0, 0);
      file.close();
    });

    test("sync resolves, also twice at once", async () => {
      const file = openNew("a");
      file.writeAt(bytesOf("a"), 0);
      expect(await Promise.all([file.sync(), file.sync()])).toEqual([undefined, undefined]);
      file.close();
    });

    test("close waits for a sync under way; a second close does nothing", async () => {
      const file = openNew("a");
      file.writeAt(bytesOf("a"), 0);
      const sync = file.sync();
      file.close();
      file.close();
      expect(await sync).toBeUndefined();
    });

    test("a closed file answers EBADF", async () => {
      const file = openNew("a");
      file.close();
      expect(errnoThrownBy(() => file.sizeBytes())).toBe("EBADF");
      expect(errnoThrownBy(() => file.readAt(new Uint8Array(1), 0))).toBe("EBADF");
      expect(errnoThrownBy(() => file.writeAt(new Uint8Array(1), 0))).toBe("EBADF");
      expect(errnoThrownBy(() => file.truncate(0))).toBe("EBADF");
      expect(await errnoRejectedBy(() => file.sync())).toBe("EBADF");
      expect(await errnoRejectedBy(() => file.zeroFill(0, 1))).toBe("EBADF");
    });

    test("a file opened for reading is not written", async () => {
      write("a", "hello");
      const file = files.open(`${root}/a`, "read");
      expect(errnoThrownBy(() => file.writeAt(new Uint8Array(1), 0))).toBe("EBADF");
      expect(errnoThrownBy(() => file.truncate(0))).toBeOneOf(["EBADF", "EINVAL"]);
      expect(await errnoRejectedBy(() => file.zeroFill(0, 1))).toBe("EBADF");
      file.close();
      expect(read("a")).toBe("hello");
    });

    test("open refuses what its mode does not allow", () => {
      write("a", "");
      expect(errnoThrownBy(() => openNew("a"))).toBe("EEXIST");
      expect(errnoThrownBy(() => files.open(`${root}/none`, "read"))).toBe("ENOENT");
      expect(errnoThrownBy(() => files.open(`${root}/none`, "write"))).toBe("ENOENT");
      expect(errnoThrownBy(() => openNew("none/a"))).toBe("ENOENT");
      expect(errnoThrownBy(() => openNew("a/a"))).toBe("ENOTDIR");
      expect(errnoThrownBy(() => files.open(root, "write"))).toBe("EISDIR");
      expect(errnoThrownBy(() => files.open(root, "create"))).toBe("EEXIST");
    });
  });

  describe("maps", () => {
    test("a map shows the file's bytes", () => {
      write("a", "hello");
      const map = files.map(`${root}/a`);
      expect(map.path).toBe(`${root}/a`);
      expect(textOf(map.bytes)).toBe("hello");
      map.unmap();
    });

    test("an empty file gives an empty map", () => {
      write("a", "");
      const map = files.map(`${root}/a`);
      expect(map.bytes.length).toBe(0);
      map.unmap();
      expect(() => map.bytes).toThrow(InvariantViolation);
    });

    test("a read through a released map throws, and a view that is left over sees nothing", () => {
      write("a", "hello");
      const map = files.map(`${root}/a`);
      const view = map.bytes;
      map.unmap();
      map.unmap();
      expect(() => map.bytes).toThrow(InvariantViolation);
      expect(() => map.bytes).toThrow(`${root}/a`);
      expect(view.length).toBe(0);
    });

    test("writing into a map does not reach the file", () => {
      write("a", "hello");
      const map = files.map(`${root}/a`);
      map.bytes[0] = 0;
      map.unmap();
      expect(read("a")).toBe("hello");
    });

    test("a map outlives the file's name", async () => {
      write("a", "hello");
      const map = files.map(`${root}/a`);
      await files.remove(`${root}/a`);
      expect(textOf(map.bytes)).toBe("hello");
      map.unmap();
    });

    test("what is no file is not mapped", () => {
      expect(errnoThrownBy(() => files.map(`${root}/none`))).toBe("ENOENT");
      expect(errnoThrownBy(() => files.map(root))).toBe("EISDIR");
    });
  });

  describe("directories", () => {
    test("status tells files from directories, and nothing where nothing is", () => {
      write("a", "hello");
      expect(files.status(`${root}/a`)).toEqual({ sizeBytes: 5, isDirectory: false });
      expect(files.status(root)?.isDirectory).toBe(true);
      expect(files.status(`${root}/none`)).toBeUndefined();
      expect(files.status(`${root}/none/none`)).toBeUndefined();
      expect(files.status(`${root}/a/under-a-file`)).toBeUndefined();
    });

    test("list gives names in order", () => {
      expect(files.list(root)).toEqual([]);
      for (const name of ["b", "a10", "a9", "B"]) write(name, "");
      files.makeDirectory(`${root}/directory`);
      expect(files.list(root)).toEqual(["B", "a10", "a9", "b", "directory"]);
      expect(errnoThrownBy(() => files.list(`${root}/none`))).toBe("ENOENT");
      expect(errnoThrownBy(() => files.list(`${root}/a9`))).toBe("ENOTDIR");
    });

    test("makeDirectory makes the parents too, and may be repeated", () => {
      files.makeDirectory(`${root}/one/two/three`);
      files.makeDirectory(`${root}/one/two`);
      expect(files.status(`${root}/one/two/three`)?.isDirectory).toBe(true);
      write("a", "");
      expect(errnoThrownBy(() => files.makeDirectory(`${root}/a`))).toBe("EEXIST");
      expect(errnoThrownBy(() => files.makeDirectory(`${root}/a/b`))).toBe("ENOTDIR");
    });

    test("rename moves a file, also between directories, and replaces what is there", () => {
      write("a", "new");
      write("b", "old");
      files.rename(`${root}/a`, `${root}/b`);
      expect(files.list(root)).toEqual(["b"]);
      expect(read("b")).toBe("new");
      files.makeDirectory(`${root}/lost`);
      files.rename(`${root}/b`, `${root}/lost/b`);
      expect(files.list(root)).toEqual(["lost"]);
      expect(read("lost/b")).toBe("new");
    });

    test("rename moves a directory with what it holds", () => {
      files.makeDirectory(`${root}/one`);
      write("one/a", "inside");
      files.rename(`${root}/one`, `${root}/two`);
      expect(read("two/a")).toBe("inside");
      expect(files.status(`${root}/one`)).toBeUndefined();
    });

    test("rename puts a directory in the place of an empty one", () => {
      files.makeDirectory(`${root}/one`);
      write("one/a", "inside");
      files.makeDirectory(`${root}/empty`);
      files.rename(`${root}/one`, `${root}/empty`);
      expect(files.list(root)).toEqual(["empty"]);
      expect(read("empty/a")).toBe("inside");
    });

    test("rename refuses what cannot be", () => {
      write("a", "");
      files.makeDirectory(`${root}/full/inner`);
      expect(errnoThrownBy(() => files.rename(`${root}/none`, `${root}/b`))).toBe("ENOENT");
      expect(errnoThrownBy(() => files.rename(`${root}/a`, `${root}/none/b`))).toBe("ENOENT");
      expect(errnoThrownBy(() => files.rename(`${root}/a`, `${root}/full`))).toBe("EISDIR");
      expect(errnoThrownBy(() => files.rename(`${root}/full/inner`, `${root}/a`))).toBe("ENOTDIR");
      files.makeDirectory(`${root}/full/other`);
      expect(errnoThrownBy(() => files.rename(`${root}/full/other`, `${root}/full`))).toBe("ENOTEMPTY");
      expect(files.list(root)).toEqual(["a", "full"]);
    });

    test("a link is a second name for one file", async () => {
      write("a", "old");
      files.link(`${root}/a`, `${root}/b`);
      write("a", "new");
      expect(read("b")).toBe("new");
      files.rename(`${root}/a`, `${root}/b`);
      expect(files.list(root)).toEqual(["a", "b"]);
      await files.remove(`${root}/a`);
      expect(read("b")).toBe("new");
    });

    test("link refuses what cannot be", () => {
      write("a", "");
      write("b", "");
      expect(errnoThrownBy(() => files.link(`${root}/a`, `${root}/b`))).toBe("EEXIST");
      expect(errnoThrownBy(() => files.link(`${root}/none`, `${root}/c`))).toBe("ENOENT");
      expect(errnoThrownBy(() => files.link(root, `${root}/c`))).toBe("EPERM");
    });

    test("a copy is a file of its own", async () => {
      write("a", "first ".repeat(300_000));
      await files.copy(`${root}/a`, `${root}/b`);
      expect(read("b")).toBe("first ".repeat(300_000));
      write("a", "other");
      expect(read("b")).toStartWith("first first");
      write("empty", "");
      await files.copy(`${root}/empty`, `${root}/c`);
      expect(files.status(`${root}/c`)?.sizeBytes).toBe(0);
    });

    test("copy refuses what cannot be", async () => {
      write("a", "a");
      write("b", "b");
      expect(await errnoRejectedBy(() => files.copy(`${root}/a`, `${root}/b`))).toBe("EEXIST");
      expect(await errnoRejectedBy(() => files.copy(`${root}/none`, `${root}/c`))).toBe("ENOENT");
      expect(read("b")).toBe("b");
    });

    test("removeDirectory takes an empty directory, and nothing else", async () => {
      files.makeDirectory(`${root}/full/inner`);
      write("a", "");
      expect(await errnoRejectedBy(() => files.removeDirectory(`${root}/full`))).toBe("ENOTEMPTY");
      expect(await errnoRejectedBy(() => files.removeDirectory(`${root}/a`))).toBe("ENOTDIR");
      expect(await errnoRejectedBy(() => files.removeDirectory(`${root}/none`))).toBe("ENOENT");
      await files.removeDirectory(`${root}/full/inner`);
      await files.removeDirectory(`${root}/full`);
      expect(files.list(root)).toEqual(["a"]);
    });

    test("a removed file is gone for new readers, not for those who have it open", async () => {
      write("a", "hello");
      const open = files.open(`${root}/a`, "read");
      await files.remove(`${root}/a`);
      expect(files.list(root)).toEqual([]);
      const target = new Uint8Array(5);
      expect(open.readAt(target, 0)).toBe(5);
      expect(textOf(target)).toBe("hello");
      open.close();
    });

    test("remove refuses directories and names that stand for nothing", async () => {
      expect(await errnoRejectedBy(() => files.remove(`${root}/none`))).toBe("ENOENT");
      expect(await errnoRejectedBy(() => files.remove(root))).toBe("EISDIR");
    });

    test("of two removals at once, one finds nothing", async () => {
      write("a", "");
      const outcomes = await Promise.allSettled([files.remove(`${root}/a`), files.remove(`${root}/a`)]);
      expect(outcomes.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
      const rejected = outcomes.find((outcome) => outcome.status === "rejected");
      expect(errnoOf(rejected?.reason)).toBe("ENOENT");
    });

    test("syncDirectory resolves for a directory and for nothing else", async () => {
      write("a", "");
      expect(await files.syncDirectory(root)).toBeUndefined();
      expect(await errnoRejectedBy(() => files.syncDirectory(`${root}/none`))).toBe("ENOENT");
      expect(await errnoRejectedBy(() => files.syncDirectory(`${root}/a`))).toBe("ENOTDIR");
    });

    test("usage tells sizes", () => {
      const { totalBytes, availableBytes } = files.usage(root);
      expect(totalBytes).toBeGreaterThan(0);
      expect(availableBytes).toBeGreaterThanOrEqual(0);
      expect(availableBytes).toBeLessThanOrEqual(totalBytes);
      expect(errnoThrownBy(() => files.usage(`${root}/none`))).toBe("ENOENT");
    });
  });

  describe("the lock", () => {
    test("has one holder at a time, whose process id it tells", () => {
      const lock = files.lock(`${root}/LOCK`);
      expect(lock).toBeDefined();
      expect(files.lock(`${root}/LOCK`)).toBeUndefined();
      expect(files.lockHolder(`${root}/LOCK`)).toBe(process.pid);
      lock?.release();
      expect(files.lockHolder(`${root}/LOCK`)).toBeUndefined();
      const next = files.lock(`${root}/LOCK`);
      expect(next).toBeDefined();
      lock?.release();
      expect(files.lock(`${root}/LOCK`)).toBeUndefined();
      next?.release();
    });

    test("leaves its file in place, and needs a place for it", () => {
      files.lock(`${root}/LOCK`)?.release();
      expect(files.list(root)).toEqual(["LOCK"]);
      expect(files.lockHolder(`${root}/none`)).toBeUndefined();
      expect(errnoThrownBy(() => files.lock(`${root}/none/LOCK`))).toBe("ENOENT");
      expect(errnoThrownBy(() => files.lock(root))).toBe("EISDIR");
    });
  });
});
