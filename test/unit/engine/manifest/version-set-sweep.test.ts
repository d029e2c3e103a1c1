/**
 * One scripted life of a store, crashed at every operation and failed at every operation: what was acknowledged is
 * there afterwards, with at most the edit that was under way.
 */
import { expect, test } from "bun:test";
import { openDataDirectory, recognise, tablePath } from "../../../../src/engine/data-directory.ts";
import type { ManifestState } from "../../../../src/engine/manifest/state.ts";
import type { VersionEdit } from "../../../../src/engine/manifest/version-edit.ts";
import { VersionSet } from "../../../../src/engine/manifest/version-set.ts";
import { removeStrayFiles } from "../../../../src/engine/stray-files.ts";
import { keepAll, keepNone } from "../../../../src/platform/crash.ts";
import { FaultFileSystem } from "../../../../src/platform/fault.ts";
import type { FileSystem } from "../../../../src/platform/file-system.ts";
import { MemoryFileSystem } from "../../../../src/platform/memory.ts";
import { crashPolicies } from "../../../support/crash-policies.ts";
import { memoryEnvironment } from "../../../support/memory-environment.ts";
import { makeDurable } from "../../../support/whole-file.ts";
import { directories, tableMetadata, testOptions, writeTableFile } from "./manifest-support.ts";

/** What an observer of the store sees; file numbers handed out are not part of it. */
const visible = ({ nextFileNumber: _, ...state }: ManifestState) => state;

class Life {
  /** The states that were acknowledged, and the one that is under way. */
  acknowledged: ReturnType<typeof visible> | undefined;
  attempted: VersionEdit | undefined;
  /** Reopenings that did not show what was acknowledged. */
  readonly surprises: unknown[] = [];
  readonly #files: FileSystem;

  constructor(files: FileSystem) {
    this.#files = files;
  }

  /** Rejects at the first thing that fails. */
  async run(): Promise<void> {
    await this.#session(async (set) => {
      await this.#addTable(set);
      await this.#addTable(set);
      await this.#apply(set, { holders: [{ name: "stream", segmentNumber: 0 }], sequenceHighWater: 50 });
      await this.#removeOldest(set);
    });
    await this.#session(async (set) => {
      for (let round = 0; round < 3; round++) await this.#addTable(set);
      await this.#removeOldest(set);
      await this.#apply(set, { droppedHolders: ["stream"], flushedThroughSequence: 40 });
    });
  }

  async #session(work: (set: VersionSet) => Promise<void>): Promise<void> {
    const environment = memoryEnvironment(this.#files);
    // Small enough for several manifests in each session.
    const { options } = testOptions(200);
    const { lock, isNew } = await openDataDirectory(this.#files, directories);
    try {
      const set = await (isNew
        ? VersionSet.create(environment, options)
        : VersionSet.open(environment, options));
      this.acknowledged ??= visible(set.state);
      if (!Bun.deepEquals(visible(set.state), this.acknowledged)) this.surprises.push(visible(set.state));
      if (!isNew) await set.start();
      await removeStrayFiles(environment, directories, set, { keepUnknown: false });
      await work(set);
      await set.close();
    } finally {
      lock.release();
    }
  }

  async #addTable(set: VersionSet): Promise<void> {
    const table = tableMetadata(set.allocateFileNumber());
    writeTableFile(this.#files, table);
    await makeDurable(this.#files, tablePath(directories, table.fileNumber));
    await this.#apply(set, { addedTables: [table] });
  }

  async #removeOldest(set: VersionSet): Promise<void> {
    const { fileNumber } = set.current.levels[0]!.at(-1)!.metadata;
    await this.#apply(set, { removedTables: [{ level: 0, fileNumber }] });
  }

  async #apply(set: VersionSet, edit: VersionEdit): Promise<void> {
    this.attempted = edit;
    await set.apply(edit);
    this.acknowledged = visible(set.state);
    this.attempted = undefined;
  }
}

/** What is left on a disk must be what was acknowledged, or that and the edit under way. */
async function checkSurvivor(files: FileSystem, life: Life, what: string): Promise<void> {
  if (recognise(files, directories) === "new") {
    expect([what, life.acknowledged]).toEqual([what, undefined]);
    return;
  }
  const set = await VersionSet.open(memoryEnvironment(files), testOptions().options);
  const found = visible(set.state);
  if (life.acknowledged === undefined || Bun.deepEquals(found, life.acknowledged)) return;
  expect([what, life.attempted]).not.toEqual([what, undefined]);
  const { addedTables = [], removedTables = [], ...rest } = life.attempted!;
  const numbers = found.levels[0]!.map(({ fileNumber }) => fileNumber);
  for (const { fileNumber } of addedTables) expect(numbers).toContain(fileNumber);
  for (const { fileNumber } of removedTables) expect(numbers).not.toContain(fileNumber);
  expect(numbers).toHaveLength(
    life.acknowledged.levels[0]!.length + addedTables.length - removedTables.length,
  );
  if (rest.holders !== undefined)
    expect([...found.holders.keys()]).toEqual(rest.holders.map(({ name }) => name));
  if (rest.droppedHolders !== undefined) expect(found.holders.size).toBe(0);
}

test("a crash at any operation keeps what was acknowledged", async () => {
  const files = new MemoryFileSystem();
  const life = new Life(files);
  const crashes: Promise<void>[] = [];
  files.onOperation = ({ index, kind, path }) => {
    const { acknowledged, attempted } = life;
    const moment = Object.assign(new Life(files), { acknowledged, attempted });
    for (const policy of crashPolicies(files, index)) {
      const what = `${policy.name} at operation ${index}, ${kind} ${path}`;
      crashes.push(checkSurvivor(files.crashClone(policy), moment, what));
    }
  };
  await life.run();
  expect(life.surprises).toEqual([]);
  await Promise.all(crashes);
  expect(crashes.length).toBeGreaterThan(500);
});

for (const code of ["EIO", "ENOSPC"]) {
  test(`${code} at any operation keeps what was acknowledged`, async () => {
    for (let failing = 0; ; failing++) {
      const memory = new MemoryFileSystem();
      const files = new FaultFileSystem(memory, ({ index }) => (index === failing ? code : undefined), {
        shortWrites: true,
      });
      const life = new Life(files);
      await life.run().catch(() => {});
      expect([failing, life.surprises]).toEqual([failing, []]);
      for (const policy of [keepNone, keepAll]) {
        await checkSurvivor(memory.crashClone(policy), life, `${code} at ${failing}, then ${policy.name}`);
      }
      if (files.operationCount <= failing) {
        expect(failing).toBeGreaterThan(200);
        break;
      }
    }
  });
}
