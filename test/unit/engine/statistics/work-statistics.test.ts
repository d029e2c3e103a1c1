/** What flushes, compactions and waits leave in the engine's status. */
import { describe, expect, test } from "bun:test";
import { Engine } from "../../../../src/engine/engine.ts";
import {
  bothObservers,
  type EngineObserver,
  type FinishedCompaction,
  type StartedCompaction,
  silentObserver,
} from "../../../../src/engine/observer.ts";
import type { EngineOverrides } from "../../../../src/engine/options.ts";
import { WorkStatistics } from "../../../../src/engine/statistics/work-statistics.ts";
import { InlineRunner } from "../../../../src/engine/workers/inline.ts";
import { FaultFileSystem } from "../../../../src/platform/fault.ts";
import type { FileSystem } from "../../../../src/platform/file-system.ts";
import { MemoryFileSystem } from "../../../../src/platform/memory.ts";
import { batchEntry } from "../../../support/batch-entry.ts";
import { get, put } from "../../../support/engine-access.ts";
import { tinyOptions } from "../../../support/engine-settings.ts";
import { ManualClock } from "../../../support/manual-clock.ts";
import { memoryEnvironment } from "../../../support/memory-environment.ts";

const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0);

/** What the observer that the engine was given hears. */
class Events {
  readonly flushedBytes: number[] = [];
  readonly started: StartedCompaction[] = [];
  readonly compactions: FinishedCompaction[] = [];
  readonly failed: StartedCompaction[] = [];
  readonly observer: Partial<EngineObserver> = {
    flushFinished: (_entryCount, sizeBytes) => void this.flushedBytes.push(sizeBytes),
    compactionStarted: (compaction) => void this.started.push(compaction),
    compactionFinished: (compaction) => void this.compactions.push(compaction),
    compactionFailed: (_error, compaction) => void this.failed.push(compaction),
  };
}

async function open(files: FileSystem, overrides: EngineOverrides = {}) {
  const events = new Events();
  const environment = memoryEnvironment(files, 1, events.observer);
  const jobs = new InlineRunner(files, environment.clock);
  return { engine: await Engine.open(environment, tinyOptions(overrides), jobs), events, environment };
}

/** One table of level 0 for each round. */
async function flushRounds(engine: Engine, rounds: number, keys = ["a", "b", "c"]): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    for (const key of keys) put(engine, key, `round ${round}`);
    await engine.flush();
  }
}

describe("write amplification", () => {
  test("is what tables took over what was stored, in all and by level", async () => {
    const { engine, events } = await open(new MemoryFileSystem());
    expect(engine.status().work.writeAmplification).toBeUndefined();
    await flushRounds(engine, 6);
    await engine.compactRange();
    const { work, levels } = engine.status();
    const written = (level: number) =>
      sum(
        events.compactions
          .filter(({ outputLevel }) => outputLevel === level)
          .map(({ writtenBytes }) => writtenBytes),
      );
    expect(work.userBytes).toBe(6 * 3 * ("a".length + "round 0".length));
    expect(work.flushedBytes).toBe(sum(events.flushedBytes));
    expect(work.compactedBytes).toBe(written(1));
    expect(work.writeAmplification).toBe((work.flushedBytes + work.compactedBytes) / work.userBytes);
    expect(levels.map((level) => level.work.writtenBytes)).toEqual([
      sum(events.flushedBytes),
      written(1),
      0,
      0,
      0,
    ]);
    expect(levels[0]!.writeAmplification).toBe(1);
    expect(levels[1]!.writeAmplification).toBe(written(1) / levels[1]!.work.incomingBytes);
    expect(levels[2]!.writeAmplification).toBeUndefined();
    await engine.close();
  });

  test("counts what a start replays as stored, since it flushes it", async () => {
    const files = new MemoryFileSystem();
    const { engine } = await open(files);
    put(engine, "a", "12345");
    await put(engine, "b", "678").durable;
    const killed = files.killClone();
    await engine.close();
    const { engine: again, events } = await open(killed);
    await again.flush();
    const { work } = again.status();
    expect(work.flushedBytes).toBeGreaterThan(0);
    expect(work).toMatchObject({ userBytes: 10, flushedBytes: sum(events.flushedBytes) });
    expect(work.endedJobs).toMatchObject([{ kind: "flush", failure: undefined }]);
    await again.close();
  });

  test("counts the entries of a batch", async () => {
    const { engine } = await open(new MemoryFileSystem());
    const entry = (key: string) => batchEntry(Buffer.from(key), Buffer.from("value"));
    engine.write([entry("a"), entry("bc")]);
    expect(engine.status().work.userBytes).toBe(13);
    await engine.close();
  });
});

