import { beforeEach, describe, expect, test } from "bun:test";
import type { StorageError } from "../../../src/base/errors.ts";
import { listNumberedFiles, type NumberedFileKind, takeLock } from "../../../src/engine/data-directory.ts";
import { readManifest, requireManifest } from "../../../src/engine/manifest/read-manifest.ts";
import { VersionSet } from "../../../src/engine/manifest/version-set.ts";
import { acknowledgeDamage, repairDataDirectory } from "../../../src/engine/repair.ts";
import { verifyDataDirectory } from "../../../src/engine/verify.ts";
import { keepAll, keepNone } from "../../../src/platform/crash.ts";
import { FaultFileSystem } from "../../../src/platform/fault.ts";
import type { FileSystem } from "../../../src/platform/file-system.ts";
import { MemoryFileSystem } from "../../../src/platform/memory.ts";
import { openEngine } from "../../support/engine-driver.ts";
import { tinyOptions } from "../../support/engine-settings.ts";
import { memoryEnvironment } from "../../support/memory-environment.ts";
import { flipBit, readWhole, writeWhole } from "../../support/whole-file.ts";
import { testOptions } from "./manifest/manifest-support.ts";
import { directories, expectedData, readStore, storeWithData } from "./store-support.ts";

let files: MemoryFileSystem;
beforeEach(async () => {
  files = await storeWithData();
});

const repair = (over: FileSystem = files) => repairDataDirectory(memoryEnvironment(over), directories);
const acknowledge = () => acknowledgeDamage(memoryEnvironment(files), directories);

const pathsOf = (kind: NumberedFileKind, of = files) =>
  listNumberedFiles(of, directories)
    .filter((file) => file.kind === kind)
    .map(({ path }) => path);

const manifest = () => pathsOf("manifest")[0]!;

describe("a store that is whole", () => {
  test("is left as it is", async () => {
    const operations = files.operationCount;
    expect(await repair()).toEqual({ actions: [], damage: [] });
    expect(await acknowledge()).toEqual([]);
    expect(files.operationCount).toBe(operations);
  });
});

describe("a store that lost a table", () => {
  test("starts again without it, and says so until that is acknowledged", async () => {
    const lost = pathsOf("table").at(-1)!;
    await files.remove(lost);
    await expect(readStore(files)).rejects.toThrow(
      'the table is missing; restore it from a backup, or run "pairdb-node',
    );

    const { actions, damage } = await repair();
    expect(actions).toEqual([`gave up ${lost}`]);
    expect(damage).toMatchObject([{ file: lost, offset: 0, lengthBytes: 0 }]);
    expect(damage[0]!.message).toMatch(
      /the table is missing; its \d+ entries are lost where nothing else holds/,
    );

    const started = await readStore(files);
    expect(started.damage).toEqual(damage);
    const expected = expectedData();
    expect(started.values.size).toBeGreaterThan(100);
    // What is there is right, or older where the newest entry was in the table.
    for (const [key, value] of started.values) {
      expect(value.replace("round 0", "round 1")).toBe(expected.get(key)!);
    }
    expect(await acknowledge()).toEqual(damage);
    expect((await readStore(files)).damage).toEqual([]);
  });

  test("keeps a damaged one's bytes in lost/", async () => {
    const damaged = pathsOf("table")[0]!;
    flipBit(files, damaged, files.status(damaged)!.sizeBytes - 3);
    const bytes = readWhole(files, damaged);
    const { actions } = await repair();
    const kept = damaged.replace("/sstables/", "/lost/");
    expect(actions).toEqual([`moved ${damaged} to ${kept}`]);
    expect(readWhole(files, kept)).toEqual(bytes);
    expect(verifyDataDirectory(files, directories).findings).toEqual([]);
    await readStore(files);
    expect(readWhole(files, kept)).toEqual(bytes);
  });

  test("does not give up a table for one damaged block", async () => {
    flipBit(files, pathsOf("table")[0]!, 5);
    expect(await repair()).toEqual({ actions: [], damage: [] });
  });

  test("does not take another table for it", async () => {
    const [first, second] = pathsOf("table") as [string, string];
    writeWhole(files, second, readWhole(files, first));
    const { damage } = await repair();
    expect(damage.map(({ file }) => file)).toEqual([second]);
    expect(damage[0]!.message).toContain("another table than the manifest describes");
  });
});

