import { describe, expect, test } from "bun:test";
import { StorageError } from "../../../../src/base/errors.ts";
import type { CompactionJob } from "../../../../src/engine/compaction/job.ts";
import { JobControl } from "../../../../src/engine/compaction/job-control.ts";
import { runCompaction } from "../../../../src/engine/compaction/merge.ts";
import { entryKinds } from "../../../../src/engine/internal-key.ts";
import { defaultTableOptions } from "../../../../src/engine/options.ts";
import { TableReader } from "../../../../src/engine/sstable/reader.ts";
import { MemoryFileSystem } from "../../../../src/platform/memory.ts";
import { type Random, seededRandom } from "../../../../src/platform/random.ts";
import { ManualClock } from "../../../support/manual-clock.ts";
import { expiredRecord, freshRecord, recordText } from "../../../support/random-operations.ts";
import {
  allEntries,
  contentOf,
  type Entry,
  entry,
  filesOf,
  sortedUnique,
  tombstone,
  utf8,
  writeTable,
} from "../sstable/table-support.ts";

const nowMs = 1_700_000_000_000;
const outputPaths = Array.from({ length: 20 }, (_, index) => `out/${String(index).padStart(6, "0")}.sst`);

/** Tables and the job that merges them: each list of entries is a run of one table. */
async function jobOver(
  lists: readonly (readonly Entry[])[],
  changes: Partial<CompactionJob> = {},
): Promise<{ files: MemoryFileSystem; job: CompactionJob }> {
  const files = new MemoryFileSystem();
  files.makeDirectory("out");
  const runs: CompactionJob["runs"][number][] = [];
  for (const [index, entries] of lists.entries()) {
    const scratch = new MemoryFileSystem();
    const summary = await writeTable(scratch, entries, { blockSizeBytes: 128 });
    const path = `in-${index}.sst`;
    const file = files.open(path, "create");
    file.writeAt(contentOf(scratch), 0);
    file.close();
    runs.push([{ path, ...summary }]);
  }
  const job: CompactionJob = {
    kind: "compaction",
    runs,
    below: [],
    mostOverlapBytes: 1 << 20,
    older: [],
    rangeDeletions: [],
    outputPaths,
    tableSizeBytes: 1 << 20,
    table: { ...defaultTableOptions, blockSizeBytes: 128 },
    recordFormat: "versioned",
    gcGraceMs: 1000,
    nowMs,
    control: new JobControl().shared,
    throttleBytesPerSecond: 0,
    ...changes,
  };
  return { files, job };
}

interface Merged {
  /** By table. */
  readonly tables: readonly (readonly Entry[])[];
  readonly entries: readonly Entry[];
  readonly droppedTombstoneCount: number;
  readonly clockOrderViolationCount: number;
}

async function run(files: MemoryFileSystem, job: CompactionJob): Promise<Merged> {
  const result = await runCompaction(files, new ManualClock(nowMs), job);
  const tables = result.outputs.map((summary, index) => {
    const reader = TableReader.open(files, job.outputPaths[index]!, summary.sizeBytes);
    const entries = allEntries(reader);
    expect(reader.properties).toMatchObject({ entryCount: entries.length, createdAtMs: job.nowMs });
    reader.close();
    return entries;
  });
  expect(files.openFileCount).toBe(0);
  return { ...result, tables, entries: tables.flat() };
}

async function merge(
  lists: readonly (readonly Entry[])[],
  changes: Partial<CompactionJob> = {},
): Promise<Merged> {
  const { files, job } = await jobOver(lists, changes);
  return run(files, job);
}

function latin1(text: string): Uint8Array {
  return Buffer.from(text, "latin1");
}

function deleted(key: string, record: string, sequence: number): Entry {
  return { key: utf8(key), sequence, kind: entryKinds.tombstone, value: latin1(record) };
}

const keysOf = (entries: readonly Entry[]) => entries.map(({ key }) => Buffer.from(key).toString());

/** Ascending distinct keys, sequence numbers in no order. */
function randomRun(random: Random, sequences: number[]): Entry[] {
  const count = 1 + (random.uint32() % 60);
  const entries = Array.from({ length: count }, () => {
    const sequence = sequences.pop()!;
    const key = `key-${random.uint32() % 80}`;
    return random.uint32() % 4 === 0
      ? tombstone(key, `gone ${sequence}`, sequence)
      : entry(key, "v".repeat(random.uint32() % 100) + sequence, sequence);
  });
  return sortedUnique(entries);
}

