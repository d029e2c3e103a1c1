import { describe, expect, test } from "bun:test";
import { StorageError } from "../../../src/base/errors.ts";
import type { Damage, TornTail } from "../../../src/engine/observer.ts";
import type { EngineOptions, RecoveryMode } from "../../../src/engine/options.ts";
import { acknowledgeDamage, repairDataDirectory } from "../../../src/engine/repair.ts";
import { verifyDataDirectory } from "../../../src/engine/verify.ts";
import { keepNone } from "../../../src/platform/crash.ts";
import { FaultFileSystem } from "../../../src/platform/fault.ts";
import { MemoryFileSystem } from "../../../src/platform/memory.ts";
import { fillMemtables, get, put, putWhenWritable } from "../../support/engine-access.ts";
import { openEngine } from "../../support/engine-driver.ts";
import { tinyOptions } from "../../support/engine-settings.ts";
import { memoryEnvironment } from "../../support/memory-environment.ts";
import { flipBit, readWhole, writeWhole } from "../../support/whole-file.ts";

/** Several segments and no flush, so that a start has to replay them all. */
const manySegments: EngineOptions = tinyOptions({
  commitLog: { segmentSizeBytes: 9000, preallocateBytes: 1024 },
  memtable: { maxSizeBytes: 65_536, flushThresholdBytes: 60_000 },
});

/** The disk of a process that was killed with `count` writes, each in a group of its own, in its log. */
async function killedAfter(count: number, options: EngineOptions): Promise<MemoryFileSystem> {
  const files = new MemoryFileSystem();
  const engine = await openEngine(files, options, 1);
  for (let index = 1; index <= count; index++) await put(engine, `k${index}`, `value ${index}`).durable;
  const disk = files.killClone();
  await engine.close();
  return disk;
}

function segments(files: MemoryFileSystem): string[] {
  return files
    .list("/data/commitlog")
    .filter((name) => name.endsWith(".log"))
    .map((name) => `/data/commitlog/${name}`);
}

function tables(files: MemoryFileSystem): string[] {
  return files.list("/data/sstables");
}

/** The same disk, on which no flush succeeds. */
function withoutTables(disk: MemoryFileSystem): FaultFileSystem {
  return new FaultFileSystem(disk, ({ kind, path }) =>
    kind === "create" && path.endsWith(".sst") ? "ENOSPC" : undefined,
  );
}

/** Where the first frame of a segment is. */
const framesStart = 8192;

/** All names and bytes, to see that nothing was changed. */
function snapshot(files: MemoryFileSystem, directory = "/data"): string[] {
  return files.list(directory).flatMap((name) => {
    const path = `${directory}/${name}`;
    if (name === "LOCK") return [];
    if (files.status(path)!.isDirectory) return [path, ...snapshot(files, path)];
    return [`${path} ${Bun.hash(readWhole(files, path))}`];
  });
}

async function refusal(files: MemoryFileSystem, options: EngineOptions): Promise<StorageError> {
  const before = snapshot(files);
  const outcome = await openEngine(files, options, 2).catch((error: unknown) => error);
  expect(outcome).toBeInstanceOf(StorageError);
  expect(snapshot(files)).toEqual(before);
  return outcome as StorageError;
}

function withMode(recoveryMode: RecoveryMode): EngineOptions {
  return { ...manySegments, recoveryMode };
}

/** Every length within the frames; now and then one within the header and the space after them. */
function* truncations(first: number, end: number, sizeBytes: number): Generator<number> {
  for (let length = 0; length < first; length += 512) yield length;
  for (let length = first; length <= end; length++) yield length;
  for (let length = end + 1; length <= sizeBytes; length += 512) yield length;
}

