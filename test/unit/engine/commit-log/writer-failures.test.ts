import { describe, expect, test } from "bun:test";
import { StorageError } from "../../../../src/base/errors.ts";
import { listSegments } from "../../../../src/engine/commit-log/reader.ts";
import { keepNone } from "../../../../src/platform/crash.ts";
import { FaultFileSystem } from "../../../../src/platform/fault.ts";
import type { MemoryFileSystem } from "../../../../src/platform/memory.ts";
import type { OperationKind } from "../../../../src/platform/operation.ts";
import { directory, keysOf, Log, type LogSetup, logFiles, readBack } from "./log-harness.ts";

interface FaultyLog {
  readonly disk: MemoryFileSystem;
  readonly faults: FaultFileSystem;
  readonly log: Log<FaultFileSystem>;
  readonly failures: StorageError[];
}

/** A log that has written and acknowledged "a", with the next segment created ahead where there is room for "a". */
async function faultyLog(overrides: LogSetup["overrides"] = {}): Promise<FaultyLog> {
  const disk = await logFiles();
  const faults = new FaultFileSystem(disk, undefined, { shortWrites: true });
  const failures: StorageError[] = [];
  const log = await Log.create(faults, { overrides, hooks: { onFailed: (error) => failures.push(error) } });
  await log.commit("a", "v".repeat(9000));
  await log.prepare();
  return { disk, faults, log, failures };
}

function failing(kind: OperationKind, code: string, name = ".log"): FaultFileSystem["injector"] {
  return (operation) => (operation.kind === kind && operation.path.endsWith(name) ? code : undefined);
}

function codeOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (error instanceof StorageError) return error.code;
    throw error;
  }
  return "none";
}

const rejection = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => "resolved",
    (error) => error.code,
  );

