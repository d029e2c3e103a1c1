import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { framesOffset } from "../../../../src/engine/commit-log/format.ts";
import { listSegments } from "../../../../src/engine/commit-log/reader.ts";
import { CommitLogWriter } from "../../../../src/engine/commit-log/writer.ts";
import { entryKinds } from "../../../../src/engine/internal-key.ts";
import { silentObserver } from "../../../../src/engine/observer.ts";
import { systemClock } from "../../../../src/platform/clock.ts";
import { keepNone } from "../../../../src/platform/crash.ts";
import type { MemoryFileSystem } from "../../../../src/platform/memory.ts";
import { systemRandom } from "../../../../src/platform/random.ts";
import { realFileSystem } from "../../../../src/platform/real.ts";
import { batchEntry } from "../../../support/batch-entry.ts";
import { temporaryFolder } from "../../../support/temp-folder.ts";
import { readWhole } from "../../../support/whole-file.ts";
import { append, directory, keysOf, Log, logFiles, options, readBack } from "./log-harness.ts";

/** Counts the operations of a kind on the segment files from now on. */
function counter(files: MemoryFileSystem, kind: string): () => number {
  let count = 0;
  files.onOperation = (operation) => {
    if (operation.kind === kind && operation.path.startsWith(`${directory}/`)) count++;
  };
  return () => count;
}

/** Holds syncs back until the returned function lets them go. */
function holdSyncs(files: MemoryFileSystem): () => void {
  const held: (() => void)[] = [];
  files.defer = (effect) => held.push(effect);
  return () => {
    files.defer = queueMicrotask;
    for (const effect of held.splice(0)) effect();
  };
}

async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  const note = (): void => void (settled = true);
  promise.then(note, note);
  for (let i = 0; i < 20; i++) await Promise.resolve();
  return settled;
}

/** Entry counts of the frames on disk. */
const framesOf = (files: MemoryFileSystem): number[] =>
  readBack(files).frames.map(({ entryCount }) => entryCount);

describe("entries", () => {
  test("come back as they were appended, from whole and partly filled arrays", async () => {
    const files = await logFiles();
    const log = await Log.create(files);
    log.put("a", "1");
    const key = Buffer.from("b-and-more");
    const value = Buffer.from("2-and-more");
    log.writer.append(entryKinds.tombstone, key, 1, value, 1);
    log.put("", "");
    log.endTurn();
    key.fill(0);
    value.fill(0);
    await log.close();
    expect(readBack(files).entries).toEqual([
      { sequence: 1, kind: entryKinds.value, key: "a", value: "1" },
      { sequence: 2, kind: entryKinds.tombstone, key: "b", value: "2" },
      { sequence: 3, kind: entryKinds.value, key: "", value: "" },
    ]);
  });

  test("of any size, in any grouping, come back in order with consecutive numbers", async () => {
    const step = fc.oneof(
      { weight: 8, arbitrary: fc.record({ put: fc.nat(300) }) },
      { weight: 1, arbitrary: fc.record({ put: fc.integer({ min: 3000, max: 9000 }) }) },
      { weight: 3, arbitrary: fc.constant("end turn" as const) },
      { weight: 1, arbitrary: fc.constant("start segment" as const) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), fc.nat(1000), async (steps, firstSequence) => {
        const files = await logFiles();
        const log = await Log.create(files, { nextSequence: firstSequence + 1 });
        const expected: string[] = [];
        for (const [i, step] of steps.entries()) {
          if (step === "end turn") await log.settle();
          else if (step === "start segment") log.writer.startSegment();
          else {
            for (
              let room = log.writer.whenRoom(step.put + 8);
              room;
              room = log.writer.whenRoom(step.put + 8)
            ) {
              await room;
            }
            expected.push(`k${i}`);
            expect(log.put(`k${i}`, "v".repeat(step.put)).lastSequence).toBe(firstSequence + expected.length);
          }
        }
        await log.close();
        const read = readBack(files);
        expect(keysOf(read)).toEqual(expected);
        expect(read.entries.map(({ sequence }) => sequence)).toEqual(
          expected.map((_, i) => firstSequence + 1 + i),
        );
        expect(files.openFileCount).toBe(0);
      }),
      { numRuns: 60 },
    );
  });

  test("a batch lies in one frame, also where it is larger than a group", async () => {
    const files = await logFiles();
    const log = await Log.create(files, { overrides: { groupSizeBytes: 100 } });
    log.put("before");
    const entries = Array.from({ length: 8 }, (_, i) =>
      batchEntry(Buffer.from(`batch${i}`), Buffer.alloc(50)),
    );
    expect(log.writer.appendBatch(entries).lastSequence).toBe(9);
    log.put("after");
    await log.close();
    expect(keysOf(readBack(files))).toEqual(["before", ...entries.map(({ key }) => String(key)), "after"]);
    expect(framesOf(files)).toEqual([1, 8, 1]);
  });

  test("a group that outgrows its size becomes several frames with one sync", async () => {
    const files = await logFiles();
    const log = await Log.create(files, { overrides: { groupSizeBytes: 100 } });
    await log.commit("first");
    await log.settle();
    const syncs = counter(files, "sync");
    const commits = Array.from({ length: 4 }, (_, i) => log.put(`key${i}`, "v".repeat(40)));
    log.endTurn();
    await commits[0]!.durable;
    expect(new Set(commits).size).toBe(1);
    expect(framesOf(files)).toEqual([1, 2, 2]);
    expect(syncs()).toBe(1);
    await log.close();
  });
});

