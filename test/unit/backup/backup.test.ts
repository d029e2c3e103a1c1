import { describe, expect, test } from "bun:test";
import { backupSizeBytes } from "../../../src/backup/backup-manifest.ts";
import { readCatalog } from "../../../src/backup/catalog.ts";
import { pruneBackups } from "../../../src/backup/prune.ts";
import { restoreBackup } from "../../../src/backup/restore.ts";
import { RunningMark, runningBackups } from "../../../src/backup/running-mark.ts";
import { backupPrefix, objectPrefix } from "../../../src/backup/target.ts";
import { verifyBackups } from "../../../src/backup/verify.ts";
import { defaultDirectories } from "../../../src/engine/data-directory.ts";
import { FaultFileSystem } from "../../../src/platform/fault.ts";
import { MemoryFileSystem } from "../../../src/platform/memory.ts";
import { seededRandom } from "../../../src/platform/random.ts";
import {
  BackedUpSource,
  backupsDirectory,
  checkBackups,
  checkRestores,
  restoreNewest,
  targetOf,
} from "../../support/backups.ts";
import { checkCheckpoint } from "../../support/checkpoints.ts";
import { openEngine } from "../../support/engine-driver.ts";
import { tinyOptions } from "../../support/engine-settings.ts";
import { lookUp } from "../../support/store-history.ts";
import { flipBit } from "../../support/whole-file.ts";

async function withSource(act: (source: BackedUpSource, files: MemoryFileSystem) => Promise<void>) {
  const files = new MemoryFileSystem();
  const source = await BackedUpSource.open(files);
  try {
    await act(source, files);
  } finally {
    await source.engine.close();
  }
  expect([files.openFileCount, files.mapCount]).toEqual([0, 0]);
}

describe("a backup", () => {
  test("restores to a store of its own with all that was written before it", () =>
    withSource(async (source, files) => {
      await source.write(0, 120);
      const { manifest, sentBytes } = await source.backUp();
      expect(manifest.sequence).toBe(120);
      expect(sentBytes).toBe(backupSizeBytes(manifest));
      await source.write(0, 60);
      expect(await checkBackups(files)).toBe(1);
      expect(await checkRestores(files, "/restored", source.history)).toBe(120);
      expect(files.list("/restored")).toEqual([
        "CURRENT",
        "LOCK",
        expect.any(String),
        "commitlog",
        "sstables",
      ]);
      expect(files.list("/data/checkpoints")).toEqual([]);
      expect(files.list(backupsDirectory)).toEqual(["backups", "objects", "running", "unfinished"]);
      expect([
        ...files.list(`${backupsDirectory}/running`),
        ...files.list(`${backupsDirectory}/unfinished`),
      ]).toEqual([]);
      const ids = new Set([source.engine.status().storeId]);
      for (const [index, directory] of ["/restored", "/again"].entries()) {
        if (index > 0) await restoreNewest(files, directory, 6);
        const engine = await openEngine(files, { ...tinyOptions(), ...defaultDirectories(directory) }, 9);
        ids.add(engine.status().storeId);
        await engine.close();
      }
      expect(ids.size).toBe(3);
    }));

  test("of an empty store is one", () =>
    withSource(async (source, files) => {
      await source.backUp();
      expect(await checkRestores(files, "/restored", source.history)).toBe(0);
    }));

  test(
    "sends what has changed alone",
    () =>
      withSource(async (source, files) => {
        await source.write(0, 400);
        await source.engine.compactRange();
        const first = await source.backUp();
        await source.write(200, 4);
        const second = await source.backUp();
        expect(second.sentBytes).toBeLessThan(0.15 * first.sentBytes);
        const third = await source.backUp();
        expect(third.sentBytes).toBeLessThanOrEqual(second.sentBytes);
        expect(await checkRestores(files, "/restored", source.history)).toBe(404);
      }),
    60_000,
  );

  test("goes on from what an attempt that failed has sent", () =>
    withSource(async (source, files) => {
      await source.write(0, 200);
      const faults = new FaultFileSystem(files);
      let renames = 0;
      faults.injector = ({ kind, path }) =>
        kind === "rename" && path.includes(objectPrefix) && ++renames > 10 ? "EIO" : undefined;
      await expect(source.backUp(targetOf(faults))).rejects.toThrow("EIO");
      expect(await checkBackups(files)).toBe(0);
      expect(files.list(`${backupsDirectory}/objects`)).toHaveLength(10);
      const { manifest, sentBytes } = await source.backUp();
      expect(sentBytes).toBeLessThan(backupSizeBytes(manifest));
      expect(await checkRestores(files, "/restored", source.history)).toBe(200);
    }));

  test("is refused where an object vanishes meanwhile", () =>
    withSource(async (source, files) => {
      await source.write(0, 100);
      await source.backUp();
      const [name] = files.list(`${backupsDirectory}/objects`);
      const target = targetOf(files);
      let listings = 0;
      const list = target.list.bind(target);
      target.list = async (prefix) => {
        if (prefix === objectPrefix && ++listings === 2) await target.remove(objectPrefix + name!);
        return await list(prefix);
      };
      const refused = source.backUp(target);
      await expect(refused).rejects.toMatchObject({ code: "ABORTED" });
      expect((await readCatalog(target)).backups).toHaveLength(1);
    }));

  test("has its mark when it looks for the last time, though another one has ended", () =>
    withSource(async (source, files) => {
      await source.write(0, 20);
      const { storeId } = source.engine.status();
      const other = await RunningMark.put(targetOf(files), source.clock, storeId);
      const target = targetOf(files);
      const seen: string[][] = [];
      const list = target.list.bind(target);
      target.list = async (prefix) => {
        if (prefix === objectPrefix) {
          seen.push(await runningBackups(targetOf(files), source.clock));
          if (seen.length === 1) await other.remove();
        }
        return await list(prefix);
      };
      await source.backUp(target);
      expect(seen).toEqual([[storeId], [storeId]]);
    }));
});

