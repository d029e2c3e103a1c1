import { describe, expect, test } from "bun:test";
import { Engine } from "../../../../src/engine/engine.ts";
import { entryKinds } from "../../../../src/engine/internal-key.ts";
import type { FinishedCompaction } from "../../../../src/engine/observer.ts";
import type { EngineOverrides } from "../../../../src/engine/options.ts";
import { InlineRunner } from "../../../../src/engine/workers/inline.ts";
import type { Job, JobResult } from "../../../../src/engine/workers/protocol.ts";
import { FaultFileSystem } from "../../../../src/platform/fault.ts";
import type { FileSystem } from "../../../../src/platform/file-system.ts";
import { MemoryFileSystem } from "../../../../src/platform/memory.ts";
import { get, put, putWhenWritable } from "../../../support/engine-access.ts";
import { tinyOptions } from "../../../support/engine-settings.ts";
import { ManualClock } from "../../../support/manual-clock.ts";
import { memoryEnvironment } from "../../../support/memory-environment.ts";
import { expiredRecord, recordText } from "../../../support/random-operations.ts";
import { scan } from "../../../support/store-history.ts";

/** Runs jobs inline; compactions wait while they are held. */
class HeldCompactions extends InlineRunner {
  readonly started: Job[] = [];
  #held: PromiseWithResolvers<void> | undefined;

  hold(): void {
    this.#held = Promise.withResolvers();
  }

  release(): void {
    this.#held?.resolve();
    this.#held = undefined;
  }

  override async run<J extends Job>(job: J): Promise<JobResult<J>> {
    if (job.kind === "compaction") {
      this.started.push(job);
      await this.#held?.promise;
    }
    return super.run(job);
  }
}

async function open(files: FileSystem, overrides: EngineOverrides = {}) {
  const finished: FinishedCompaction[] = [];
  const failures: unknown[] = [];
  const environment = memoryEnvironment(files, 1, {
    compactionFinished: (compaction) => void finished.push(compaction),
    compactionFailed: (error) => void failures.push(error),
  });
  const jobs = new HeldCompactions(files, environment.clock);
  const engine = await Engine.open(environment, tinyOptions(overrides), jobs);
  return { engine, clock: environment.clock, jobs, finished, failures };
}

async function turns(count = 20): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** One table of level 0 for each round, with the same keys. */
async function flushRounds(engine: Engine, rounds: number, keys: readonly string[] = ["a", "b", "c"]) {
  for (let round = 0; round < rounds; round++) {
    for (const key of keys) put(engine, key, `${key} of round ${round}`);
    await engine.flush();
  }
}

function putRecord(engine: Engine, key: string, kind: 1 | 2, record: string): void {
  const keyBytes = Buffer.from(key);
  const value = Buffer.from(record, "latin1");
  engine.put(keyBytes, keyBytes.length, kind, value, value.length);
}

const tableNames = (files: MemoryFileSystem) => files.list("/data/sstables");
const tableCounts = (engine: Engine) => engine.status().levels.map(({ tableCount }) => tableCount);

