import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  type CrashPolicy,
  keepAll,
  keepNone,
  keepPages,
  keepRandomSectors,
  type SizeFate,
} from "../../../src/platform/crash.ts";
import type { File } from "../../../src/platform/file-system.ts";
import { MemoryFileSystem } from "../../../src/platform/memory.ts";
import { seededRandom } from "../../../src/platform/random.ts";
import { makeDurable, readWhole, writeWhole } from "../../support/whole-file.ts";

const page = 4096;
const sector = 512;

const filled = (byte: number, length: number): Uint8Array => new Uint8Array(length).fill(byte);

/** A file of which `durableBytes` bytes of 1 are on disk, open for more. */
async function durableFile(files: MemoryFileSystem, durableBytes: number, path = "/a"): Promise<File> {
  const file = files.open(path, "create");
  file.writeAt(filled(1, durableBytes), 0);
  await file.sync();
  await files.syncDirectory("/");
  return file;
}

/** Runs of equal bytes: [[1, 4096], [0, 512]] for 4,096 ones and 512 zeros. */
function runsOf(bytes: Uint8Array): [byte: number, length: number][] {
  const runs: [number, number][] = [];
  for (const byte of bytes) {
    const last = runs.at(-1);
    if (last?.[0] === byte) last[1]++;
    else runs.push([byte, 1]);
  }
  return runs;
}

const runsAfter = (files: MemoryFileSystem, policy: CrashPolicy, path = "/a"): [number, number][] =>
  runsOf(readWhole(files.crashClone(policy), path));

/** Keeps the sectors of unsynced pages whose turn is in `kept`, in the order in which they are asked for. */
function keepTurns(kept: number[], sizeFate: SizeFate): CrashPolicy {
  let turn = 0;
  return {
    name: "keep turns",
    directoryOperationsKept: (count) => count,
    keepsSector: () => kept.includes(turn++),
    sizeFate: () => sizeFate,
  };
}

