import { describe, expect, test } from "bun:test";
import { InvariantViolation, StorageError } from "../../../src/base/errors.ts";
import { Engine } from "../../../src/engine/engine.ts";
import { Memtable } from "../../../src/engine/memtable/memtable.ts";
import { InlineRunner } from "../../../src/engine/workers/inline.ts";
import type { Job, JobResult, JobRunner } from "../../../src/engine/workers/protocol.ts";
import { keepNone } from "../../../src/platform/crash.ts";
import { FaultFileSystem, type FaultInjector } from "../../../src/platform/fault.ts";
import { MemoryFileSystem } from "../../../src/platform/memory.ts";
import { fillMemtables, get, put, putWhenWritable } from "../../support/engine-access.ts";
import { openEngine } from "../../support/engine-driver.ts";
import { tinyOptions } from "../../support/engine-settings.ts";
import { memoryEnvironment } from "../../support/memory-environment.ts";
import { newFound, scan } from "../../support/store-history.ts";

async function rejection(promise: Promise<unknown>): Promise<StorageError> {
  const outcome = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(outcome).toBeInstanceOf(StorageError);
  return outcome as StorageError;
}

function thrown(act: () => unknown): StorageError {
  try {
    act();
  } catch (error) {
    expect(error).toBeInstanceOf(StorageError);
    return error as StorageError;
  }
  throw new Error("nothing was thrown");
}

describe("a failed sync of the commit log", () => {
  async function fail(): Promise<{ engine: Engine; disk: MemoryFileSystem; stopped: Error[] }> {
    const disk = new MemoryFileSystem();
    const files = new FaultFileSystem(disk);
    const stopped: Error[] = [];
    const engine = await openEngine(files, tinyOptions(), 1, {
      writingStopped: (error) => void stopped.push(error),
    });
    await put(engine, "kept", "1").durable;
    files.injector = ({ kind, path }) => (kind === "sync" && path.endsWith(".log") ? "EIO" : undefined);
    const { code } = await rejection(put(engine, "lost", "2").durable);
    expect(code).toBe("COMMIT_LOG_FAILED");
    files.injector = () => undefined;
    return { engine, disk, stopped };
  }

  test("ends writing, and says why once", async () => {
    const { engine, stopped } = await fail();
    const refusal = thrown(() => put(engine, "more", "3"));
    expect(refusal.code).toBe("COMMIT_LOG_FAILED");
    expect(refusal.message).toContain("restart");
    expect((await rejection(engine.flush())).code).toBe("COMMIT_LOG_FAILED");
    expect(engine.whenWritable(10)).toBeUndefined();
    expect(stopped).toHaveLength(1);
    expect(engine.status().writingStopped).toBe(stopped[0]!);
    await engine.close();
  });

  test("leaves reads and views as of the last synced write, without waiting", async () => {
    const { engine } = await fail();
    expect(get(engine, "kept")).toBe("1");
    expect(get(engine, "lost")).toBeUndefined();
    expect(engine.whenDurable(2)).toBeUndefined();
    const view = engine.view();
    expect(scan(view.cursor())).toEqual([["kept", "value@1 1"]]);
    view.close();
    await engine.close();
  });

  test("makes no table, and a restart holds what was acknowledged", async () => {
    const { engine, disk } = await fail();
    await engine.close();
    expect(disk.list("/data/sstables")).toEqual([]);
    const again = await openEngine(disk.crashClone(keepNone), tinyOptions(), 2);
    expect(get(again, "kept")).toBe("1");
    expect(get(again, "lost")).toBeUndefined();
    await again.close();
  });
});