describe("group commit", () => {
  test("all appends of a turn share one commit, one write and one sync", async () => {
    const files = await logFiles();
    const groups: number[] = [];
    const log = await Log.create(files, {
      observer: { commitLogAppended: (entryCount) => groups.push(entryCount) },
    });
    await log.commit("first");
    await log.settle();
    const syncs = counter(files, "sync");
    const commits = Array.from({ length: 100 }, (_, i) => log.put(`key${i}`));
    expect(new Set(commits.map(({ durable }) => durable)).size).toBe(1);
    expect(commits[0]!.lastSequence).toBe(101);
    expect(await isSettled(commits[0]!.durable)).toBe(false);
    log.endTurn();
    await commits[0]!.durable;
    expect(groups).toEqual([1, 100]);
    expect(syncs()).toBe(1);
    await log.close();
  });

  test("what arrives during a sync waits for the next one, which starts at once", async () => {
    const files = await logFiles();
    const log = await Log.create(files);
    await log.settle();
    const release = holdSyncs(files);
    const first = log.put("a");
    const synced = log.writer.sync();
    const second = log.put("b");
    const third = log.put("c");
    expect(second).toBe(third);
    expect(second).not.toBe(first);
    log.endTurn();
    expect(await isSettled(first.durable)).toBe(false);
    expect(keysOf(readBack(files.killClone()))).toEqual(["a"]);
    expect(keysOf(readBack(files.crashClone(keepNone)))).toEqual([]);
    release();
    // No turn ends here: the end of a sync starts the next one.
    await second.durable;
    await synced;
    expect(keysOf(readBack(files.crashClone(keepNone)))).toEqual(["a", "b", "c"]);
    await log.close();
  });

  test("an acknowledged entry survives the crash of the machine, and one that is not does not have to", async () => {
    const files = await logFiles();
    const log = await Log.create(files);
    await log.commit("a");
    log.put("b");
    expect(keysOf(readBack(files.crashClone(keepNone)))).toEqual(["a"]);
    await log.close();
  });

  test("whenSynced gives the promise of the covering group, and nothing for what is synced", async () => {
    const files = await logFiles();
    const synced: number[] = [];
    const log = await Log.create(files, { hooks: { onSynced: (sequence) => synced.push(sequence) } });
    const { writer } = log;
    expect(writer.whenSynced(0)).toBeUndefined();
    await log.settle();
    const release = holdSyncs(files);
    const first = log.put("a");
    log.endTurn();
    const second = log.put("b");
    log.put("c");
    expect(writer.lastSequence).toBe(3);
    expect(writer.syncedSequence).toBe(0);
    expect(writer.whenSynced(1)).toBe(first.durable);
    expect(writer.whenSynced(2)).toBe(second.durable);
    expect(writer.whenSynced(3)).toBe(second.durable);
    release();
    await second.durable;
    expect(writer.syncedSequence).toBe(3);
    expect(writer.whenSynced(3)).toBeUndefined();
    expect(synced).toEqual([1, 3]);
    await log.close();
  });

  test("closing waits for everything, and refuses what comes later", async () => {
    const files = await logFiles();
    const log = await Log.create(files);
    const { durable } = log.put("a");
    await log.writer.close();
    await durable;
    expect(() => log.put("b")).toThrow("closed");
    expect(() => log.writer.startSegment()).toThrow("closed");
    expect(log.writer.whenRoom(1)).toBeUndefined();
    await log.writer.close();
    expect(keysOf(readBack(files.crashClone(keepNone)))).toEqual(["a"]);
    expect(files.openFileCount).toBe(0);
  });
});