describe("compaction", () => {
  test("brings level 0 down once there are enough tables, and removes them", async () => {
    const files = new MemoryFileSystem();
    const { engine, finished } = await open(files);
    await flushRounds(engine, 1);
    expect(tableCounts(engine)).toEqual([1, 0, 0, 0, 0]);
    await flushRounds(engine, 1);
    await engine.whenCompacted();
    await turns();
    expect(tableCounts(engine)).toEqual([0, 1, 0, 0, 0]);
    expect(tableNames(files)).toHaveLength(1);
    expect(finished).toMatchObject([{ level: 0, outputLevel: 1, inputTableCount: 2, outputTableCount: 1 }]);
    expect(get(engine, "b")).toBe("b of round 0");
    await engine.close();
  });

  test("keeps what a view reads, and removes it after", async () => {
    const files = new MemoryFileSystem();
    const { engine } = await open(files);
    await flushRounds(engine, 1);
    const view = engine.view();
    const seen = scan(view.cursor());
    await flushRounds(engine, 3);
    await engine.compactRange();
    await turns();
    expect(engine.status().obsoleteTableBytes).toBeGreaterThan(0);
    expect(scan(view.cursor())).toEqual(seen);
    view.close();
    await turns();
    expect(engine.status().obsoleteTableBytes).toBe(0);
    expect(tableNames(files)).toHaveLength(1);
    await engine.close();
  });

  test("starts nothing while it is paused", async () => {
    const { engine } = await open(new MemoryFileSystem());
    engine.pauseCompaction();
    await flushRounds(engine, 5);
    await engine.whenCompacted();
    expect(tableCounts(engine)[0]).toBe(5);
    expect(engine.status().isCompactionPaused).toBe(true);
    engine.resumeCompaction();
    await engine.whenCompacted();
    expect(tableCounts(engine)[0]).toBe(0);
    await engine.close();
  });

  test("runs as many jobs as it may on keys apart, and no two on the same", async () => {
    const { engine, jobs } = await open(new MemoryFileSystem(), { compaction: { workerCount: 2 } });
    engine.pauseCompaction();
    await flushRounds(engine, 2, ["a", "b"]);
    await flushRounds(engine, 2, ["m", "n"]);
    await flushRounds(engine, 2, ["x", "y"]);
    jobs.hold();
    engine.resumeCompaction();
    await turns();
    expect(engine.status().runningCompactionCount).toBe(2);
    expect(jobs.started.map((job) => (job.kind === "compaction" ? job.runs.length : 0))).toEqual([2, 2]);
    jobs.release();
    await engine.whenCompacted();
    expect(tableCounts(engine)).toEqual([0, 3, 0, 0, 0]);
    await engine.close();
  });

  test("goes on after the store is opened again", async () => {
    const files = new MemoryFileSystem();
    const first = await open(files);
    first.engine.pauseCompaction();
    await flushRounds(first.engine, 4);
    await first.engine.close();
    const { engine } = await open(files);
    await engine.whenCompacted();
    expect(tableCounts(engine)[0]).toBe(0);
    await engine.close();
  });

  test("is ended by a close, and leaves no file behind", async () => {
    const files = new MemoryFileSystem();
    const { engine, jobs, failures } = await open(files);
    jobs.hold();
    await flushRounds(engine, 3);
    const asked = engine.compactRange().catch((error: unknown) => error);
    await turns();
    const closing = engine.close();
    jobs.release();
    await closing;
    expect(await asked).toMatchObject({ code: "UNAVAILABLE" });
    expect(failures).toEqual([]);
    expect(tableNames(files)).toHaveLength(3);
  });
});

describe("a compaction that was asked for", () => {
  test("brings everything to one level, and rids it of expired tombstones", async () => {
    const { engine, finished } = await open(new MemoryFileSystem(), {
      compaction: { recordFormat: "versioned" },
    });
    for (const key of ["a", "b", "c"]) putRecord(engine, key, entryKinds.value, recordText({ count: 1 }));
    await engine.compactRange();
    putRecord(engine, "b", entryKinds.tombstone, expiredRecord);
    await engine.compactRange();
    expect(engine.status().levels.map(({ entryCount }) => entryCount)).toEqual([0, 2, 0, 0, 0]);
    expect(get(engine, "b")).toBeUndefined();
    expect(finished.at(-1)).toMatchObject({ droppedTombstoneCount: 1 });
    await engine.close();
  });

  test("leaves what lies outside its range alone", async () => {
    const { engine } = await open(new MemoryFileSystem(), { compaction: { l0TriggerCount: 100 } });
    await flushRounds(engine, 2, ["a", "b"]);
    await flushRounds(engine, 2, ["x", "y"]);
    await engine.compactRange(Buffer.from("w"), Buffer.from("z"));
    expect(tableCounts(engine)).toEqual([2, 1, 0, 0, 0]);
    await engine.compactRange(undefined, Buffer.from("a"));
    expect(tableCounts(engine)).toEqual([2, 1, 0, 0, 0]);
    await engine.close();
  });

  test("waits for those that run on its keys", async () => {
    const { engine, jobs } = await open(new MemoryFileSystem());
    jobs.hold();
    await flushRounds(engine, 2);
    await turns();
    let isDone = false;
    const asked = engine.compactRange().then(() => {
      isDone = true;
    });
    await turns();
    expect(isDone).toBe(false);
    jobs.release();
    await asked;
    expect(tableCounts(engine)).toEqual([0, 1, 0, 0, 0]);
    await engine.close();
  });

  test("rejects where a job of its own fails", async () => {
    const files = new FaultFileSystem(new MemoryFileSystem());
    const { engine, failures } = await open(files, { compaction: { l0TriggerCount: 100 } });
    await flushRounds(engine, 2);
    files.injector = ({ kind, path }) => (kind === "read" && path.endsWith(".sst") ? "EIO" : undefined);
    await expect(engine.compactRange()).rejects.toMatchObject({ code: "EIO" });
    expect(failures).toHaveLength(1);
    files.injector = () => undefined;
    await engine.close();
  });
});