describe("a full disk", () => {
  test("refuses writes with DISK_FULL while the log cannot grow, and recovers by itself", async () => {
    const files = new FaultFileSystem(new MemoryFileSystem());
    const engine = await openEngine(files, tinyOptions(), 1);
    files.injector = ({ kind }) => (kind === "zero-fill" ? "ENOSPC" : undefined);
    let refusal: unknown;
    for (let count = 0; count < 100 && refusal === undefined; count++) {
      refusal = await putWhenWritable(engine, `key-${count}`, "v".repeat(500)).then(
        () => undefined,
        (error: unknown) => error,
      );
    }
    expect(refusal).toMatchObject({ code: "DISK_FULL" });
    expect(engine.status().writingStopped).toBeUndefined();
    expect(get(engine, "key-0")).toBe("v".repeat(500));
    files.injector = () => undefined;
    let stored = false;
    for (let count = 0; count < 100 && !stored; count++) {
      await new Promise((resolve) => setImmediate(resolve));
      stored = await putWhenWritable(engine, "after", "1").then(
        () => true,
        () => false,
      );
    }
    expect(stored).toBe(true);
    await engine.close();
  });

  test("a flush without room is tried again, and the memtable stays readable", async () => {
    const failures: unknown[] = [];
    const files = new FaultFileSystem(new MemoryFileSystem());
    const engine = await openEngine(files, tinyOptions(), 1, {
      flushFailed: (error) => void failures.push(error),
    });
    put(engine, "k", "v");
    let remaining = 3;
    files.injector = ({ kind, path }) =>
      kind === "write" && path.endsWith(".sst") && remaining-- > 0 ? "ENOSPC" : undefined;
    await expect(engine.flush()).rejects.toThrow();
    expect(get(engine, "k")).toBe("v");
    while (failures.length < 3) await engine.flush().catch(() => {});
    await engine.flush();
    expect(failures).toHaveLength(3);
    expect(engine.status().levels[0]!.tableCount).toBe(1);
    expect(get(engine, "k")).toBe("v");
    await engine.close();
  });
});

test("a manifest that cannot be written ends writing, but not reading", async () => {
  const files = new FaultFileSystem(new MemoryFileSystem());
  const engine = await openEngine(files, tinyOptions(), 1);
  await put(engine, "k", "v").durable;
  files.injector = ({ kind, path }) => (kind === "sync" && path.includes("MANIFEST") ? "EIO" : undefined);
  await expect(engine.flush()).rejects.toThrow();
  files.injector = () => undefined;
  expect(thrown(() => put(engine, "k", "w")).code).toBe("COMMIT_LOG_FAILED");
  expect(get(engine, "k")).toBe("v");
  await engine.close();
});

test("a damaged block is CORRUPTED_DATA for its key, told to the observer, and other keys go on", async () => {
  const files = new MemoryFileSystem();
  const reported: StorageError[] = [];
  const first = await openEngine(files, tinyOptions(), 1);
  put(first, "bad", "v".repeat(300));
  await first.flush();
  put(first, "good", "w");
  await first.close();
  const name = files.list("/data/sstables")[0]!;
  const file = files.open(`/data/sstables/${name}`, "write");
  file.writeAt(Buffer.from("X"), 40);
  file.close();
  const engine = await openEngine(files, tinyOptions(), 2, {
    corruptionFound: (error) => void reported.push(error),
  });
  const error = thrown(() => get(engine, "bad"));
  expect(error.code).toBe("CORRUPTED_DATA");
  expect(error.file).toEndWith(name);
  expect(reported).toEqual([error]);
  expect(get(engine, "good")).toBe("w");
  await engine.close();
});

/** Runs jobs only once it is let. */
class HeldRunner implements JobRunner {
  readonly #inner: JobRunner;
  #gate = Promise.withResolvers<void>();

  constructor(inner: JobRunner) {
    this.#inner = inner;
  }

  release(): void {
    this.#gate.resolve();
  }

  async run<J extends Job>(job: J): Promise<JobResult<J>> {
    await this.#gate.promise;
    return this.#inner.run(job);
  }

  close(): Promise<void> {
    return this.#inner.close();
  }
}

/** Writes until a wait for room does not end by itself; returns that wait. */
async function fillUntilStalled(engine: Engine): Promise<{ readonly room: Promise<void> }> {
  for (let count = 0; count < 100; count++) {
    for (let room = engine.whenWritable(1010); room !== undefined; room = engine.whenWritable(1010)) {
      const turns = Array.from({ length: 10 }, () => () => new Promise((resolve) => setImmediate(resolve)));
      const idle = turns.reduce<Promise<unknown>>((before, turn) => before.then(turn), Promise.resolve());
      if ((await Promise.race([room.then(() => "room"), idle.then(() => "idle")])) === "idle")
        return { room };
    }
    put(engine, `k${count}`, "v".repeat(1000));
  }
  throw new Error("writers never had to wait");
}