describe("merge", () => {
  test("writes every key once, with its newest entry, whatever run it comes from", async () => {
    for (let seed = 1; seed <= 60; seed++) {
      const random = seededRandom(seed);
      const sequences = Array.from({ length: 400 }, (_, index) => index + 1);
      sequences.sort(() => (random.uint32() % 2 === 0 ? 1 : -1));
      const runs = Array.from({ length: 1 + (random.uint32() % 5) }, () => randomRun(random, sequences));
      const newest = new Map<string, Entry>();
      for (const each of runs.flat()) {
        const key = Buffer.from(each.key).toString();
        if (each.sequence > (newest.get(key)?.sequence ?? 0)) newest.set(key, each);
      }
      const expected = sortedUnique([...newest.values()]);
      const { tables, entries } = await merge(runs, { tableSizeBytes: 1024, recordFormat: "opaque" });
      expect(entries).toEqual(expected);
      for (const table of tables) expect(table.length).toBeGreaterThan(0);
    }
  });

  test("goes on through the tables of a run", async () => {
    const { files, job } = await jobOver([[entry("a", "1", 1)], [entry("c", "2", 2)], [entry("b", "3", 3)]]);
    const [[first], [second], [third]] = job.runs as [[never], [never], [never]];
    const { entries } = await run(files, { ...job, runs: [[first, second], [third]] });
    expect(keysOf(entries)).toEqual(["a", "b", "c"]);
  });

  test("ends tables at the level's size", async () => {
    const list = Array.from({ length: 200 }, (_, i) =>
      entry(`key-${String(i).padStart(3, "0")}`, "v".repeat(100), i + 1),
    );
    const { files, job } = await jobOver([list], { tableSizeBytes: 4096 });
    const { outputs } = await runCompaction(files, new ManualClock(nowMs), job);
    expect(outputs.length).toBeGreaterThan(4);
    for (const { sizeBytes } of outputs.slice(0, -1)) {
      expect(sizeBytes).toBeGreaterThanOrEqual(4096);
      expect(sizeBytes).toBeLessThan(4096 + 300);
    }
  });

  test("puts all that is left into the last table that it may write", async () => {
    const list = Array.from({ length: 200 }, (_, i) =>
      entry(`key-${String(i).padStart(3, "0")}`, "v".repeat(100), i + 1),
    );
    const { tables } = await merge([list], { tableSizeBytes: 1024, outputPaths: outputPaths.slice(0, 2) });
    expect(tables).toHaveLength(2);
    expect(tables.flat()).toHaveLength(200);
  });

  test("ends a table before it lies over too much of the level below", async () => {
    const below = ["b", "d", "f", "h"].map((key) => ({
      smallestKey: utf8(key),
      largestKey: utf8(`${key}z`),
      smallestSequence: 1,
      sizeBytes: 100,
    }));
    const list = ["a", "c", "e", "g", "i", "j"].map((key, index) => entry(key, "v", index + 1));
    const { tables } = await merge([list], { below, mostOverlapBytes: 150 });
    expect(tables.map(keysOf)).toEqual([
      ["a", "c"],
      ["e", "g"],
      ["i", "j"],
    ]);
  });
});

describe("tombstones", () => {
  const outside = (first: string, last: string, smallestSequence: number) => ({
    smallestKey: utf8(first),
    largestKey: utf8(last),
    smallestSequence,
    sizeBytes: 100,
  });

  test("go when they have expired and nothing older can lie below", async () => {
    const { entries, droppedTombstoneCount } = await merge([
      [deleted("a", expiredRecord, 5), entry("b", "v", 6)],
      [entry("a", "older", 2)],
    ]);
    expect(keysOf(entries)).toEqual(["b"]);
    expect(droppedTombstoneCount).toBe(1);
  });

  test("leave no table where nothing else is", async () => {
    const { tables, droppedTombstoneCount } = await merge([[deleted("a", expiredRecord, 5)]]);
    expect(tables).toEqual([]);
    expect(droppedTombstoneCount).toBe(1);
  });

  test.each<[string, Partial<CompactionJob>, string]>([
    ["an older record may lie below", { older: [[outside("a", "c", 1)]] }, expiredRecord],
    [
      "one may lie in the second table of a run",
      { older: [[outside("A", "B", 1), outside("b", "b", 4)]] },
      expiredRecord,
    ],
    [
      "one may lie in the second run",
      { older: [[outside("A", "B", 1)], [outside("b", "b", 4)]] },
      expiredRecord,
    ],
    ["they have not expired", {}, freshRecord],
    ["the grace is longer", { gcGraceMs: nowMs }, expiredRecord],
    ["nothing is known of records", { recordFormat: "opaque" }, expiredRecord],
    ["they cannot be decoded", {}, "nonsense"],
  ])("stay where %s", async (_, changes, record) => {
    const { entries, droppedTombstoneCount } = await merge([[deleted("b", record, 5)]], changes);
    expect(keysOf(entries)).toEqual(["b"]);
    expect(droppedTombstoneCount).toBe(0);
  });

  test.each<[string, CompactionJob["older"]]>([
    ["all records outside are newer", [[outside("a", "c", 6)]]],
    ["tables outside end before the key", [[outside("A", "a", 1)]]],
    ["tables outside begin after the key", [[outside("c", "d", 1)]]],
  ])("go where %s", async (_, older) => {
    expect((await merge([[deleted("b", expiredRecord, 5)]], { older })).entries).toEqual([]);
  });

  test("are asked about in ascending order, each on its own", async () => {
    const keys = ["a", "b", "c", "d", "e", "f"];
    const list = keys.map((key, index) => deleted(key, expiredRecord, 10 + index));
    const older = [[outside("b", "b", 1), outside("d", "e", 1)]];
    expect(keysOf((await merge([list], { older })).entries)).toEqual(["b", "d", "e"]);
  });
});