describe("bytes after a crash", () => {
  test("keep none: what was synced, and no more", async () => {
    const files = new MemoryFileSystem();
    const file = await durableFile(files, page);
    file.writeAt(filled(2, 100), 50);
    file.writeAt(filled(2, page), page);
    expect(runsAfter(files, keepNone)).toEqual([[1, page]]);
  });

  test("keep all: everything", async () => {
    const files = new MemoryFileSystem();
    const file = await durableFile(files, page);
    file.writeAt(filled(2, 100), page - 50);
    expect(runsAfter(files, keepAll)).toEqual([
      [1, page - 50],
      [2, 100],
    ]);
  });

  test("any subset of sectors: the others keep their durable bytes", async () => {
    const files = new MemoryFileSystem();
    const file = await durableFile(files, page);
    file.writeAt(filled(2, page), 0);
    expect(runsAfter(files, keepTurns([0, 2, 7], "written"))).toEqual([
      [2, sector],
      [1, sector],
      [2, sector],
      [1, 4 * sector],
      [2, sector],
    ]);
  });

  test("a sector is kept whole, with the durable bytes that the write left in it", async () => {
    const files = new MemoryFileSystem();
    const file = await durableFile(files, page);
    file.writeAt(filled(2, 20), sector - 10);
    expect(runsAfter(files, keepTurns([1], "written"))).toEqual([
      [1, sector],
      [2, 10],
      [1, page - sector - 10],
    ]);
  });

  test("a longer size that survives its bytes reads zeros", async () => {
    const files = new MemoryFileSystem();
    const file = await durableFile(files, 100);
    file.writeAt(filled(2, 2 * page), 100);
    expect(runsAfter(files, keepTurns([], "written"))).toEqual([
      [1, 100],
      [0, 2 * page],
    ]);
    expect(runsAfter(files, keepTurns([9], "written"))).toEqual([
      [1, 100],
      [0, page + sector - 100],
      [2, sector],
      [0, page - 2 * sector + 100],
    ]);
  });

  test("a size that does not survive cuts what was kept behind it; it does not come back", async () => {
    const files = new MemoryFileSystem();
    const file = await durableFile(files, 100);
    file.writeAt(filled(2, 2 * page), 100);
    const clone = files.crashClone(keepTurns([0, 1, 2, 3, 4, 5, 6, 7, 8], "synced"));
    expect(runsOf(readWhole(clone, "/a"))).toEqual([[1, 100]]);
    const reopened = clone.open("/a", "write");
    reopened.truncate(page);
    expect(runsOf(readWhole(clone, "/a"))).toEqual([
      [1, 100],
      [0, page - 100],
    ]);
  });

  test("keep pages: the first in write order, and the size as far as they reach", async () => {
    const files = new MemoryFileSystem();
    const file = await durableFile(files, page);
    file.writeAt(filled(2, page), page);
    file.writeAt(filled(3, 100), 2 * page);
    file.writeAt(filled(4, page), 0);
    expect(files.unsyncedPageCount).toBe(3);
    expect(runsAfter(files, keepPages(0))).toEqual([[1, page]]);
    expect(runsAfter(files, keepPages(1))).toEqual([
      [1, page],
      [2, page],
    ]);
    expect(runsAfter(files, keepPages(2))).toEqual([
      [1, page],
      [2, page],
      [3, 100],
    ]);
    expect(runsAfter(files, keepPages(3))).toEqual([
      [4, page],
      [2, page],
      [3, 100],
    ]);
  });

  test("keep pages: a page that is written again moves to the end of the order, also across files", async () => {
    const files = new MemoryFileSystem();
    const a = await durableFile(files, page, "/a");
    const b = await durableFile(files, page, "/b");
    a.writeAt(filled(2, 1), 0);
    b.writeAt(filled(2, 1), 0);
    a.writeAt(filled(3, 1), 1);
    expect(runsAfter(files, keepPages(1), "/a")).toEqual([[1, page]]);
    expect(runsAfter(files, keepPages(1), "/b")).toEqual([
      [2, 1],
      [1, page - 1],
    ]);
  });

  test("a cut is unsynced too: the old bytes come back, or the cut stays", async () => {
    const files = new MemoryFileSystem();
    const file = await durableFile(files, 2 * page);
    file.truncate(700);
    expect(runsAfter(files, keepNone)).toEqual([[1, 2 * page]]);
    expect(runsAfter(files, keepAll)).toEqual([[1, 700]]);
    await file.sync();
    expect(runsAfter(files, keepNone)).toEqual([[1, 700]]);
  });

  test("a cut that does not survive may have zeroed the rest of its sector, and nothing behind it", async () => {
    const files = new MemoryFileSystem();
    const file = await durableFile(files, 2 * page);
    file.truncate(700);
    expect(runsAfter(files, { ...keepAll, sizeFate: () => "synced" })).toEqual([
      [1, 700],
      [0, 2 * sector - 700],
      [1, 2 * page - 2 * sector],
    ]);
  });

  test("what was written after an unsynced cut can stand before the old bytes", async () => {
    const files = new MemoryFileSystem();
    const file = await durableFile(files, 2 * page);
    file.truncate(sector);
    file.writeAt(filled(2, sector), sector);
    expect(runsAfter(files, keepTurns([1], "synced"))).toEqual([
      [1, sector],
      [2, sector],
      [1, 2 * page - 2 * sector],
    ]);
  });

  test("zero-fill is durable once it resolves, and what was written elsewhere is not", async () => {
    const files = new MemoryFileSystem();
    const file = await durableFile(files, page);
    file.writeAt(filled(2, page), 0);
    await file.zeroFill(page, 64 * 1024);
    expect(runsAfter(files, keepNone)).toEqual([
      [1, page],
      [0, 64 * 1024],
    ]);
  });

  test("what survived is durable: a second crash changes nothing", async () => {
    const files = new MemoryFileSystem();
    const file = await durableFile(files, page);
    file.writeAt(filled(2, page), 0);
    const survivor = files.crashClone(keepTurns([3], "written"));
    expect(survivor.unsyncedPageCount).toBe(0);
    expect(runsAfter(survivor, keepNone)).toEqual(runsOf(readWhole(survivor, "/a")));
  });

  test("the disk and its clones do not see each other's writes", async () => {
    const files = new MemoryFileSystem();
    const file = await durableFile(files, page);
    file.writeAt(filled(2, 10), 0);
    const clones = [files.crashClone(keepAll), files.crashClone(keepNone), files.killClone()];
    const before = clones.map((clone) => runsOf(readWhole(clone, "/a")));
    file.writeAt(filled(3, 20), 5);
    writeWhole(clones[0]!, "/a", filled(4, 1));
    expect(runsOf(readWhole(clones[1]!, "/a"))).toEqual(before[1]!);
    expect(runsOf(readWhole(clones[2]!, "/a"))).toEqual(before[2]!);
    expect(runsOf(readWhole(files, "/a"))).toEqual([
      [2, 5],
      [3, 20],
      [1, page - 25],
    ]);
  });

  test("property: every sector is as written, as synced, or zeros past the synced size", async () => {
    const size = fc.integer({ min: 0, max: 3 * page });
    const operation = fc.record({ truncate: fc.boolean(), position: size, length: size });
    await fc.assert(
      fc.asyncProperty(
        size,
        fc.array(operation, { maxLength: 5 }),
        fc.nat(),
        async (durable, operations, seed) => {
          const files = new MemoryFileSystem();
          const file = await durableFile(files, durable);
          for (const [i, { truncate, position, length }] of operations.entries()) {
            if (truncate) file.truncate(position);
            else if (length > 0) file.writeAt(filled(i + 2, length), position);
          }
          const written = readWhole(files, "/a");
          const survived = readWhole(files.crashClone(keepRandomSectors(seededRandom(seed))), "/a");
          expect(survived.length).toBeOneOf([durable, written.length]);
          for (let start = 0; start < survived.length; start += sector) {
            const end = Math.min(start + sector, survived.length);
            const found = runsOf(survived.subarray(start, end));
            expect([sectorOf(written, start, end), sectorOf(filled(1, durable), start, end)]).toContainEqual(
              found,
            );
          }
        },
      ),
      { numRuns: 200 },
    );
  });
});