describe("a store whose manifest cannot be read", () => {
  const damages: [string, () => void | Promise<void>][] = [
    ["CURRENT is missing", () => files.remove("/data/CURRENT")],
    ["CURRENT is cut", () => writeWhole(files, "/data/CURRENT", new Uint8Array(3))],
    ["the manifest is missing", () => files.remove(manifest())],
    ["the manifest is empty", () => writeWhole(files, manifest(), new Uint8Array(0))],
    ["its header is damaged", () => flipBit(files, manifest(), 30)],
    ["its snapshot is damaged", () => flipBit(files, manifest(), 70)],
  ];
  for (const [what, damage] of damages) {
    test(`gets all of its data back when ${what}`, async () => {
      await damage();
      await expect(readStore(files)).rejects.toThrow("pairdb-node repair /data");
      const report = await repair();
      expect(report.damage).toHaveLength(1);
      expect(report.damage[0]!.message).toContain("the manifest was built anew from");
      const started = await readStore(files);
      expect(started.values).toEqual(expectedData());
      expect(started.damage).toEqual(report.damage);
      expect(verifyDataDirectory(files, directories).findings).toEqual([]);
    });
  }

  test("forgets the range deletions that it alone held, and says so", async () => {
    const engine = await openEngine(files, tinyOptions(), 3);
    await engine.flush();
    engine.pauseCompaction();
    await engine.deleteRange().durable;
    await engine.close();
    expect(readManifest(files, directories).state!.rangeDeletions).toHaveLength(1);
    writeWhole(files, manifest(), new Uint8Array(0));
    const { damage } = await repair();
    expect(damage[0]!.message).toContain("so may what was deleted by range");
    const { values } = await readStore(files);
    expect(values.size).toBeGreaterThan(0);
    for (const [key, value] of values) expect(value).toBe(expectedData().get(key)!);
  });

  test("gets it back wherever the damage is, and keeps the old manifest", async () => {
    const whole = readWhole(files, manifest());
    const name = manifest();
    for (let offset = 0; offset < whole.length; offset += 61) {
      files = await storeWithData();
      flipBit(files, name, offset, offset % 8);
      // Padding between records is not covered, and does not matter.
      if (readManifest(files, directories).problem === undefined) continue;
      const bytes = readWhole(files, name);
      await repair();
      expect(readWhole(files, name.replace("/data/", "/data/lost/"))).toEqual(bytes);
      expect((await readStore(files)).values).toEqual(expectedData());
    }
  });

  test("keeps its id, holders and earlier damage where those can be read", async () => {
    const test = testOptions();
    const set = await VersionSet.open(memoryEnvironment(files), test.options);
    await set.start();
    const earlier = { file: "/data/x", offset: 1, lengthBytes: 2, message: "earlier", foundAtMs: 3 };
    await set.apply({ holders: [{ name: "stream", segmentNumber: 1 }], damage: [earlier] });
    await set.apply({ sequenceHighWater: 2 ** 40 });
    await set.close();
    const { sizeBytes } = files.status(manifest())!;
    flipBit(files, manifest(), sizeBytes - 32);
    const { damage } = await repair();
    const { identity, state } = requireManifest(files, directories);
    expect(identity.storeId.toHex()).toBe(set.storeId);
    expect([...state.holders]).toEqual([["stream", 1]]);
    expect(state.damage).toEqual([earlier, ...damage]);
  });

  test("does not bring back a table that is known to be obsolete", async () => {
    const set = await VersionSet.open(memoryEnvironment(files), testOptions().options);
    await set.start();
    const view = set.current.acquire();
    const { fileNumber, level } = set.state.levels.flat().at(-1)!;
    const strayCount = pathsOf("table").length - set.state.levels.flat().length;
    await set.apply({ removedTables: [{ level, fileNumber }] });
    await set.apply({ sequenceHighWater: 2 ** 40 });
    await set.close();
    view.release();
    flipBit(files, manifest(), files.status(manifest())!.sizeBytes - 32);
    expect(strayCount).toBe(0);
    expect(pathsOf("table")).toHaveLength(set.state.levels.flat().length + 1);
    await repair();
    const numbers = requireManifest(files, directories)
      .state.levels.flat()
      .map((table) => table.fileNumber);
    expect(numbers).toHaveLength(set.state.levels.flat().length);
    expect(numbers).not.toContain(fileNumber);
  });

  test("moves tables that were never finished aside", async () => {
    await files.remove("/data/CURRENT");
    writeWhole(files, "/data/sstables/000900.sst", new Uint8Array(100));
    const { actions, damage } = await repair();
    expect(actions).toContain("moved /data/sstables/000900.sst to /data/lost/000900.sst");
    expect(damage.map(({ file }) => file)).toEqual(["/data/sstables/000900.sst", "/data/CURRENT"]);
    expect((await readStore(files)).values).toEqual(expectedData());
  });

  test("goes on past every sequence number that was handed out", async () => {
    const { lastSequence } = await readStore(files);
    await files.remove("/data/CURRENT");
    for (const path of pathsOf("segment")) await files.remove(path);
    await repair();
    const { state } = requireManifest(files, directories);
    expect(state.sequenceHighWater).toBeGreaterThan(lastSequence + 2 ** 31);
    expect(state.flushedThroughSequence).toBe(lastSequence);
    expect((await readStore(files)).values).toEqual(expectedData());
  });
});