describe("recovery", () => {
  test("what was replayed is read at once, and its log goes when it is flushed", async () => {
    const disk = await killedAfter(20, manySegments);
    const before = segments(disk);
    const files = withoutTables(disk);
    const engine = await openEngine(files, manySegments, 2);
    expect(tables(disk)).toEqual([]);
    expect(segments(disk)).toEqual(expect.arrayContaining(before));
    for (let index = 1; index <= 20; index++) expect(get(engine, `k${index}`)).toBe(`value ${index}`);
    expect(put(engine, "k21", "v").sequence).toBe(21);
    files.injector = () => undefined;
    // The flush that the start began may have failed in between.
    await engine.flush().catch(() => engine.flush());
    expect(engine.status().levels[0]!.entryCount).toBe(21);
    await engine.close();
    expect(segments(disk).filter((path) => before.includes(path))).toEqual([]);
  });

  test("killed again and again before a flush, it loses nothing", async () => {
    let disk = await killedAfter(5, manySegments);
    for (let run = 1; run <= 5; run++) {
      const engine = await openEngine(withoutTables(disk), manySegments, run);
      for (let index = 1; index < 5 + run; index++) expect(get(engine, `k${index}`)).toBe(`value ${index}`);
      expect(put(engine, `k${5 + run}`, `value ${5 + run}`).sequence).toBe(5 + run);
      await engine.whenDurable(5 + run);
      disk = disk.killClone();
      await engine.close();
    }
  });

  test("all that a start has read is on the disk, synced before or not", async () => {
    const lazy = tinyOptions({ commitLog: { sync: "never" } });
    const disk = await killedAfter(20, lazy);
    const engine = await openEngine(disk, lazy, 2);
    const { lastSequence } = engine.status();
    const crashed = disk.crashClone(keepNone);
    await engine.close();
    const again = await openEngine(crashed, lazy, 3);
    expect([lastSequence, again.status().lastSequence]).toEqual([20, 20]);
    expect(get(again, "k20")).toBe("value 20");
    await again.close();
  });

  test("what nothing proves to be on the disk is written again before it is synced", async () => {
    const disk = await killedAfter(20, tinyOptions());
    const before = segments(disk);
    const kinds: string[] = [];
    const files = new FaultFileSystem(disk, ({ kind, path }) => {
      if (before.includes(path) && ["write", "sync"].includes(kind)) kinds.push(kind);
      return undefined;
    });
    const engine = await openEngine(files, tinyOptions(), 2);
    expect(kinds).toEqual(["write", "sync"]);
    await engine.close();
  });

  test("where a page that was replayed is an older one when it is written again, the start is refused", async () => {
    const disk = await killedAfter(20, tinyOptions());
    const [path] = segments(disk);
    const bytes = readWhole(disk, path!);
    const lastFrame = bytes.findLastIndex((byte) => byte !== 0) - 1;
    // The system gave up a page that it could not write, and reads it from the disk again.
    const recoveryProgress = (phase: string) => {
      if (phase === "making durable") writeWhole(disk, path!, bytes.slice().fill(0, lastFrame));
    };
    const refused = await openEngine(disk, tinyOptions(), 2, { recoveryProgress }).catch((error) => error);
    expect(refused).toMatchObject({ code: "COMMIT_LOG_FAILED" });
    expect(refused.message).toContain("a frame that was replayed has gone from the disk");
    expect([disk.openFileCount, disk.mapCount]).toEqual([0, 0]);
  });

  test("where the log cannot be written again, the start is refused, and succeeds later", async () => {
    const disk = await killedAfter(20, tinyOptions());
    const files = new FaultFileSystem(disk, ({ kind, path }) =>
      kind === "sync" && path.endsWith(".log") ? "EIO" : undefined,
    );
    await expect(openEngine(files, tinyOptions(), 2)).rejects.toMatchObject({ code: "COMMIT_LOG_FAILED" });
    expect([disk.openFileCount, disk.mapCount]).toEqual([0, 0]);
    const engine = await openEngine(disk, tinyOptions(), 2);
    expect(get(engine, "k20")).toBe("value 20");
    await engine.close();
  });

  test("more memtables than may be are flushed, and the newest stay", async () => {
    const disk = await killedAfter(400, manySegments);
    const small = tinyOptions({ memtable: { maxSizeBytes: 4096, flushThresholdBytes: 2048 } });
    let flushCount = 0;
    const engine = await openEngine(disk, small, 2, { flushFinished: () => flushCount++ });
    expect(flushCount).toBeGreaterThan(1);
    const entryCounts = engine.status().levels.map(({ entryCount }) => entryCount);
    expect(entryCounts.reduce((sum, count) => sum + count)).toBeLessThan(400);
    for (let index = 1; index <= 400; index++) expect(get(engine, `k${index}`)).toBe(`value ${index}`);
    await engine.close();
  });

  test("as many bytes of memtables stay as may be held, to be flushed afterwards", async () => {
    const disk = await killedAfter(400, manySegments);
    const roomy = { maxSizeBytes: 4096, flushThresholdBytes: 2048, maxReplayedBytes: 2 ** 20 };
    const files = withoutTables(disk);
    const engine = await openEngine(files, tinyOptions({ memtable: roomy }), 2);
    expect(engine.status().frozenMemtableCount).toBeGreaterThan(tinyOptions().memtable.maxFrozenCount + 1);
    for (let index = 1; index <= 400; index++) expect(get(engine, `k${index}`)).toBe(`value ${index}`);
    files.injector = () => undefined;
    await engine.flush().catch(() => engine.flush());
    expect(engine.status().frozenMemtableCount).toBe(0);
    for (let index = 1; index <= 400; index++) expect(get(engine, `k${index}`)).toBe(`value ${index}`);
    await engine.close();
  });

  test("a segment that went while a later run's stays is missed", async () => {
    const disk = await killedAfter(5, tinyOptions());
    const [first] = segments(disk);
    const engine = await openEngine(withoutTables(disk), tinyOptions(), 2);
    await put(engine, "k6", "value 6").durable;
    const killed = disk.killClone();
    await engine.close();
    await killed.remove(first!);
    const error = await refusal(killed, { ...tinyOptions(), recoveryMode: "strict" });
    expect(error.message).toContain("records 1 to 5 are missing");
    const again = await openEngine(killed, tinyOptions(), 3);
    expect(again.status().damage).toHaveLength(1);
    expect([get(again, "k5"), get(again, "k6")]).toEqual([undefined, "value 6"]);
    await again.close();
  });

  test("reports its phases in order", async () => {
    const disk = await killedAfter(5, manySegments);
    const phases: string[] = [];
    const engine = await openEngine(disk, manySegments, 2, {
      recoveryProgress: (phase) => void (phases.at(-1) !== phase && phases.push(phase)),
    });
    await engine.close();
    expect(phases.filter((phase) => phase !== "tables")).toEqual([
      "locking",
      "manifest",
      "commit log",
      "making durable",
      "done",
    ]);
  });

  test("wherever the last segment is torn, exactly the whole records before it are left", async () => {
    const disk = await killedAfter(12, tinyOptions());
    const [path] = segments(disk);
    const bytes = readWhole(disk, path!);
    const end = bytes.findLastIndex((byte) => byte !== 0) + 1;
    let previous = 0;
    for (const length of truncations(framesStart, end, bytes.length)) {
      const torn = disk.killClone();
      // The bytes that did not come to the disk are zeros, since the space was there before.
      writeWhole(torn, path!, bytes.slice().fill(0, length));
      const engine = await openEngine(torn, tinyOptions(), 2);
      const { lastSequence, damage } = engine.status();
      expect(damage).toEqual([]);
      expect(lastSequence === previous || lastSequence === previous + 1).toBe(true);
      for (let index = 1; index <= 12; index++) {
        expect(get(engine, `k${index}`)).toBe(index <= lastSequence ? `value ${index}` : undefined);
      }
      await put(engine, "after", "the cut").durable;
      await engine.close();
      previous = lastSequence;
    }
    expect(previous).toBe(12);
  }, 60_000);
});