test("on the machine's file system, with turns of its own", async () => {
  const folder = temporaryFolder();
  const environment = {
    files: realFileSystem,
    clock: systemClock,
    random: systemRandom,
    observer: silentObserver,
  };
  let number = 1;
  const writer = await CommitLogWriter.create(
    environment,
    { ...options, directory: folder },
    () => number++,
    1,
  );
  const keys = Array.from({ length: 300 }, (_, i) => `key${i}`);
  for (const [i, key] of keys.entries()) {
    for (let wait = writer.whenRoom(400); wait; wait = writer.whenRoom(400)) await wait;
    const { durable } = append(writer, key, "v".repeat(300));
    if (i % 7 === 0) await durable;
    if (i % 90 === 89) writer.startSegment();
  }
  await writer.close();
  const numbers = listSegments(realFileSystem, folder);
  expect(numbers.length).toBe(4);
  expect(keysOf(readBack(realFileSystem, { directory: folder, numbers }))).toEqual(keys);
});

describe("modes interval and never", () => {
  test.each(["interval", "never"] as const)("%s: written is acknowledged, without a sync", async (sync) => {
    const files = await logFiles();
    const log = await Log.create(files, { overrides: { sync } });
    await log.commit("first");
    await log.settle();
    const syncs = counter(files, "sync");
    await log.commit("a");
    expect(log.writer.syncedSequence).toBe(2);
    expect(log.writer.whenSynced(2)).toBeUndefined();
    expect(syncs()).toBe(0);
    expect(keysOf(readBack(files.killClone()))).toEqual(["first", "a"]);
    await log.writer.sync();
    expect(syncs()).toBe(1);
    expect(keysOf(readBack(files.crashClone(keepNone)))).toEqual(["first", "a"]);
    await log.writer.sync();
    expect(syncs()).toBe(1);
    await log.close();
  });

  test("interval: one sync for each interval in which something was written", async () => {
    const files = await logFiles();
    const log = await Log.create(files, { overrides: { sync: "interval", syncIntervalMs: 100 } });
    await log.commit("a");
    await log.settle();
    const syncs = counter(files, "sync");
    await log.commit("b");
    log.environment.clock.advance(99);
    await log.settle();
    expect(syncs()).toBe(0);
    log.environment.clock.advance(1);
    await log.settle();
    expect(syncs()).toBe(1);
    expect(keysOf(readBack(files.crashClone(keepNone)))).toEqual(["a", "b"]);
    log.environment.clock.advance(1000);
    await log.settle();
    expect(syncs()).toBe(1);
    await log.close();
    expect(log.environment.clock.pendingTimerCount).toBe(0);
  });

  test("interval: writes go on during a sync, and the next interval covers them", async () => {
    const files = await logFiles();
    const log = await Log.create(files, { overrides: { sync: "interval" } });
    await log.commit("a");
    await log.settle();
    const release = holdSyncs(files);
    log.environment.clock.advance(100);
    await log.commit("b");
    release();
    await log.settle();
    expect(keysOf(readBack(files.crashClone(keepNone)))).toEqual(["a"]);
    log.environment.clock.advance(100);
    await log.settle();
    expect(keysOf(readBack(files.crashClone(keepNone)))).toEqual(["a", "b"]);
    await log.close();
  });

  test("a sync covers what was written before it, and not what was written meanwhile", async () => {
    const files = await logFiles();
    const log = await Log.create(files, { overrides: { sync: "interval" } });
    await log.commit("a");
    await log.settle();
    const held: (() => void)[] = [];
    files.defer = (effect) => held.push(effect);
    const first = log.writer.sync();
    await log.commit("b");
    const second = log.writer.sync();
    held.shift()!();
    await first;
    expect(await isSettled(second)).toBe(false);
    held.shift()!();
    files.defer = queueMicrotask;
    await second;
    expect(keysOf(readBack(files.crashClone(keepNone)))).toEqual(["a", "b"]);
    expect(log.environment.clock.pendingTimerCount).toBe(0);
    await log.close();
  });

  test("never: time alone syncs nothing", async () => {
    const files = await logFiles();
    const log = await Log.create(files, { overrides: { sync: "never" } });
    await log.commit("a");
    log.environment.clock.advance(1_000_000);
    await log.settle();
    expect(keysOf(readBack(files.crashClone(keepNone)))).toEqual([]);
    await log.close();
    expect(keysOf(readBack(files.crashClone(keepNone)))).toEqual(["a"]);
  });
});

