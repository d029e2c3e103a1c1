/** Crashes the machine at operations of a backup, a pruning and a restore. `BACKUP_STRIDE=1` takes every one of them. */
import { expect, test } from "bun:test";
import { readCatalog } from "../../../src/backup/catalog.ts";
import { pruneBackups } from "../../../src/backup/prune.ts";
import { defaultDirectories } from "../../../src/engine/data-directory.ts";
import { type CrashPolicy, keepAll, keepNone, keepRandomSectors } from "../../../src/platform/crash.ts";
import { MemoryFileSystem } from "../../../src/platform/memory.ts";
import { seededRandom } from "../../../src/platform/random.ts";
import {
  BackedUpSource,
  checkBackups,
  checkRestores,
  restoreNewest,
  targetOf,
} from "../../support/backups.ts";
import { checkCheckpoint } from "../../support/checkpoints.ts";
import { openEngine } from "../../support/engine-driver.ts";
import { tinyOptions } from "../../support/engine-settings.ts";

/** Against hanging only. */
const limitMs = 120_000;
const stride = Number(process.env["BACKUP_STRIDE"] ?? 19);

interface Moment {
  readonly title: string;
  readonly files: MemoryFileSystem;
}

/** The crashes at operations of `act`. */
async function momentsOf(
  files: MemoryFileSystem,
  act: () => Promise<unknown>,
  every = stride,
): Promise<Moment[]> {
  const moments: Moment[] = [];
  files.onOperation = ({ index, kind, path }) => {
    if (index % every !== 0) return;
    const policies: CrashPolicy[] = [
      keepNone,
      keepAll,
      keepRandomSectors(seededRandom(index), "some sectors"),
    ];
    for (const policy of policies) {
      const title = `crash before operation ${index} (${kind} ${path}), ${policy.name}`;
      moments.push({ title, files: files.crashClone(policy) });
    }
  };
  await act();
  files.onOperation = undefined;
  expect(moments.length).toBeGreaterThan(10);
  return moments;
}

async function atEach(moments: readonly Moment[], check: (files: MemoryFileSystem) => Promise<void>) {
  for (const { title, files } of moments) {
    try {
      await check(files);
    } catch (error) {
      throw new Error(title, { cause: error });
    }
  }
}

async function withBackups(act: (source: BackedUpSource, files: MemoryFileSystem) => Promise<void>) {
  const files = new MemoryFileSystem();
  const source = await BackedUpSource.open(files);
  try {
    await source.write(0, 60);
    await source.backUp();
    source.clock.advance(1000);
    await source.write(40, 40);
    await act(source, files);
  } finally {
    await source.engine.close();
  }
}

test(
  "a backup that is cut off does not count, and harms no other one",
  () =>
    withBackups(async (source, files) => {
      const moments = await momentsOf(files, () => source.backUp());
      await atEach(moments, async (crashed) => {
        const count = await checkBackups(crashed);
        expect(count).toBeGreaterThanOrEqual(1);
        expect(await checkRestores(crashed, "/restored", source.history)).toBe(count === 1 ? 60 : 100);
      });
      // The node starts, and its next backup counts.
      const [crashed] = moments.slice(moments.length / 2);
      const engine = await openEngine(crashed!.files, tinyOptions(), 3);
      await engine.close();
    }),
  limitMs,
);

test(
  "a pruning that is cut off leaves whole backups",
  () =>
    withBackups(async (source, files) => {
      await source.backUp();
      const prune = (at: MemoryFileSystem) =>
        pruneBackups(targetOf(at), source.clock, { count: 1, ageMs: 0 });
      const moments = await momentsOf(files, () => prune(files), 1);
      await atEach(moments, async (crashed) => {
        await checkBackups(crashed);
        expect((await prune(crashed)).keptCount).toBe(1);
        const [kept] = (await readCatalog(targetOf(crashed))).backups;
        const needed = new Set(kept!.files.map(({ sha256 }) => sha256));
        expect(new Set(crashed.list("/backups/one/objects"))).toEqual(needed);
        expect(await checkBackups(crashed)).toBe(1);
      });
    }),
  limitMs,
);

test(
  "a restore that is cut off is refused as a store, and continued",
  () =>
    withBackups(async (source, files) => {
      await source.backUp();
      const directory = "/restored";
      const moments = await momentsOf(files, () => restoreNewest(files, directory), 5);
      let refused = 0;
      await atEach(moments, async (crashed) => {
        const names = crashed.status(directory) === undefined ? [] : crashed.list(directory);
        if (names.includes("RESTORING")) {
          const opened = openEngine(crashed, { ...tinyOptions(), ...defaultDirectories(directory) }, 3);
          expect(await opened.catch(String)).toContain("was interrupted");
          refused++;
        }
        if (names.includes("CURRENT") && !names.includes("RESTORING")) {
          await checkCheckpoint(crashed, directory, tinyOptions(), source.history);
        } else {
          expect(await checkRestores(crashed, directory, source.history)).toBe(100);
        }
      });
      expect(refused).toBeGreaterThan(2);
    }),
  limitMs,
);
