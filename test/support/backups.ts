import { expect } from "bun:test";
import { backUpStore } from "../../src/backup/back-up-store.ts";
import { readCatalog } from "../../src/backup/catalog.ts";
import type { CreatedBackup } from "../../src/backup/create.ts";
import { DirectoryTarget } from "../../src/backup/directory-target.ts";
import { restoreBackup } from "../../src/backup/restore.ts";
import type { BackupTarget } from "../../src/backup/target.ts";
import { verifyBackups } from "../../src/backup/verify.ts";
import { defaultDirectories } from "../../src/engine/data-directory.ts";
import type { Engine } from "../../src/engine/engine.ts";
import { entryKinds } from "../../src/engine/internal-key.ts";
import type { FileSystem } from "../../src/platform/file-system.ts";
import { seededRandom } from "../../src/platform/random.ts";
import { checkCheckpoint } from "./checkpoints.ts";
import { openEngine, store } from "./engine-driver.ts";
import { tinyOptions } from "./engine-settings.ts";
import { ManualClock } from "./manual-clock.ts";
import { StoreHistory } from "./store-history.ts";

export const backupsDirectory = "/backups/one";

export function targetOf(files: FileSystem, seed = 1): BackupTarget {
  return new DirectoryTarget(files, seededRandom(seed), backupsDirectory);
}

export class BackedUpSource {
  readonly files: FileSystem;
  readonly history = new StoreHistory();
  readonly clock = new ManualClock();
  readonly engine: Engine;
  #random = seededRandom(11);

  private constructor(files: FileSystem, engine: Engine) {
    this.files = files;
    this.engine = engine;
  }

  static async open(files: FileSystem): Promise<BackedUpSource> {
    return new BackedUpSource(files, await openEngine(files, tinyOptions(), 1));
  }

  async write(firstKey: number, count: number, prefix = "key"): Promise<void> {
    for (let index = firstKey; index < firstKey + count; index++) {
      const key = `${prefix}-${String(index).padStart(4, "0")}`;
      const value = `${this.#random.uint32()} `.repeat(20);
      await (await store(this.engine, this.history, [{ key, kind: entryKinds.value, value }])).acknowledged;
    }
  }

  backUp(target = targetOf(this.files)): Promise<CreatedBackup> {
    const environment = { files: this.files, clock: this.clock, random: this.#random };
    return backUpStore(environment, this.engine, target, "/data/checkpoints/backup");
  }
}

/** Checks that every backup that is listed is whole; returns how many there are. */
export async function checkBackups(files: FileSystem): Promise<number> {
  const target = targetOf(files);
  const { backups, problems } = await readCatalog(target);
  expect([...problems, ...(await verifyBackups(target, backups)).problems]).toEqual([]);
  return backups.length;
}

export async function restoreNewest(files: FileSystem, directory: string, seed = 5): Promise<number> {
  const target = targetOf(files, seed);
  const backup = (await readCatalog(target)).backups.at(-1)!;
  const directories = defaultDirectories(directory);
  await restoreBackup({ files, random: seededRandom(seed) }, target, { backup, directories });
  return backup.sequence;
}

/** Restores the newest backup and compares it with the history up to its sequence number. */
export async function checkRestores(
  files: FileSystem,
  directory: string,
  history: StoreHistory,
): Promise<number> {
  const sequence = await restoreNewest(files, directory);
  expect(await checkCheckpoint(files, directory, tinyOptions(), history)).toBe(sequence);
  return sequence;
}