describe("repair", () => {
  for (const [what, damage] of [
    ["of a manifest", () => flipBit(files, manifest(), 70)],
    [
      "of a lost table",
      () => flipBit(files, pathsOf("table")[0]!, files.status(pathsOf("table")[0]!)!.sizeBytes - 3),
    ],
  ] as const) {
    test(`${what} that crashes anywhere is done by the next one`, async () => {
      damage();
      const tables = pathsOf("table").length;
      const clones: MemoryFileSystem[] = [];
      // As a disk that was damaged while nobody looked: nothing is unsynced.
      const running = files.crashClone(keepAll);
      running.onOperation = () => {
        for (const policy of [keepNone, keepAll]) clones.push(running.crashClone(policy));
      };
      await repair(running);
      expect(clones.length).toBeGreaterThan(20);
      for (const clone of clones) {
        await repair(clone);
        const { values } = await readStore(clone);
        expect(values.size).toBeGreaterThan(100);
        if (what === "of a manifest") expect(values).toEqual(expectedData());
        const lost = clone.status("/data/lost") === undefined ? [] : clone.list("/data/lost");
        expect(lost.length).toBeGreaterThan(0);
        expect(tables).toBeGreaterThan(3);
      }
    });
  }

  test("is refused while a node runs, without a store, and of a newer format", async () => {
    const lock = takeLock(files, directories);
    await expect(repair()).rejects.toThrow("in use by another process");
    await expect(acknowledge()).rejects.toThrow("in use by another process");
    lock.release();
    await expect(repair(new MemoryFileSystem())).rejects.toThrow("there is no store in /data");

    const bytes = readWhole(files, manifest());
    bytes[8] = 9;
    new DataView(bytes.buffer).setUint32(60, Bun.hash.crc32(bytes.slice(0, 60)), true);
    writeWhole(files, manifest(), bytes);
    const refused = (await repair().catch((error: unknown) => error)) as StorageError;
    expect(refused.message).toContain("use a newer pairdb-node");
    expect(readWhole(files, manifest())).toEqual(bytes);
  });

  test("gives up a table that the disk cannot read, but not for want of permission", async () => {
    const path = pathsOf("table")[0]!;
    const failing = (code: string) =>
      new FaultFileSystem(files, (operation) =>
        operation.kind === "read" && operation.path === path ? code : undefined,
      );
    await expect(repair(failing("EACCES"))).rejects.toThrow("EACCES");
    const { damage } = await repair(failing("EIO"));
    expect(damage[0]!.message).toContain("the disk cannot read it");
  });
});