describe("a failure ends writing", () => {
  test("of a sync: whoever waits is told, and the sync is not tried again", async () => {
    const { disk, faults, log, failures } = await faultyLog();
    faults.injector = failing("sync", "EIO");
    const first = log.put("b");
    log.endTurn();
    const second = log.put("c");
    const whenSynced = log.writer.whenSynced(3);
    expect(await rejection(first.durable)).toBe("COMMIT_LOG_FAILED");
    expect(await rejection(second.durable)).toBe("COMMIT_LOG_FAILED");
    expect(whenSynced).toBe(second.durable);
    expect(codeOf(() => log.put("d"))).toBe("COMMIT_LOG_FAILED");
    expect(codeOf(() => log.writer.startSegment())).toBe("COMMIT_LOG_FAILED");
    expect(log.writer.whenRoom(10)).toBeUndefined();
    expect(await rejection(log.writer.sync())).toBe("COMMIT_LOG_FAILED");
    expect(log.writer.syncedSequence).toBe(1);
    expect(log.writer.whenSynced(1)).toBeUndefined();
    expect(await rejection(log.writer.whenSynced(2)!)).toBe("COMMIT_LOG_FAILED");
    expect(await rejection(log.writer.whenSynced(3)!)).toBe("COMMIT_LOG_FAILED");
    expect(() => log.writer.whenSynced(4)).toThrow("was not handed out");
    faults.injector = () => undefined;
    const { operationCount } = disk;
    await log.settle();
    expect(await rejection(log.writer.close())).toBe("COMMIT_LOG_FAILED");
    // Only the segment created ahead is taken away.
    expect(disk.operationCount).toBe(operationCount + 1);
    expect(failures.length).toBe(1);
    expect(failures[0]!.message).toContain("/log/000001.log");
    expect(failures[0]!.message).toContain("restarted");
    expect(disk.openFileCount).toBe(0);
    expect(keysOf(readBack(disk.crashClone(keepNone)))).toEqual(["a"]);
  });

  test("of a write", async () => {
    const { disk, faults, log, failures } = await faultyLog();
    faults.injector = failing("write", "EIO");
    const { durable } = log.put("b");
    log.endTurn();
    expect(await rejection(durable)).toBe("COMMIT_LOG_FAILED");
    expect(failures.length).toBe(1);
    expect(await rejection(log.writer.close())).toBe("COMMIT_LOG_FAILED");
    expect(keysOf(readBack(disk))).toEqual(["a"]);
  });

  test("of a write into space that was secured, even by a full disk", async () => {
    const { faults, log } = await faultyLog();
    faults.injector = failing("write", "ENOSPC");
    const { durable } = log.put("b");
    log.endTurn();
    expect(await rejection(durable)).toBe("COMMIT_LOG_FAILED");
    expect(await rejection(log.writer.close())).toBe("COMMIT_LOG_FAILED");
  });

  test("of a step of space, though the disk is not full", async () => {
    const { faults, log, failures } = await faultyLog({ preallocateBytes: 4096 });
    faults.injector = failing("zero-fill", "EIO");
    await log.commit("b", "v".repeat(2000));
    const { durable } = log.put("c");
    expect(await rejection(durable)).toBe("COMMIT_LOG_FAILED");
    expect(failures.length).toBe(1);
    expect(await rejection(log.writer.close())).toBe("COMMIT_LOG_FAILED");
  });

  test.each(["create", "sync-directory"] as const)("of the next segment's creation: %s", async (kind) => {
    const { disk, faults, log, failures } = await faultyLog();
    log.writer.startSegment();
    await log.commit("b", "v".repeat(9000));
    faults.injector = failing(kind, "EIO", "");
    await log.prepare();
    expect(failures.length).toBe(1);
    expect(codeOf(() => log.put("c"))).toBe("COMMIT_LOG_FAILED");
    expect(await rejection(log.writer.close())).toBe("COMMIT_LOG_FAILED");
    expect(disk.openFileCount).toBe(0);
  });

  test("nobody has to wait for the answer of a write that fails", async () => {
    const { faults, log } = await faultyLog();
    faults.injector = failing("sync", "EIO");
    log.put("b");
    await log.settle();
    await new Promise((resolve) => setImmediate(resolve));
    expect(await rejection(log.writer.close())).toBe("COMMIT_LOG_FAILED");
  });

  test("of the removal of a segment that was not needed: closing tells it, and nothing is lost", async () => {
    const { disk, faults, log } = await faultyLog();
    faults.injector = failing("remove", "EIO");
    expect(await rejection(log.writer.close())).toBe("COMMIT_LOG_FAILED");
    expect(disk.openFileCount).toBe(0);
    expect(keysOf(readBack(disk.crashClone(keepNone)))).toEqual(["a"]);
  });

  test("of the last sync: closing tells it", async () => {
    const { disk, faults, log } = await faultyLog();
    const { durable } = log.put("b");
    faults.injector = failing("sync", "EIO");
    expect(await rejection(log.writer.close())).toBe("COMMIT_LOG_FAILED");
    expect(await rejection(durable)).toBe("COMMIT_LOG_FAILED");
    expect(disk.openFileCount).toBe(0);
  });
});