describe("a compaction that fails", () => {
  test("leaves nothing behind, and is tried again after pauses that grow", async () => {
    const disk = new MemoryFileSystem();
    const files = new FaultFileSystem(disk);
    const { engine, clock, failures, jobs } = await open(files);
    await flushRounds(engine, 1);
    files.injector = ({ kind, path }) =>
      kind === "sync" && path.endsWith(".sst") && isCompacting ? "EIO" : undefined;
    let isCompacting = false;
    jobs.hold();
    await flushRounds(engine, 1);
    isCompacting = true;
    jobs.release();
    await turns();
    expect(failures).toHaveLength(1);
    expect(engine.status().compactionFailure).toContain("EIO");
    expect(tableNames(disk)).toHaveLength(2);
    for (const [pauseMs, failureCount] of [
      [999, 1],
      [1, 2],
      [1999, 2],
      [1, 3],
    ] as const) {
      clock.advance(pauseMs);
      await turns();
      expect(failures).toHaveLength(failureCount);
    }
    isCompacting = false;
    clock.advance(60_000);
    await engine.whenCompacted();
    expect(tableCounts(engine)).toEqual([0, 1, 0, 0, 0]);
    expect(engine.status().compactionFailure).toBeUndefined();
    expect(engine.status().writingStopped).toBeUndefined();
    await engine.close();
  });

  test("for a damaged table names it, keeps other keys going, and lets writers write", async () => {
    const files = new MemoryFileSystem();
    const before = await open(files, { compaction: { l0TriggerCount: 100 } });
    await flushRounds(before.engine, 2, ["a", "b"]);
    await before.engine.close();
    const [damaged = ""] = tableNames(files);
    const file = files.open(`/data/sstables/${damaged}`, "write");
    file.writeAt(new Uint8Array([255, 255, 255]), 10);
    file.close();
    const { engine, failures } = await open(files, { writeStall: { l0SlowdownCount: 3, l0StopCount: 4 } });
    await engine.whenCompacted();
    expect(failures).toMatchObject([{ code: "CORRUPTED_DATA", file: `/data/sstables/${damaged}` }]);
    await flushRounds(engine, 2, ["x", "y"]);
    await engine.whenCompacted();
    expect(tableCounts(engine)).toEqual([2, 1, 0, 0, 0]);
    await flushRounds(engine, 4, ["a", "b"]);
    expect(tableCounts(engine)[0]).toBe(6);
    expect((await putWhenWritable(engine, "c", "v".repeat(3000))).sequence).toBeGreaterThan(0);
    expect(get(engine, "a")).toBe("a of round 3");
    await engine.close();
  });

  test("by a manifest that cannot be written ends writing, and keeps its tables for the next start", async () => {
    const disk = new MemoryFileSystem();
    const files = new FaultFileSystem(disk);
    const { engine, jobs } = await open(files);
    jobs.hold();
    await flushRounds(engine, 2);
    await turns();
    files.injector = ({ kind, path }) => (kind === "sync" && path.includes("MANIFEST") ? "EIO" : undefined);
    jobs.release();
    await turns();
    expect(engine.status().writingStopped).toBeDefined();
    expect(tableNames(disk)).toHaveLength(3);
    await expect(engine.compactRange()).rejects.toMatchObject({ code: "COMMIT_LOG_FAILED" });
    files.injector = () => undefined;
    await engine.close();
    const again = await open(disk);
    expect(get(again.engine, "c")).toBe("c of round 1");
    await again.engine.close();
  });
});

describe("tombstones that expire", () => {
  test("go without any write, once their table is older than the grace", async () => {
    const clock: ManualClock = new ManualClock();
    const { engine, clock: engineClock } = await open(new MemoryFileSystem(), {
      compaction: { recordFormat: "versioned", gcGraceMs: 1000 },
    });
    const deletedAtSeconds = clock.nowMs() / 1000;
    for (const key of ["a", "b"]) putRecord(engine, key, entryKinds.value, recordText({ count: 1 }));
    putRecord(engine, "b", entryKinds.tombstone, recordText({ count: 2, deletedAtSeconds }));
    await engine.compactRange();
    expect(engine.status().levels[1]).toMatchObject({ entryCount: 2, tombstoneCount: 1 });
    for (let hour = 0; hour < 2; hour++) {
      engineClock.advance(3_600_000);
      await engine.whenCompacted();
    }
    expect(engine.status().levels[1]).toMatchObject({ entryCount: 1, tombstoneCount: 0 });
    await engine.close();
  });
});