describe("back-pressure", () => {
  test("writers wait while all memtables are full, and the stall is told", async () => {
    const files = new MemoryFileSystem();
    const stalls: number[] = [];
    const environment = memoryEnvironment(files, 1, {
      writeStalled: (durationMs) => void stalls.push(durationMs),
    });
    const runner = new HeldRunner(new InlineRunner(files));
    const engine = await Engine.open(environment, tinyOptions(), runner);
    const { room } = await fillUntilStalled(engine);
    expect(engine.status().frozenMemtableCount).toBe(2);
    expect(thrown(() => put(engine, "k", "v".repeat(4000))).code).toBe("RESOURCE_EXHAUSTED");
    environment.clock.advance(25);
    runner.release();
    await room;
    expect(stalls).toEqual([25]);
    await (await putWhenWritable(engine, "after", "1")).durable;
    await engine.close();
  });
});

describe("views", () => {
  test("the oldest view past its age ends with ABORTED", async () => {
    const files = new MemoryFileSystem();
    const aborted: string[] = [];
    const environment = memoryEnvironment(files, 1, {
      viewAborted: (_age, reason) => void aborted.push(reason),
    });
    const options = tinyOptions({ views: { maxAgeMs: 1000 } });
    const engine = await Engine.open(environment, options, new InlineRunner(files));
    await put(engine, "k", "v").durable;
    const old = engine.view();
    const cursor = old.cursor();
    cursor.rewind();
    environment.clock.advance(600);
    const young = engine.view();
    environment.clock.advance(600);
    expect(thrown(() => cursor.next()).code).toBe("ABORTED");
    expect(thrown(() => old.cursor()).code).toBe("ABORTED");
    expect(scan(young.cursor())).toHaveLength(1);
    expect(engine.status().viewCount).toBe(1);
    expect(aborted).toHaveLength(1);
    environment.clock.advance(600);
    expect(thrown(() => young.cursor()).message).toContain("1000 ms");
    await engine.close();
  });

  test("views that pin too many flushed memtables end, oldest first", async () => {
    const files = new MemoryFileSystem();
    const options = tinyOptions({ views: { maxPinnedMemtableBytes: 2 * 8192 } });
    const engine = await openEngine(files, options, 1);
    const views = [];
    for (let count = 0; count < 4; count++) {
      await put(engine, `k${count}`, "v").durable;
      views.push(engine.view());
      await engine.flush();
    }
    const states = views.map((view) => {
      try {
        return scan(view.cursor()).length;
      } catch (error) {
        return (error as StorageError).code;
      }
    });
    expect(states).toEqual(["ABORTED", "ABORTED", 3, 4]);
    await engine.close();
  });

  test("a memtable that a view reads is not reused", async () => {
    const engine = await openEngine(new MemoryFileSystem(), tinyOptions(), 1);
    await put(engine, "k", "before").durable;
    const view = engine.view();
    await fillMemtables(engine, 3);
    expect(scan(view.cursor())).toEqual([["k", "value@1 before"]]);
    view.close();
    await engine.close();
  });
});