describe("a full disk", () => {
  const value = "v".repeat(1000);

  /** Appends until an entry is refused; returns how many went in, and the code. */
  async function fill(log: Log<FaultFileSystem>): Promise<[number, string]> {
    for (let count = 0; ; count++) {
      await log.writer.whenRoom(value.length + 1);
      const code = codeOf(() => log.put("b", value));
      if (code !== "none") return [count, code];
      log.endTurn();
      await log.writer.whenSynced(log.writer.lastSequence);
    }
  }

  test("refuses entries before taking them, keeps what it took, and recovers by itself", async () => {
    const { disk, faults, log, failures } = await faultyLog({ preallocateBytes: 8192 });
    faults.injector = failing("zero-fill", "ENOSPC");
    const [count, code] = await fill(log);
    expect(code).toBe("DISK_FULL");
    expect(count).toBeGreaterThan(3);
    expect(log.writer.lastSequence).toBe(1 + count);
    expect(readBack(disk.crashClone(keepNone)).entries.length).toBe(1 + count);
    faults.injector = () => undefined;
    expect(log.writer.whenRoom(1000)).toBeUndefined();
    expect(codeOf(() => log.put("b", value))).toBe("DISK_FULL");
    log.environment.clock.advance(250);
    await log.commit("c", value);
    expect(log.writer.lastSequence).toBe(2 + count);
    expect(failures).toEqual([]);
    await log.close();
    expect(keysOf(readBack(disk)).at(-1)).toBe("c");
  });

  test("a refused append tries again by itself, after a pause", async () => {
    const { faults, log } = await faultyLog({ preallocateBytes: 8192 });
    let attempts = 0;
    faults.injector = ({ kind }) => (kind === "zero-fill" && ++attempts > 0 ? "ENOSPC" : undefined);
    await fill(log);
    await log.settle();
    const before = attempts;
    for (let i = 0; i < 5; i++) expect(codeOf(() => log.put("b", value))).toBe("DISK_FULL");
    await log.settle();
    expect(attempts).toBe(before);
    log.environment.clock.advance(250);
    for (let i = 0; i < 5; i++) expect(codeOf(() => log.put("b", value))).toBe("DISK_FULL");
    await log.settle();
    expect(attempts).toBe(before + 1);
    faults.injector = () => undefined;
    log.environment.clock.advance(250);
    expect(codeOf(() => log.put("b", value))).toBe("DISK_FULL");
    await log.settle();
    expect(codeOf(() => log.put("b", value))).toBe("none");
    await log.close();
  });

  test.each(["create", "write", "zero-fill"] as const)("no room for the next segment: %s", async (kind) => {
    const { disk, faults, log, failures } = await faultyLog();
    log.writer.startSegment();
    faults.injector = failing(kind, "ENOSPC", "3.log");
    await log.commit("b", "v".repeat(9000));
    await log.prepare();
    expect(log.writer.startSegment()).toBe(3);
    expect(codeOf(() => log.put("c"))).toBe("DISK_FULL");
    expect(listSegments(disk, directory)).toEqual([1, 2]);
    faults.injector = () => undefined;
    log.environment.clock.advance(250);
    await log.commit("c");
    expect(failures).toEqual([]);
    await log.close();
    expect(keysOf(readBack(disk))).toEqual(["a", "b", "c"]);
    expect(disk.openFileCount).toBe(0);
  });

  test("the log closes cleanly though the next segment could not be created", async () => {
    const { disk, faults, log } = await faultyLog();
    log.writer.startSegment();
    faults.injector = failing("zero-fill", "ENOSPC", "3.log");
    await log.commit("b");
    log.writer.startSegment();
    await log.close();
    expect(listSegments(disk, directory)).toEqual([1, 2]);
    expect(disk.openFileCount).toBe(0);
    expect(keysOf(readBack(disk.crashClone(keepNone)))).toEqual(["a", "b"]);
  });

  test("an entry that is larger than all space that was secured gets a step of its own", async () => {
    const { disk, log } = await faultyLog({ preallocateBytes: 4096, segmentSizeBytes: 8192 });
    const large = "v".repeat(100_000);
    expect(codeOf(() => log.put("large", large))).toBe("RESOURCE_EXHAUSTED");
    await log.commit("large", large);
    await log.commit("b");
    await log.close();
    expect(keysOf(readBack(disk))).toEqual(["a", "large", "b"]);
  });
});

describe("creation", () => {
  test.each([
    ["zero-fill", "ENOSPC", "DISK_FULL"],
    ["write", "EDQUOT", "DISK_FULL"],
    ["sync", "EIO", "COMMIT_LOG_FAILED"],
    ["create", "EACCES", "COMMIT_LOG_FAILED"],
    ["open", "EMFILE", "COMMIT_LOG_FAILED"],
    ["sync-directory", "EIO", "COMMIT_LOG_FAILED"],
  ] as const)("a failed %s with %s is %s and leaves nothing", async (kind, errno, code) => {
    const disk = await logFiles();
    const faults = new FaultFileSystem(disk, failing(kind, errno, ""), { shortWrites: true });
    expect(await rejection(Log.create(faults))).toBe(code);
    expect(disk.list(directory)).toEqual([]);
    expect(disk.openFileCount).toBe(0);
  });

  test("a number that is taken is refused, and the file is left alone", async () => {
    const files = await logFiles();
    const first = await Log.create(files);
    await first.commit("a");
    await first.close();
    expect(await rejection(Log.create(files))).toBe("COMMIT_LOG_FAILED");
    expect(keysOf(readBack(files))).toEqual(["a"]);
  });
});