describe("damage", () => {
  test("of an object is found, and not restored", () =>
    withSource(async (source, files) => {
      await source.write(0, 100);
      const { manifest } = await source.backUp();
      const table = manifest.files.find(({ identity }) => identity !== undefined)!;
      flipBit(files, `${backupsDirectory}/${objectPrefix}${table.sha256}`, 100);
      const { problems } = await verifyBackups(targetOf(files), [manifest]);
      expect(problems).toEqual([
        expect.stringContaining(`${table.sha256} holds something else (needed by ${manifest.id})`),
      ]);
      await expect(restoreNewest(files, "/restored")).rejects.toThrow("restore another backup");
      await expect(
        openEngine(files, { ...tinyOptions(), ...defaultDirectories("/restored") }, 3),
      ).rejects.toThrow("was interrupted");
      await files.remove(`${backupsDirectory}/${objectPrefix}${table.sha256}`);
      expect((await verifyBackups(targetOf(files), [manifest])).problems).toEqual([
        expect.stringContaining("is missing"),
      ]);
      // The next backup sends it again.
      await source.backUp();
      expect(await checkBackups(files)).toBe(2);
    }));

  test("that cut tables short is mended by the next backup", () =>
    withSource(async (source, files) => {
      await source.write(0, 100);
      const { manifest } = await source.backUp();
      for (const { sha256 } of manifest.files.filter(({ identity }) => identity !== undefined)) {
        const file = files.open(`${backupsDirectory}/${objectPrefix}${sha256}`, "write");
        file.truncate(10);
        file.close();
      }
      await source.backUp();
      expect(await checkBackups(files)).toBe(2);
    }));

  test("of a manifest is told, and keeps every object", () =>
    withSource(async (source, files) => {
      await source.write(0, 100);
      const { manifest } = await source.backUp();
      flipBit(files, `${backupsDirectory}/${backupPrefix}${manifest.id}`, 100);
      const { backups, problems } = await readCatalog(targetOf(files));
      expect([backups.length, problems]).toEqual([0, [expect.stringContaining("checksum does not match")]]);
      const count = files.list(`${backupsDirectory}/objects`).length;
      await expect(pruneBackups(targetOf(files), source.clock, { count: 0, ageMs: 0 })).rejects.toThrow(
        "nothing was removed",
      );
      expect(files.list(`${backupsDirectory}/objects`)).toHaveLength(count);
    }));
});