/** A sector as it would be read, with zeros past the end of the bytes. */
function sectorOf(bytes: Uint8Array, start: number, end: number): [number, number][] {
  const padded = new Uint8Array(end - start);
  padded.set(bytes.subarray(start, end));
  return runsOf(padded);
}

test("a copy is on the disk when it resolves, and before that in part", async () => {
  const files = new MemoryFileSystem();
  await durableFile(files, 2 * page);
  const copied = files.copy("/a", "/b");
  expect(runsAfter(files, keepPages(1), "/b")).toEqual([[1, page]]);
  await copied;
  await files.syncDirectory("/");
  expect(runsAfter(files, keepNone, "/b")).toEqual([[1, 2 * page]]);
});

describe("names after a crash", () => {
  const listAfter = (files: MemoryFileSystem, policy: CrashPolicy, directory = "/"): string[] =>
    files.crashClone(policy).list(directory);

  test("a synced file whose name was not synced is lost", async () => {
    const files = new MemoryFileSystem();
    const file = files.open("/a", "create");
    file.writeAt(filled(1, 10), 0);
    await file.sync();
    expect(listAfter(files, keepNone)).toEqual([]);
    expect(listAfter(files, keepAll)).toEqual(["a"]);
    await files.syncDirectory("/");
    expect(runsAfter(files, keepNone)).toEqual([[1, 10]]);
  });

  test("a name that was synced before its file stands for an empty file", async () => {
    const files = new MemoryFileSystem();
    writeWhole(files, "/a", filled(1, 10));
    await files.syncDirectory("/");
    expect(runsAfter(files, keepNone)).toEqual([]);
    expect(runsAfter(files, keepPages(0))).toEqual([]);
  });

  test("the names in a directory whose own name was not synced are lost with it", async () => {
    const files = new MemoryFileSystem();
    files.makeDirectory("/data/sstables");
    writeWhole(files, "/data/sstables/a", filled(1, 10));
    await makeDurable(files, "/data/sstables/a");
    expect(listAfter(files, keepNone)).toEqual([]);
    await files.syncDirectory("/");
    expect(listAfter(files, keepNone, "/data")).toEqual([]);
    await files.syncDirectory("/data");
    expect(runsAfter(files, keepNone, "/data/sstables/a")).toEqual([[1, 10]]);
  });

  test("a rename leaves the old name or the new one, with what each stood for", async () => {
    const files = new MemoryFileSystem();
    writeWhole(files, "/CURRENT", filled(1, 10));
    await makeDurable(files, "/CURRENT");
    writeWhole(files, "/CURRENT.new", filled(2, 10));
    await makeDurable(files, "/CURRENT.new");
    files.rename("/CURRENT.new", "/CURRENT");
    expect(listAfter(files, keepNone)).toEqual(["CURRENT", "CURRENT.new"]);
    expect(runsAfter(files, keepNone, "/CURRENT")).toEqual([[1, 10]]);
    expect(listAfter(files, keepAll)).toEqual(["CURRENT"]);
    expect(runsAfter(files, keepAll, "/CURRENT")).toEqual([[2, 10]]);
    await files.syncDirectory("/");
    expect(listAfter(files, keepNone)).toEqual(["CURRENT"]);
    expect(runsAfter(files, keepNone, "/CURRENT")).toEqual([[2, 10]]);
  });

  test("a file renamed before it was synced can be found empty under its new name", async () => {
    const files = new MemoryFileSystem();
    writeWhole(files, "/CURRENT.new", filled(2, 10));
    files.rename("/CURRENT.new", "/CURRENT");
    await files.syncDirectory("/");
    expect(listAfter(files, keepNone)).toEqual(["CURRENT"]);
    expect(runsAfter(files, keepNone, "/CURRENT")).toEqual([]);
  });

  test("operations survive in their order", async () => {
    const files = new MemoryFileSystem();
    for (const name of ["a", "b", "c"]) writeWhole(files, `/${name}`, filled(1, 1));
    files.rename("/a", "/d");
    await files.remove("/b");
    const keepOperations = (count: number): CrashPolicy => ({
      ...keepAll,
      directoryOperationsKept: () => count,
    });
    const found = [0, 1, 2, 3, 4, 5].map((count) => listAfter(files, keepOperations(count)).join(""));
    expect(found).toEqual(["", "a", "ab", "abc", "bcd", "cd"]);
  });

  test("a removal that was not synced brings the file back, with its durable bytes", async () => {
    const files = new MemoryFileSystem();
    await durableFile(files, 10);
    await files.remove("/a");
    expect(runsAfter(files, keepNone)).toEqual([[1, 10]]);
    expect(listAfter(files, keepAll)).toEqual([]);
  });

  test("a rename between directories is one operation: the file is in one place", async () => {
    const files = new MemoryFileSystem();
    files.makeDirectory("/from");
    files.makeDirectory("/to");
    await files.syncDirectory("/");
    writeWhole(files, "/from/a", filled(1, 10));
    await makeDurable(files, "/from/a");
    writeWhole(files, "/to/before", filled(1, 1));
    files.rename("/from/a", "/to/a");
    const placesAfter = (policy: CrashPolicy): string[][] => {
      const clone = files.crashClone(policy);
      return [clone.list("/from"), clone.list("/to")];
    };
    expect(placesAfter(keepNone)).toEqual([["a"], []]);
    for (let seed = 0; seed < 20; seed++) {
      const places = placesAfter(keepRandomSectors(seededRandom(seed)));
      expect(places.flat().filter((name) => name === "a")).toHaveLength(1);
    }
    await files.syncDirectory("/from");
    expect(placesAfter(keepNone)).toEqual([[], ["a", "before"]]);
  });

  test("a linked file survives under the name that was synced", async () => {
    const files = new MemoryFileSystem();
    files.makeDirectory("/copy");
    await files.syncDirectory("/");
    await durableFile(files, 10);
    files.link("/a", "/copy/a");
    await files.syncDirectory("/copy");
    await files.remove("/a");
    await files.syncDirectory("/");
    const clone = files.crashClone(keepNone);
    expect(clone.list("/")).toEqual(["copy"]);
    expect(runsOf(readWhole(clone, "/copy/a"))).toEqual([[1, 10]]);
  });

  test("random directories keep every number of first operations", () => {
    const files = new MemoryFileSystem();
    for (const name of ["a", "b", "c"]) writeWhole(files, `/${name}`, filled(1, 1));
    const found = new Set<string>();
    for (let seed = 0; seed < 100; seed++) {
      found.add(listAfter(files, keepRandomSectors(seededRandom(seed))).join(""));
    }
    expect([...found].sort()).toEqual(["", "a", "ab", "abc"]);
  });

  test("a seed repeats its crash", async () => {
    const files = new MemoryFileSystem();
    const file = await durableFile(files, page);
    file.writeAt(filled(2, 10 * page), 0);
    const crash = (seed: number): Uint8Array =>
      readWhole(files.crashClone(keepRandomSectors(seededRandom(seed))), "/a");
    expect(crash(1)).toEqual(crash(1));
    expect(crash(1)).not.toEqual(crash(2));
  });
});