test("a record that the memtable has become too small for is there all the same", async () => {
  const large = "v".repeat(20_000);
  const files = new MemoryFileSystem();
  const first = await openEngine(files, manySegments, 1);
  await put(first, "before", "1").durable;
  await (await putWhenWritable(first, "large", large)).durable;
  await put(first, "after", "2").durable;
  const disk = files.killClone();
  await first.close();
  const engine = await openEngine(disk, tinyOptions(), 2);
  expect([get(engine, "before"), get(engine, "large"), get(engine, "after")]).toEqual(["1", large, "2"]);
  await engine.close();
});

describe("a torn tail", () => {
  test("is cut and reported, and nothing else is", async () => {
    const disk = await killedAfter(10, tinyOptions());
    const [path] = segments(disk);
    const bytes = readWhole(disk, path!);
    const end = bytes.findLastIndex((byte) => byte !== 0);
    flipBit(disk, path!, end, 3);
    const tails: TornTail[] = [];
    const damages: Damage[] = [];
    const engine = await openEngine(disk, tinyOptions(), 2, {
      tornTailCut: (tail) => void tails.push(tail),
      damageFound: (damage) => void damages.push(damage),
    });
    expect(tails).toHaveLength(1);
    expect(tails[0]!.file).toBe(path!);
    expect(tails[0]!.offset + tails[0]!.lengthBytes).toBe(end + 1);
    expect(damages).toEqual([]);
    expect(get(engine, "k9")).toBe("value 9");
    expect(get(engine, "k10")).toBeUndefined();
    expect(segments(disk)).not.toContain(path!);
    expect(engine.status().levels[0]!.entryCount).toBe(9);
    await engine.close();
  });
});