describe("a flush that fails", () => {
  /** An engine with one frozen memtable whose flushes fail as `injector` says, and the names of its tables. */
  function tables(disk: MemoryFileSystem): string[] {
    return disk.list("/data/sstables");
  }

  test("leaves no table behind while the manifest has no room for it", async () => {
    const disk = new MemoryFileSystem();
    const files = new FaultFileSystem(disk);
    let failureCount = 0;
    const engine = await openEngine(files, tinyOptions(), 1, { flushFailed: () => void failureCount++ });
    put(engine, "k", "v");
    files.injector = ({ kind, path }) =>
      kind === "write" && path.includes("MANIFEST") ? "ENOSPC" : undefined;
    while (failureCount < 5) await engine.flush().catch(() => {});
    expect(tables(disk)).toEqual([]);
    files.injector = () => undefined;
    await engine.flush();
    expect(tables(disk)).toHaveLength(1);
    await engine.close();
  });

  test("leaves no table behind that could not be opened", async () => {
    const disk = new MemoryFileSystem();
    const files = new FaultFileSystem(disk);
    const engine = await openEngine(files, tinyOptions(), 1);
    put(engine, "k", "v");
    files.injector = ({ kind }) => (kind === "map" ? "ENOMEM" : undefined);
    await expect(engine.flush()).rejects.toThrow();
    expect(tables(disk)).toEqual([]);
    files.injector = () => undefined;
    await engine.close();
    expect(tables(disk)).toHaveLength(1);
  });

  test("is not tried again once writing has ended", async () => {
    const disk = new MemoryFileSystem();
    const files = new FaultFileSystem(disk);
    let failureCount = 0;
    const engine = await openEngine(files, tinyOptions(), 1, { flushFailed: () => void failureCount++ });
    put(engine, "k", "v");
    files.injector = ({ kind, path }) => (kind === "sync" && path.includes("MANIFEST") ? "EIO" : undefined);
    await expect(engine.flush()).rejects.toThrow();
    files.injector = () => undefined;
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(failureCount).toBe(0);
    expect(tables(disk)).toHaveLength(1);
    await engine.close();
  });

  test("refuses writers that have filled all memtables, instead of letting them wait", async () => {
    const files = new FaultFileSystem(new MemoryFileSystem());
    const engine = await openEngine(files, tinyOptions(), 1);
    files.injector = ({ kind, path }) => (kind === "write" && path.endsWith(".sst") ? "ENOSPC" : undefined);
    const failure = await fillMemtables(engine, 5).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: "DISK_FULL" });
    files.injector = () => undefined;
    await engine.flush();
    await fillMemtables(engine, 5);
    await engine.close();
  });

  test("does not hold up a close by the pause before its next try", async () => {
    const files = new FaultFileSystem(new MemoryFileSystem());
    const environment = memoryEnvironment(files);
    const engine = await Engine.open(environment, tinyOptions(), new InlineRunner(files));
    put(engine, "k", "v");
    files.injector = ({ path }) => (path.endsWith(".sst") ? "ENOSPC" : undefined);
    await expect(engine.flush()).rejects.toThrow();
    await engine.close();
  });

  test("by a broken invariant ends writing", async () => {
    const files = new MemoryFileSystem();
    const stopped: Error[] = [];
    const environment = memoryEnvironment(files, 1, { writingStopped: (error) => void stopped.push(error) });
    class BrokenRunner extends InlineRunner {
      override run<J extends Job>(job: J): Promise<JobResult<J>> {
        const memtable = Memtable.create(4096, environment.random).share();
        return super.run({ ...job, source: { memtable } });
      }
    }
    const engine = await Engine.open(environment, tinyOptions(), new BrokenRunner(files));
    await put(engine, "k", "v").durable;
    await expect(engine.flush()).rejects.toThrow();
    expect(stopped).toHaveLength(1);
    expect(stopped[0]).toBeInstanceOf(InvariantViolation);
    expect(get(engine, "k")).toBe("v");
    await engine.close();
  });
});

describe("a segment that cannot be removed", () => {
  const removalFails: FaultInjector = ({ kind, path }) =>
    kind === "remove" && path.endsWith(".log") ? "EIO" : undefined;

  test("is reported, and neither fails the flush nor keeps others", async () => {
    const disk = new MemoryFileSystem();
    const files = new FaultFileSystem(disk);
    const kept: string[] = [];
    let failureCount = 0;
    const engine = await openEngine(files, tinyOptions(), 1, {
      fileRemovalFailed: (path) => void kept.push(path),
      flushFailed: () => void failureCount++,
    });
    files.injector = (operation) => (kept.length === 0 ? removalFails(operation) : undefined);
    for (let round = 0; round < 3; round++) {
      await put(engine, "k", `${round}`).durable;
      await put(engine, "k", `${round}`).durable;
      await engine.flush();
    }
    await fillMemtables(engine, 4);
    expect(kept).toHaveLength(1);
    expect(failureCount).toBe(0);
    await engine.close();
  });

  test("does not keep the store from being opened", async () => {
    const disk = new MemoryFileSystem();
    const first = await openEngine(disk, tinyOptions(), 1);
    await put(first, "k", "v").durable;
    const killed = disk.killClone();
    await first.close();
    const files = new FaultFileSystem(killed, removalFails);
    const engine = await openEngine(files, tinyOptions(), 2);
    expect(get(engine, "k")).toBe("v");
    await engine.close();
    expect([killed.openFileCount, killed.mapCount]).toEqual([0, 0]);
  });
});