describe("segments", () => {
  test("a started segment takes what comes later, and the one before is ended", async () => {
    const files = await logFiles();
    const log = await Log.create(files);
    await log.commit("a");
    await log.settle();
    log.put("b");
    expect(log.writer.startSegment()).toBe(2);
    await log.commit("c");
    await log.settle();
    expect(log.writer.segments.map(({ number, firstSequence }) => [number, firstSequence])).toEqual([
      [1, 1],
      [2, 3],
    ]);
    const unused = log.writer.segments.map(({ number, sizeBytes }) =>
      readWhole(files, `${directory}/00000${number}.log`).subarray(sizeBytes),
    );
    expect(unused.every((bytes) => bytes.length > 0 && bytes.every((byte) => byte === 0))).toBe(true);
    expect(keysOf(readBack(files, { numbers: [1] }))).toEqual(["a", "b"]);
    expect(keysOf(readBack(files, { numbers: [2] }))).toEqual(["c"]);
    await log.close();
  });

  test("nothing is written into a segment before the one in front of it is durable", async () => {
    const files = await logFiles();
    const log = await Log.create(files, { overrides: { sync: "never" } });
    await log.commit("a", "v".repeat(9000));
    await log.prepare();
    const release = holdSyncs(files);
    log.writer.startSegment();
    const { durable } = log.put("b");
    log.endTurn();
    expect(await isSettled(durable)).toBe(false);
    expect(keysOf(readBack(files.killClone(), { numbers: [2] }))).toEqual([]);
    release();
    await durable;
    expect(readBack(files.crashClone(keepNone), { numbers: [1] })).toMatchObject({ entries: [{ key: "a" }] });
    await log.close();
  });

  test("starting one without entries in between gives the same number", async () => {
    const files = await logFiles();
    const log = await Log.create(files);
    expect(log.writer.startSegment()).toBe(1);
    await log.commit("a");
    await log.settle();
    const number = log.writer.startSegment();
    expect(log.writer.startSegment()).toBe(number);
    await log.close();
  });

  test("several in one turn, faster than they can be created", async () => {
    const files = await logFiles();
    const log = await Log.create(files);
    for (const key of ["a", "b", "c", "d"]) {
      await log.room(key);
      log.put(key);
      log.writer.startSegment();
    }
    expect(() => log.put("too early")).toThrow("waiting for disk space");
    await log.close();
    expect(keysOf(readBack(files))).toEqual(["a", "b", "c", "d"]);
  });

  test("one that is full is followed by the next by itself", async () => {
    const files = await logFiles();
    const log = await Log.create(files, { overrides: { segmentSizeBytes: 4096, preallocateBytes: 4096 } });
    const keys = Array.from({ length: 40 }, (_, i) => `key${i}`);
    for (const key of keys) await log.commit(key, "v".repeat(900));
    await log.close();
    expect(listSegments(files, directory).length).toBeGreaterThan(5);
    for (const number of listSegments(files, directory)) {
      const { sizeBytes } = files.status(`${directory}/${String(number).padStart(6, "0")}.log`)!;
      expect(sizeBytes).toBeLessThanOrEqual(framesOffset + 4096);
    }
    expect(keysOf(readBack(files))).toEqual(keys);
  });

  test("entries and the end mark never leave the space that was secured, whatever their size", async () => {
    for (let length = 3700; length < 4096; length++) {
      const files = await logFiles();
      const log = await Log.create(files, { overrides: { segmentSizeBytes: 4096, preallocateBytes: 4096 } });
      await log.commit("a", "v".repeat(length));
      await log.commit("b");
      await log.close();
      for (const number of listSegments(files, directory)) {
        expect(files.status(`${directory}/00000${number}.log`)!.sizeBytes % 4096).toBe(0);
      }
    }
  });

  test("the next one is created before it is needed, and starts without a wait", async () => {
    const files = await logFiles();
    const log = await Log.create(files);
    await log.commit("a", "v".repeat(8000));
    await log.prepare();
    expect(listSegments(files, directory)).toEqual([1]);
    await log.commit("b", "v".repeat(1000));
    await log.prepare();
    expect(listSegments(files, directory)).toEqual([1, 2]);
    log.writer.startSegment();
    expect(log.writer.whenRoom(1000)).toBeUndefined();
    await log.commit("c");
    await log.close();
    expect(keysOf(readBack(files))).toEqual(["a", "b", "c"]);
  });

  test("one is closed only after the step of space under way", async () => {
    const files = await logFiles();
    const log = await Log.create(files, { overrides: { preallocateBytes: 4096, segmentSizeBytes: 16_384 } });
    await log.commit("a", "v".repeat(3000));
    let step = (): void => {};
    let lastKind = "";
    files.onOperation = ({ kind, path }) => {
      lastKind = path.endsWith("1.log") ? kind : "";
    };
    files.defer = (effect) => {
      if (lastKind === "zero-fill") step = effect;
      else queueMicrotask(effect);
    };
    expect(log.writer.whenRoom(3000)).toBeDefined();
    log.writer.startSegment();
    await log.commit("b");
    await log.settle();
    // Two handles for each of both segments.
    expect(files.openFileCount).toBe(4);
    step();
    await log.settle();
    expect(files.openFileCount).toBe(2);
    files.defer = queueMicrotask;
    await log.close();
  });

  test("removal takes those below a number, of earlier runs too, and never one that is still written", async () => {
    const files = await logFiles();
    const earlier = await Log.create(files);
    await earlier.commit("old");
    await earlier.close();
    files.open(`${directory}/notes.txt`, "create").close();
    const log = await Log.create(files, { firstNumber: 10, nextSequence: 2 });
    await log.commit("a");
    log.writer.startSegment();
    await log.commit("b");
    await log.settle();
    log.writer.startSegment();
    await log.commit("c");
    await log.settle();
    expect(listSegments(files, directory)).toEqual([1, 10, 11, 12]);
    await log.writer.removeSegmentsBelow(11);
    expect(listSegments(files, directory)).toEqual([11, 12]);
    expect(log.writer.segments.map(({ number }) => number)).toEqual([11, 12]);
    await log.writer.removeSegmentsBelow(1000);
    expect(listSegments(files.crashClone(keepNone), directory)).toEqual([12]);
    expect(files.status(`${directory}/notes.txt`)).toBeDefined();
    await log.close();
    expect(listSegments(files, directory)).toEqual([12]);
  });
});