describe("pruning", () => {
  test("removes what no kept backup needs", () =>
    withSource(async (source, files) => {
      for (let round = 0; round < 4; round++) {
        await source.write(100 * round, 100);
        await source.backUp();
        source.clock.advance(1000);
      }
      const target = targetOf(files);
      const ids = (await readCatalog(target)).backups.map(({ id }) => id);
      const all = files.list(`${backupsDirectory}/objects`).length;
      const { removedBackups, removedObjectCount } = await pruneBackups(target, source.clock, {
        count: 1,
        ageMs: 2500,
      });
      expect(removedBackups.map(({ id }) => id)).toEqual(ids.slice(0, 2));
      expect(removedObjectCount).toBeGreaterThan(0);
      expect(files.list(`${backupsDirectory}/objects`)).toHaveLength(all - removedObjectCount);
      expect(await checkBackups(files)).toBe(2);
      await pruneBackups(target, source.clock, { count: 0, ageMs: 0 });
      expect(await checkBackups(files)).toBe(1);
      expect(await checkRestores(files, "/restored", source.history)).toBe(400);
    }));

  test("waits for backups that are under way, for six hours", () =>
    withSource(async (source, files) => {
      await source.backUp();
      const target = targetOf(files);
      await RunningMark.put(target, source.clock, "feed");
      const prune = () => pruneBackups(target, source.clock, { count: 1, ageMs: 0 });
      await expect(prune()).rejects.toThrow("store feed");
      source.clock.advance(6 * 3_600_000);
      expect((await prune()).keptCount).toBe(1);
    }));
});

async function interruptRestore(files: MemoryFileSystem): Promise<void> {
  const faults = new FaultFileSystem(files);
  faults.injector = ({ kind, path }) =>
    kind === "create" && path.includes("/restored/sstables") ? "EIO" : undefined;
  await expect(restoreNewest(faults, "/restored")).rejects.toThrow("EIO");
}

describe("a restore", () => {
  test("of one tenant brings back nothing else", () =>
    withSource(async (source, files) => {
      for (const tenant of ["a", "b", "c"]) await source.write(0, 60, `${tenant}:key`);
      await source.engine.compactRange();
      const { manifest } = await source.backUp();
      const range = { start: Buffer.from("b:"), end: Buffer.from("b;") };
      const directories = defaultDirectories("/restored");
      const { tableCount } = await restoreBackup({ files, random: seededRandom(2) }, targetOf(files), {
        backup: manifest,
        directories,
        range,
      });
      expect(tableCount).toBeLessThan(manifest.files.length - 2);
      const engine = await openEngine(files, { ...tinyOptions(), ...directories }, 9);
      const found = ["a:key-0059", "b:key-0000", "b:key-0059", "c:key-0000"].map((key) =>
        lookUp(engine, key),
      );
      expect(found).toEqual([undefined, expect.any(String), expect.any(String), undefined]);
      await engine.compactRange();
      expect(lookUp(engine, "b:key-0030")).toBeDefined();
      await engine.close();
    }));

  test("begins anew where only a part of its mark is there", () =>
    withSource(async (source, files) => {
      await source.write(0, 50);
      const { manifest } = await source.backUp();
      await interruptRestore(files);
      const mark = files.open("/restored/RESTORING", "write");
      mark.truncate(10);
      // What a crash leaves of a size that outlived the bytes.
      mark.writeAt(new Uint8Array(manifest.id.length + 1 - 10), 10);
      mark.close();
      expect(await checkRestores(files, "/restored", source.history)).toBe(50);
    }));

  test("refuses a directory that holds something, and the rest of another restore", () =>
    withSource(async (source, files) => {
      await source.write(0, 50);
      await source.backUp();
      await expect(restoreNewest(files, "/data")).rejects.toThrow("holds a store");
      await expect(restoreNewest(files, backupsDirectory)).rejects.toThrow("not empty");
      await interruptRestore(files);
      const [backup] = (await readCatalog(targetOf(files))).backups;
      const ofTenant = restoreBackup({ files, random: seededRandom(2) }, targetOf(files), {
        backup: backup!,
        directories: defaultDirectories("/restored"),
        range: { start: Buffer.from("b:"), end: Buffer.from("b;") },
      });
      await expect(ofTenant).rejects.toThrow("of other tenants");
      source.clock.advance(1000);
      await source.backUp();
      await expect(restoreNewest(files, "/restored")).rejects.toThrow("of another backup");
      expect(await checkCheckpoint(files, "/data", tinyOptions(), source.history).catch(String)).toContain(
        "in use",
      );
    }));
});
