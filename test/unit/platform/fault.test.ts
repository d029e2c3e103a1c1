import { describe, expect, test } from "bun:test";
import { errnoOf, InvariantViolation } from "../../../src/base/errors.ts";
import { keepNone } from "../../../src/platform/crash.ts";
import { FaultFileSystem } from "../../../src/platform/fault.ts";
import { MemoryFileSystem } from "../../../src/platform/memory.ts";
import type { Operation } from "../../../src/platform/operation.ts";
import { readWhole } from "../../support/whole-file.ts";

const filled = (byte: number, length: number): Uint8Array => new Uint8Array(length).fill(byte);

/** Does one operation of every kind. */
async function script(files: FaultFileSystem): Promise<void> {
  files.makeDirectory("/d");
  const file = files.open("/d/a", "create");
  file.writeAt(filled(1, 10), 0);
  await file.zeroFill(10, 10);
  await file.sync();
  file.truncate(5);
  file.sizeBytes();
  file.readAt(new Uint8Array(5), 0);
  file.close();
  files.open("/d/a", "read").close();
  files.map("/d/a").unmap();
  files.status("/d/a");
  files.list("/d");
  files.rename("/d/a", "/d/b");
  files.link("/d/b", "/d/c");
  await files.copy("/d/c", "/d/d");
  await files.remove("/d/b");
  files.makeDirectory("/d/e");
  await files.removeDirectory("/d/e");
  await files.syncDirectory("/d");
  files.lock("/d/LOCK")?.release();
  files.usage("/d");
}

const scriptKinds = [
  "make-directory /d",
  "create /d/a",
  "write /d/a",
  "zero-fill /d/a",
  "sync /d/a",
  "truncate /d/a",
  "size /d/a",
  "read /d/a",
  "open /d/a",
  "map /d/a",
  "status /d/a",
  "list /d",
  "rename /d/b",
  "link /d/c",
  "copy /d/d",
  "remove /d/b",
  "make-directory /d/e",
  "remove /d/e",
  "sync-directory /d",
  "lock /d/LOCK",
  "usage /d",
];

describe("injection", () => {
  test("the injector is asked before every operation, reads included", async () => {
    const seen: Operation[] = [];
    const files = new FaultFileSystem(new MemoryFileSystem(), (operation) => {
      seen.push(operation);
      return undefined;
    });
    await script(files);
    expect(seen.map(({ kind, path }) => `${kind} ${path}`)).toEqual(scriptKinds);
    expect(seen.map(({ index }) => index)).toEqual(scriptKinds.map((_, index) => index));
    expect(files.operationCount).toBe(scriptKinds.length);
  });

  test.each(scriptKinds.map((operation, k) => [k, operation] as const))(
    "operation %i fails: %s",
    async (k, operation) => {
      const memory = new MemoryFileSystem();
      const files = new FaultFileSystem(memory, ({ index }) => (index === k ? "EIO" : undefined));
      let failure: unknown;
      await script(files).catch((error) => {
        failure = error;
      });
      expect(errnoOf(failure)).toBe("EIO");
      expect(String(failure)).toContain(operation.split(" ")[1]!);
      expect(files.operationCount).toBe(k + 1);
    },
  );

  test("a failed operation has no effect below", async () => {
    const memory = new MemoryFileSystem();
    const files = new FaultFileSystem(memory, ({ kind }) => (kind === "write" ? "ENOSPC" : undefined));
    const file = files.open("/a", "create");
    const before = memory.operationCount;
    expect(() => file.writeAt(filled(1, 10), 0)).toThrow("ENOSPC");
    expect(file.sizeBytes()).toBe(0);
    expect(memory.operationCount).toBe(before);
    files.injector = () => undefined;
    file.writeAt(filled(1, 10), 0);
    expect(readWhole(files, "/a")).toEqual(filled(1, 10));
  });
});

describe("short writes", () => {
  const failing = (kind: string): { files: FaultFileSystem; memory: MemoryFileSystem } => {
    const memory = new MemoryFileSystem();
    const injector = (operation: Operation): string | undefined =>
      operation.kind === kind ? "ENOSPC" : undefined;
    return { files: new FaultFileSystem(memory, injector, { shortWrites: true }), memory };
  };

  test("a failed write has written the first half", () => {
    const { files } = failing("write");
    const file = files.open("/a", "create");
    expect(() => file.writeAt(Uint8Array.of(1, 2, 3, 4, 5), 2)).toThrow("ENOSPC");
    expect([...readWhole(files, "/a")]).toEqual([0, 0, 1, 2]);
  });

  test("a failed zero-fill has extended the file by half, unsynced", async () => {
    const { files, memory } = failing("zero-fill");
    const file = files.open("/a", "create");
    await files.syncDirectory("/");
    expect(errnoOf(await file.zeroFill(0, 100).catch((error) => error))).toBe("ENOSPC");
    expect(file.sizeBytes()).toBe(50);
    expect(readWhole(memory.crashClone(keepNone), "/a")).toHaveLength(0);
  });
});

describe("a failed sync", () => {
  test("leaves the bytes unsynced, and must not be repeated on that handle", async () => {
    const memory = new MemoryFileSystem();
    let isFailing = true;
    const files = new FaultFileSystem(memory, ({ kind }) =>
      isFailing && kind === "sync" ? "EIO" : undefined,
    );
    const file = files.open("/a", "create");
    await files.syncDirectory("/");
    file.writeAt(filled(1, 10), 0);
    expect(errnoOf(await file.sync().catch((error) => error))).toBe("EIO");
    expect(readWhole(memory.crashClone(keepNone), "/a")).toHaveLength(0);
    isFailing = false;
    expect(await file.sync().catch((error) => error)).toBeInstanceOf(InvariantViolation);
    expect(readWhole(memory.crashClone(keepNone), "/a")).toHaveLength(0);
    const anew = files.open("/a", "write");
    await anew.sync();
    expect(readWhole(memory.crashClone(keepNone), "/a")).toEqual(filled(1, 10));
  });
});
