import { describe, expect, test } from "bun:test";
import { InvariantViolation } from "../../../src/base/errors.ts";
import { keepNone } from "../../../src/platform/crash.ts";
import { MemoryFileSystem } from "../../../src/platform/memory.ts";
import type { Operation } from "../../../src/platform/operation.ts";
import { crashPolicies } from "../../support/crash-policies.ts";
import { makeDurable, readWhole, writeWhole } from "../../support/whole-file.ts";

const filled = (byte: number, length: number): Uint8Array => new Uint8Array(length).fill(byte);

describe("numbered operations", () => {
  test("every mutation is announced with its number, kind and path; reads are not", async () => {
    const files = new MemoryFileSystem();
    const seen: Operation[] = [];
    files.onOperation = (operation) => seen.push(operation);
    files.makeDirectory("/d");
    const file = files.open("/d/a", "create");
    file.writeAt(filled(1, 10), 0);
    await file.sync();
    await file.zeroFill(10, 10);
    file.truncate(5);
    file.readAt(new Uint8Array(5), 0);
    file.close();
    files.map("/d/a").unmap();
    files.rename("/d/a", "/d/b");
    files.link("/d/b", "/d/c");
    files.list("/d");
    await files.remove("/d/b");
    await files.syncDirectory("/d");
    files.lock("/d/LOCK")?.release();
    files.lock("/d/LOCK")?.release();
    expect(seen.map(({ kind, path }) => `${kind} ${path}`)).toEqual([
      "make-directory /d",
      "create /d/a",
      "write /d/a",
      "sync /d/a",
      "zero-fill /d/a",
      "truncate /d/a",
      "rename /d/b",
      "link /d/c",
      "remove /d/b",
      "sync-directory /d",
      "lock /d/LOCK",
    ]);
    expect(seen.map(({ index }) => index)).toEqual(seen.map((_, i) => i));
    expect(files.operationCount).toBe(seen.length);
  });

  test("an operation is announced before it takes effect", async () => {
    const files = new MemoryFileSystem();
    const before: string[] = [];
    files.onOperation = ({ kind }) => {
      const size = files.status("/a")?.sizeBytes ?? "none";
      const durable = files.crashClone(keepNone).status("/a")?.sizeBytes ?? "none";
      before.push(`${kind}: ${size}, durable ${durable}`);
    };
    const file = files.open("/a", "create");
    await files.syncDirectory("/");
    file.writeAt(filled(1, 10), 0);
    await file.sync();
    await file.zeroFill(10, 10);
    file.truncate(5);
    await files.remove("/a");
    expect(before).toEqual([
      "create: none, durable none",
      "sync-directory: 0, durable none",
      "write: 0, durable 0",
      "sync: 10, durable 0",
      "zero-fill: 10, durable 10",
      "truncate: 20, durable 20",
      "remove: 5, durable 20",
    ]);
  });

  test("an operation that is refused is not numbered", async () => {
    const files = new MemoryFileSystem();
    expect(() => files.open("/none/a", "create")).toThrow("ENOENT");
    expect(() => files.rename("/a", "/b")).toThrow("ENOENT");
    expect(await files.remove("/a").catch(String)).toContain("ENOENT");
    expect(files.operationCount).toBe(0);
  });
});

describe("syncs", () => {
  /** Holds back every sync until the test lets it happen. */
  function withHeldSyncs(): { files: MemoryFileSystem; held: (() => void)[] } {
    const files = new MemoryFileSystem();
    const held: (() => void)[] = [];
    files.defer = (effect) => held.push(effect);
    return { files, held };
  }

  const durableBytes = (files: MemoryFileSystem): number[] => [
    ...readWhole(files.crashClone(keepNone), "/a"),
  ];

  async function withDurableName(files: MemoryFileSystem, held: (() => void)[]) {
    const file = files.open("/a", "create");
    const named = files.syncDirectory("/");
    held.shift()!();
    await named;
    return file;
  }

  test("make durable what was there when they were called, once they resolve", async () => {
    const { files, held } = withHeldSyncs();
    const file = await withDurableName(files, held);
    file.writeAt(filled(1, 2), 0);
    const sync = file.sync();
    file.writeAt(filled(2, 2), 1);
    expect(durableBytes(files)).toEqual([]);
    held.shift()!();
    await sync;
    expect(durableBytes(files)).toEqual([1, 1]);
  });

  test("an older one that ends later takes nothing back", async () => {
    const { files, held } = withHeldSyncs();
    const file = await withDurableName(files, held);
    file.writeAt(filled(1, 2), 0);
    const older = file.sync();
    file.writeAt(filled(2, 3), 0);
    const newer = file.sync();
    held[1]!();
    held[0]!();
    await Promise.all([older, newer]);
    expect(durableBytes(files)).toEqual([2, 2, 2]);
  });

  test("of a directory take nothing that came after the call", async () => {
    const { files, held } = withHeldSyncs();
    writeWhole(files, "/a", filled(1, 1));
    const sync = files.syncDirectory("/");
    writeWhole(files, "/b", filled(1, 1));
    held.shift()!();
    await sync;
    expect(files.crashClone(keepNone).list("/")).toEqual(["a"]);
  });

  test("resolve within microtasks by default", async () => {
    const files = new MemoryFileSystem();
    const file = files.open("/a", "create");
    let isSynced = false;
    const sync = file.sync().then(() => {
      isSynced = true;
    });
    expect(isSynced).toBe(false);
    for (let i = 0; i < 10; i++) await Promise.resolve();
    expect(isSynced).toBe(true);
    await sync;
  });
});