describe("work of a level", () => {
  test("tells what came from above, what was read again, and what moved", async () => {
    const { engine, events } = await open(new MemoryFileSystem(), { compaction: { l0TriggerCount: 100 } });
    await flushRounds(engine, 1);
    await engine.compactRange();
    expect(engine.status().levels[1]!.work).toMatchObject({
      jobCount: 0,
      moveCount: 1,
      movedBytes: events.flushedBytes[0]!,
      writtenBytes: 0,
    });
    await flushRounds(engine, 1, ["a", "b", "c", "d"]);
    await engine.compactRange();
    const [, merge] = events.compactions;
    expect(merge).toMatchObject({
      kind: "merge",
      trigger: "manual",
      inputTableCount: 1,
      overlappingTableCount: 1,
    });
    expect(engine.status().levels[1]!.work).toMatchObject({
      jobCount: 1,
      moveCount: 1,
      incomingBytes: events.flushedBytes[1]!,
      rereadBytes: events.flushedBytes[0]!,
      writtenBytes: merge!.writtenBytes,
      readTableCount: 2,
      writtenTableCount: 1,
      readEntryCount: 7,
      writtenEntryCount: 4,
    });
    await engine.close();
  });
});

describe("jobs", () => {
  test("are told with their cause, the newest first", async () => {
    const { engine, events } = await open(new MemoryFileSystem());
    await flushRounds(engine, 2);
    await engine.whenCompacted();
    const { endedJobs, runningJobs } = engine.status().work;
    expect(runningJobs).toEqual([]);
    expect(endedJobs).toMatchObject([
      { kind: "merge", trigger: "size", level: 0, outputLevel: 1, inputTableCount: 2, outputTableCount: 1 },
      {
        kind: "flush",
        trigger: "memtable",
        level: undefined,
        outputLevel: 0,
        outputBytes: events.flushedBytes[1]!,
      },
      { kind: "flush" },
    ]);
    expect(endedJobs[0]!.outputBytes).toBe(events.compactions[0]!.writtenBytes);
    await engine.close();
  });

  test("that fail are told with the reason, and start again under another number", async () => {
    const disk = new MemoryFileSystem();
    let isBroken = false;
    const files = new FaultFileSystem(disk, ({ kind }) =>
      isBroken && kind === "create" ? "EIO" : undefined,
    );
    const { engine, events, environment } = await open(files, { compaction: { l0TriggerCount: 100 } });
    await flushRounds(engine, 2);
    isBroken = true;
    await expect(engine.compactRange()).rejects.toThrow("EIO");
    const { work, levels } = engine.status();
    expect(levels[1]!.work).toMatchObject({ failureCount: 1, jobCount: 0 });
    expect(work.endedJobs[0]).toMatchObject({ kind: "merge", trigger: "manual", outputTableCount: 0 });
    expect(work.endedJobs[0]!.failure).toContain("EIO");
    isBroken = false;
    environment.clock.advance(1000);
    await engine.compactRange();
    expect(events.failed.map(({ id }) => id)).toEqual([1]);
    expect(events.started.map(({ id }) => id)).toEqual([1, 2]);
    expect(events.compactions.map(({ id }) => id)).toEqual([2]);
    expect(get(engine, "a")).toBe("round 1");
    await engine.close();
  });
});

test("syncs, the log, stalls and delays are summed up, and told to the observer", () => {
  const seen: unknown[] = [];
  const { observer, status } = observed((name, ...details) => seen.push([name, ...details]));
  observer.commitLogAppended(3, 500, 1);
  observer.commitLogSynced(0.4);
  observer.writeStalled(100);
  observer.writeDelayed(5);
  observer.writeDelayed(7);
  expect(status()).toMatchObject({
    commitLogEntryCount: 3,
    commitLogBytes: 500,
    stallCount: 1,
    stallMs: 100,
    delayCount: 2,
    delayMs: 12,
    syncDurations: { count: 1, sumMs: 0.4 },
  });
  expect(seen).toEqual([
    ["commitLogAppended", 3, 500, 1],
    ["commitLogSynced", 0.4],
    ["writeStalled", 100],
    ["writeDelayed", 5],
    ["writeDelayed", 7],
  ]);
});

test("both observers are told, the first one first, each as itself", () => {
  const order: string[] = [];
  class Listener {
    readonly #name: string;
    constructor(name: string) {
      this.#name = name;
    }
    flushFailed(): void {
      order.push(this.#name);
    }
  }
  const both = bothObservers(new Listener("first"), {
    ...silentObserver,
    flushFailed: () => order.push("second"),
  });
  both.flushFailed(new Error("no room"));
  both.writeStalled(1);
  expect(order).toEqual(["first", "second"]);
});

function observed(tell: (name: string, ...details: unknown[]) => void) {
  const observer = { ...silentObserver };
  for (const name of Object.keys(observer) as (keyof EngineObserver)[]) {
    observer[name] = (...details: unknown[]) => tell(name, ...details);
  }
  const statistics = new WorkStatistics(new ManualClock(), observer);
  return { observer: statistics.observer, status: () => statistics.status() };
}