describe("closing", () => {
  for (const broken of [".log", "MANIFEST"]) {
    test(`gives everything back after a failed sync of ${broken}`, async () => {
      const disk = new MemoryFileSystem();
      const files = new FaultFileSystem(disk);
      const engine = await openEngine(files, tinyOptions(), 1);
      await put(engine, "k", "v").durable;
      await engine.flush();
      const late = put(engine, "k", "w");
      files.injector = ({ kind, path }) => (kind === "sync" && path.includes(broken) ? "EIO" : undefined);
      await engine.flush().catch(() => {});
      await late.durable.catch(() => {});
      await engine.close();
      expect([disk.openFileCount, disk.mapCount]).toEqual([0, 0]);
    });
  }

  test("a failure of the log in the middle of it gives everything back", async () => {
    const disk = new MemoryFileSystem();
    const files = new FaultFileSystem(disk);
    const engine = await openEngine(files, tinyOptions(), 1);
    put(engine, "k", "v");
    await engine.flush();
    files.injector = ({ kind, path }) => (kind === "write" && path.endsWith(".log") ? "EIO" : undefined);
    const outcome = await engine.close().then(
      () => "closed",
      (error: unknown) => (error as StorageError).code,
    );
    expect(outcome).toBe("COMMIT_LOG_FAILED");
    expect([disk.openFileCount, disk.mapCount]).toEqual([0, 0]);
    const again = await openEngine(disk, tinyOptions(), 2);
    expect(get(again, "k")).toBe("v");
    await again.close();
  });

  test("calls that come after it are refused and do not wait for ever", async () => {
    const files = new FaultFileSystem(new MemoryFileSystem());
    const engine = await openEngine(files, tinyOptions(), 1);
    put(engine, "k", "v");
    files.injector = ({ path }) => (path.endsWith(".sst") ? "ENOSPC" : undefined);
    await engine.close();
    expect((await rejection(engine.flush())).code).toBe("UNAVAILABLE");
    expect((await rejection(engine.followedLog.hold("h", 1))).code).toBe("UNAVAILABLE");
    expect((await rejection(engine.followedLog.release("h"))).code).toBe("UNAVAILABLE");
    expect(thrown(() => get(engine, "k")).code).toBe("UNAVAILABLE");
  });
});

test("a damaged block that a view meets is told to the observer, and its cursor stands nowhere", async () => {
  const files = new MemoryFileSystem();
  const reported: StorageError[] = [];
  const first = await openEngine(files, tinyOptions(), 1);
  put(first, "a", "v".repeat(300));
  put(first, "b", "v".repeat(300));
  await first.close();
  const file = files.open(`/data/sstables/${files.list("/data/sstables")[0]!}`, "write");
  file.writeAt(Buffer.from("X"), 350);
  file.close();
  const engine = await openEngine(files, tinyOptions(), 2, {
    corruptionFound: (error) => void reported.push(error),
  });
  const view = engine.view();
  const cursor = view.cursor();
  cursor.rewind();
  expect(cursor.valid).toBe(true);
  const error = thrown(() => cursor.next());
  expect(error.code).toBe("CORRUPTED_DATA");
  expect(cursor.valid).toBe(false);
  expect(thrown(() => view.get(Buffer.from("b"), 1, newFound())).code).toBe("CORRUPTED_DATA");
  expect(reported).toHaveLength(2);
  view.close();
  await engine.close();
});