describe("clones", () => {
  test("the death of the process keeps all bytes, and those that were unsynced still are", async () => {
    const files = new MemoryFileSystem();
    writeWhole(files, "/a", filled(1, 10));
    await makeDurable(files, "/a");
    writeWhole(files, "/a", filled(2, 20));
    writeWhole(files, "/b", filled(2, 20));
    const survivor = files.killClone();
    expect(readWhole(survivor, "/a")).toEqual(filled(2, 20));
    expect(survivor.list("/")).toEqual(["a", "b"]);
    const crashed = survivor.crashClone(keepNone);
    expect(readWhole(crashed, "/a")).toEqual(filled(1, 10));
    expect(crashed.list("/")).toEqual(["a"]);
    await makeDurable(survivor, "/b");
    expect(readWhole(survivor.crashClone(keepNone), "/b")).toEqual(filled(2, 20));
  });

  test("hard links stay one file", async () => {
    const files = new MemoryFileSystem();
    writeWhole(files, "/a", filled(1, 10));
    files.link("/a", "/b");
    const survivor = files.killClone();
    writeWhole(survivor, "/a", filled(2, 10));
    expect(readWhole(survivor, "/b")).toEqual(filled(2, 10));
  });

  test("have no locks, no handles, no maps and no hook of the original", async () => {
    const files = new MemoryFileSystem();
    const file = files.open("/a", "create");
    files.lock("/LOCK");
    const map = files.map("/a");
    files.onOperation = () => {
      throw new Error("the original's hook");
    };
    const survivor = files.killClone();
    expect([survivor.openFileCount, survivor.mapCount, survivor.operationCount]).toEqual([0, 0, 0]);
    expect(survivor.lock("/LOCK")).toBeDefined();
    writeWhole(survivor, "/a", filled(1, 1));
    expect([files.openFileCount, files.mapCount]).toEqual([1, 1]);
    map.unmap();
    file.close();
    expect([files.openFileCount, files.mapCount]).toEqual([0, 0]);
  });

  test("a thousand crashes of a state of a megabyte are cheap", async () => {
    const files = new MemoryFileSystem();
    for (let i = 0; i < 16; i++) {
      writeWhole(files, `/${i}`, filled(i, 64 * 1024));
      await makeDurable(files, `/${i}`);
    }
    const log = files.open("/log", "create");
    await log.zeroFill(0, 64 * 1024);
    await files.syncDirectory("/");
    log.writeAt(filled(1, 3 * 4096), 0);
    let crashCount = 0;
    for (let seed = 0; crashCount < 1_000; seed++) {
      for (const policy of crashPolicies(files, seed)) {
        expect(files.crashClone(policy).list("/")).toHaveLength(17);
        crashCount++;
      }
    }
  });
});

test("a mapped file must be left alone", async () => {
  const files = new MemoryFileSystem();
  const file = files.open("/a", "create");
  const map = files.map("/a");
  expect(() => file.writeAt(filled(1, 1), 0)).toThrow(InvariantViolation);
  expect(() => file.truncate(0)).toThrow(InvariantViolation);
  expect(await file.zeroFill(0, 1).catch(String)).toContain("mapped");
  map.unmap();
  file.writeAt(filled(1, 1), 0);
});

test("usage answers what the test says", () => {
  const files = new MemoryFileSystem();
  files.usageAnswer = { totalBytes: 100, availableBytes: 7 };
  expect(files.usage("/")).toEqual({ totalBytes: 100, availableBytes: 7 });
});