describe("corruption in a closed segment", () => {
  async function corrupted(): Promise<{ disk: MemoryFileSystem; path: string }> {
    const disk = await killedAfter(80, manySegments);
    const paths = segments(disk);
    expect(paths.length).toBeGreaterThan(2);
    const bytes = readWhole(disk, paths[0]!);
    const offset = Buffer.from(bytes).indexOf("value 3");
    expect(offset).toBeGreaterThan(0);
    flipBit(disk, paths[0]!, offset, 1);
    return { disk, path: paths[0]! };
  }

  test("strict: refuses to start, names file and offset, changes nothing", async () => {
    const { disk, path } = await corrupted();
    const error = await refusal(disk, withMode("strict"));
    expect(error.code).toBe("CORRUPTED_DATA");
    expect(error.file).toBe(path);
    expect(error.offset).toBeGreaterThan(0);
  });

  test("skip: loses those records only, keeps their bytes, stays degraded over restarts", async () => {
    const { disk, path } = await corrupted();
    const damages: Damage[] = [];
    let engine = await openEngine(disk, withMode("skip"), 2, {
      damageFound: (damage) => void damages.push(damage),
    });
    expect(damages).toHaveLength(1);
    expect(damages[0]!.file).toBe(path);
    expect(disk.list("/data/lost")).toHaveLength(1);
    expect(get(engine, "k3")).toBeUndefined();
    for (const index of [1, 2, 4, 80]) expect(get(engine, `k${index}`)).toBe(`value ${index}`);
    const leapt = put(engine, "next", "v").sequence;
    expect(leapt).toBeGreaterThan(2 ** 32);
    await engine.close();
    engine = await openEngine(disk, withMode("skip"), 3);
    expect(engine.status().damage).toHaveLength(1);
    expect(get(engine, "next")).toBe("v");
    expect(put(engine, "more", "v").sequence).toBeGreaterThan(leapt);
    await engine.close();
  });

  test("no number is used twice, also not once the damage is acknowledged", async () => {
    const { disk } = await corrupted();
    let engine = await openEngine(disk, withMode("point_in_time"), 2);
    const { lastSequence } = engine.status();
    expect(lastSequence).toBeGreaterThanOrEqual(80);
    await engine.close();
    await acknowledgeDamage(memoryEnvironment(disk), manySegments);
    engine = await openEngine(disk, withMode("point_in_time"), 3);
    expect(engine.status().lastSequence).toBe(lastSequence);
    await engine.close();
  });

  test("what could not be copied leaves no file open", async () => {
    const { disk } = await corrupted();
    const files = new FaultFileSystem(disk, ({ kind, path }) =>
      kind === "write" && path.includes("/lost/") ? "ENOSPC" : undefined,
    );
    await expect(openEngine(files, withMode("skip"), 2)).rejects.toThrow("ENOSPC");
    expect([disk.openFileCount, disk.mapCount]).toEqual([0, 0]);
  });

  test("point_in_time: stops at the last good record before it and reports the rest", async () => {
    const { disk } = await corrupted();
    const engine = await openEngine(disk, withMode("point_in_time"), 2);
    expect(get(engine, "k2")).toBe("value 2");
    for (const index of [3, 4, 80]) expect(get(engine, `k${index}`)).toBeUndefined();
    expect(engine.status().damage.length).toBeGreaterThan(0);
    expect(disk.list("/data/lost").length).toBeGreaterThan(1);
    expect(put(engine, "next", "v").sequence).toBeGreaterThan(2 ** 32);
    await engine.close();
  });
});