describe("clock order", () => {
  const value = (key: string, record: string, sequence: number) => entry(key, latin1(record), sequence);

  test("a newer record that has not seen the older one is counted, and written all the same", async () => {
    const older = recordText({ count: 3 });
    const newer = recordText({ count: 2 });
    const { entries, clockOrderViolationCount } = await merge([
      [value("k", newer, 9)],
      [value("k", older, 1)],
    ]);
    expect(clockOrderViolationCount).toBe(1);
    expect(entries.map(({ sequence }) => sequence)).toEqual([9]);
  });

  test.each<[string, string, string]>([
    ["a newer record that has seen the older one", recordText({ count: 3 }), recordText({ count: 2 })],
    ["one after a tombstone that has expired", recordText({ count: 1 }), expiredRecord],
    ["values that are no records", "newer", "older"],
  ])("%s is in order", async (_, newer, older) => {
    const { clockOrderViolationCount } = await merge([[value("k", newer, 9)], [value("k", older, 1)]]);
    expect(clockOrderViolationCount).toBe(0);
  });
});

describe("damage", () => {
  const list = Array.from({ length: 30 }, (_, i) =>
    entry(`key-${String(i).padStart(2, "0")}`, `value ${i}`, i + 1),
  );

  test("any flipped byte of an input fails the job with the file's name, or changes nothing", async () => {
    const { files, job } = await jobOver([list]);
    const content = contentOf(files, "in-0.sst");
    let failureCount = 0;
    for (let position = 0; position < content.length; position++) {
      const damaged = content.slice();
      damaged[position]! ^= 0x10;
      const disk = filesOf(damaged);
      disk.makeDirectory("out");
      disk.rename("000001.sst", "in-0.sst");
      const outcome = await run(disk, job).catch((error: unknown) => error);
      if (outcome instanceof StorageError) {
        failureCount++;
        expect(outcome).toMatchObject({ code: "CORRUPTED_DATA", file: "in-0.sst" });
        expect(disk.openFileCount).toBe(0);
      } else expect((outcome as Merged).entries).toEqual(list);
    }
    expect(failureCount).toBeGreaterThan(content.length / 2);
  });

  test.each([
    ["has another size", { sizeBytes: 1 }],
    ["holds fewer entries", { entryCount: 31 }],
  ])("a table that %s than the manifest says fails the job", async (_, change) => {
    const { files, job } = await jobOver([list]);
    const runs = [[{ ...job.runs[0]![0]!, ...change }]];
    await expect(run(files, { ...job, runs })).rejects.toMatchObject({ code: "CORRUPTED_DATA" });
    expect(files.openFileCount).toBe(0);
  });
});

describe("a job under way", () => {
  const list = Array.from({ length: 3000 }, (_, i) =>
    entry(`key-${String(i).padStart(4, "0")}`, "v".repeat(20), i + 1),
  );

  test("ends when it is told to", async () => {
    const control = new JobControl();
    const { files, job } = await jobOver([list], { control: control.shared });
    control.stop();
    await expect(run(files, job)).rejects.toMatchObject({ code: "UNAVAILABLE" });
  });

  test("writes no faster than its share of the throttle", async () => {
    const control = new JobControl();
    control.runningCount = 2;
    const { files, job } = await jobOver([list], { control: control.shared, throttleBytesPerSecond: 20_000 });
    const clock = new ManualClock(nowMs);
    let isDone = false;
    const running = runCompaction(files, clock, job).then((result) => {
      isDone = true;
      return result;
    });
    let waitedMs = 0;
    while (!isDone) {
      await new Promise((resolve) => setImmediate(resolve));
      if (clock.pendingTimerCount === 0) continue;
      clock.advance(100);
      waitedMs += 100;
    }
    const [output] = (await running).outputs;
    const paidBytes = (waitedMs / 1000) * 10_000;
    expect(Math.abs(output!.sizeBytes - paidBytes)).toBeLessThan(0.35 * output!.sizeBytes);
  });
});