describe("a data directory is refused, and not changed,", () => {
  test("while another process has it", async () => {
    const files = new MemoryFileSystem();
    const engine = await openEngine(files, tinyOptions(), 1);
    const error = await refusal(files, tinyOptions());
    expect(error.message).toContain("in use");
    await engine.close();
  });

  test("when it is not one of ours", async () => {
    const files = new MemoryFileSystem();
    files.makeDirectory("/data");
    files.open("/data/holiday.jpg", "create").close();
    const error = await refusal(files, tinyOptions());
    expect(error.message).toContain("holiday.jpg");
    expect(files.list("/data")).toEqual(["holiday.jpg"]);
  });

  test("when its commit log is not there, or another store's", async () => {
    const files = await killedAfter(5, tinyOptions());
    const elsewhere = { ...tinyOptions(), commitLogDirectory: "/not-mounted" };
    const missing = await refusal(files, elsewhere);
    expect(missing.code).toBe("CORRUPTED_DATA");
    expect(missing.message).toContain("mount");
    const other = await openEngine(
      files,
      {
        ...tinyOptions(),
        dataDirectory: "/other",
        commitLogDirectory: "/other/log",
        tableDirectory: "/other/t",
      },
      7,
    );
    await other.close();
    const wrong = await refusal(files, { ...tinyOptions(), commitLogDirectory: "/other/log" });
    expect(wrong.message).toContain("another store");
    const engine = await openEngine(files, tinyOptions(), 8);
    expect(get(engine, "k5")).toBe("value 5");
    await engine.close();
  });

  test("when a table is missing", async () => {
    const files = new MemoryFileSystem();
    const engine = await openEngine(files, tinyOptions(), 1);
    put(engine, "k", "v");
    await engine.close();
    const [table] = files.list("/data/sstables");
    await files.remove(`/data/sstables/${table}`);
    const error = await refusal(files, tinyOptions());
    expect(error.file).toEndWith(table!);
  });
});

describe("holders of the commit log", () => {
  test("keep segments that are flushed, over a restart, until they let go", async () => {
    const files = new MemoryFileSystem();
    let engine = await openEngine(files, tinyOptions(), 1);
    const [held] = segments(files);
    await engine.followedLog.hold("stream", Number.parseInt(held!.slice(-10), 10));
    await fillMemtables(engine, 2);
    await engine.flush();
    expect(segments(files)).toContain(held!);
    await engine.close();
    engine = await openEngine(files, tinyOptions(), 2);
    expect(segments(files)).toContain(held!);
    await engine.followedLog.release("stream");
    expect(segments(files)).not.toContain(held!);
    await engine.close();
  });

  test("are what the manifest says, also where it had no room for a change", async () => {
    const disk = new MemoryFileSystem();
    const files = new FaultFileSystem(disk);
    const engine = await openEngine(files, tinyOptions(), 1);
    const [held] = segments(disk);
    const number = Number.parseInt(held!.slice(-10), 10);
    await engine.followedLog.hold("stream", number);
    files.injector = ({ kind, path }) =>
      kind === "write" && path.includes("MANIFEST") ? "ENOSPC" : undefined;
    await expect(engine.followedLog.hold("stream", number + 1)).rejects.toThrow("full");
    await expect(engine.followedLog.release("stream")).rejects.toThrow("full");
    files.injector = () => undefined;
    await fillMemtables(engine, 2);
    await engine.flush();
    expect(segments(disk)).toContain(held!);
    await engine.followedLog.release("stream");
    expect(segments(disk)).not.toContain(held!);
    await engine.close();
  });

  test("are dropped, and told so, when they keep back too much", async () => {
    const files = new MemoryFileSystem();
    const dropped: string[] = [];
    const options = tinyOptions({ commitLog: { maxRetainedBytes: 20_000 } });
    const engine = await openEngine(files, options, 1, { holderDropped: (name) => void dropped.push(name) });
    const [held] = segments(files);
    await engine.followedLog.hold("slow", Number.parseInt(held!.slice(-10), 10));
    await fillMemtables(engine, 6);
    await engine.flush();
    expect(dropped).toEqual(["slow"]);
    expect(segments(files)).not.toContain(held!);
    await engine.close();
  });
});

test("a store whose commit log is gone for good can be repaired, and says what it lost", async () => {
  const files = await killedAfter(5, tinyOptions());
  const options = { ...tinyOptions(), commitLogDirectory: "/replacement" };
  await refusal(files, options);
  const report = await repairDataDirectory(memoryEnvironment(files), options);
  expect(report.damage).toHaveLength(1);
  const engine = await openEngine(files, options, 3);
  expect(engine.status().damage).toHaveLength(1);
  expect(get(engine, "k5")).toBeUndefined();
  await put(engine, "k6", "new").durable;
  await engine.close();
  expect(verifyDataDirectory(files, options).findings).toEqual([]);
});
