import { describe, expect, test } from "bun:test";
import { type StorageError, storageErrorCodes } from "../../../src/base/errors.ts";
import type { Checkpoint } from "../../../src/engine/checkpoint.ts";
import {
  defaultDirectories,
  makeDurableDirectory,
  unfinishedSuffix,
} from "../../../src/engine/data-directory.ts";
import type { Engine } from "../../../src/engine/engine.ts";
import { entryKinds } from "../../../src/engine/internal-key.ts";
import type { EngineOptions } from "../../../src/engine/options.ts";
import type { View } from "../../../src/engine/view.ts";
import { keepNone } from "../../../src/platform/crash.ts";
import { FaultFileSystem, type FaultInjector } from "../../../src/platform/fault.ts";
import { MemoryFileSystem } from "../../../src/platform/memory.ts";
import { realFileSystem } from "../../../src/platform/real.ts";
import { checkCheckpoint, checkInterruptedCheckpoint } from "../../support/checkpoints.ts";
import { crashPolicies } from "../../support/crash-policies.ts";
import { deleteRange, openEngine, store } from "../../support/engine-driver.ts";
import { tinyOptions } from "../../support/engine-settings.ts";
import { StoreHistory } from "../../support/store-history.ts";
import { temporaryFolder } from "../../support/temp-folder.ts";
import { writeWhole } from "../../support/whole-file.ts";

const temporary = temporaryFolder();
const target = "/copies/first";

class Source {
  readonly history = new StoreHistory();
  readonly engine: Engine;
  #written = 0;

  constructor(engine: Engine) {
    this.engine = engine;
  }

  /** Writes over 40 keys, in order; resolves when all is acknowledged. */
  async write(count: number): Promise<void> {
    for (let index = 0; index < count; index++) {
      const number = this.#written++;
      const entry = { key: `key-${number % 40}`, kind: entryKinds.value, value: `${number} `.repeat(40) };
      await (await store(this.engine, this.history, [entry])).acknowledged;
    }
  }
}

async function withStore(
  act: (source: Source, files: MemoryFileSystem, faults: FaultFileSystem) => Promise<void>,
  options: EngineOptions = tinyOptions(),
): Promise<void> {
  const files = new MemoryFileSystem();
  const faults = new FaultFileSystem(files);
  const engine = await openEngine(faults, options, 1);
  try {
    await act(new Source(engine), files, faults);
  } finally {
    await engine.close();
  }
  expect([files.openFileCount, files.mapCount]).toEqual([0, 0]);
}

const outcomeOf = (checkpoint: Promise<Checkpoint>): Promise<string> =>
  checkpoint.then(
    () => "made",
    (error: StorageError) => error.code,
  );

/** As after a crash of the machine that keeps nothing but what was synced. */
const check = (files: MemoryFileSystem, { history }: Source, directory = target): Promise<number> =>
  checkCheckpoint(files.crashClone(keepNone), directory, tinyOptions(), history);

describe("a checkpoint", () => {
  test("holds all that was written before it, is durable, and opens as a store of its own", () =>
    withStore(async (source, files) => {
      await source.write(100);
      const { sequence, tableCount, sizeBytes, copiedBytes } = await source.engine.checkpoint(target);
      expect(sequence).toBe(100);
      const { levels, storeId } = source.engine.status();
      expect(tableCount).toBe(levels.reduce((sum, level) => sum + level.tableCount, 0));
      expect(sizeBytes).toBe(levels.reduce((sum, level) => sum + level.sizeBytes, 0));
      expect(copiedBytes).toBe(0);
      expect(await check(files, source)).toBe(100);
      const copy = await openEngine(files, { ...tinyOptions(), ...defaultDirectories(target) }, 2);
      expect(copy.status().storeId).not.toBe(storeId);
      const entry = { key: "key-1", kind: entryKinds.value, value: "in the copy alone" };
      await (await store(copy, new StoreHistory(), [entry])).acknowledged;
      expect(copy.status().lastSequence).toBe(101);
      await copy.compactRange();
      await copy.close();
      source.history.checkContents(source.engine, 100);
      expect(files.list("/copies")).toEqual(["first"]);
    }));

  test("of an empty store is an empty store", () =>
    withStore(async (source, files) => {
      expect(await source.engine.checkpoint(target)).toEqual({
        sequence: 0,
        tableCount: 0,
        sizeBytes: 0,
        copiedBytes: 0,
      });
      expect(await check(files, source)).toBe(0);
    }));

  test("holds no later write, while writes, flushes and compactions go on", () =>
    withStore(async (source, files) => {
      await source.write(60);
      for (let round = 0; round < 8; round++) {
        const directory = `/copies/${round}`;
        const { lastSequence } = source.engine.status();
        const checkpoint = source.engine.checkpoint(directory);
        await Promise.all([source.write(30), round % 2 === 0 ? source.engine.compactRange() : undefined]);
        const { sequence } = await checkpoint;
        expect(sequence).toBeGreaterThanOrEqual(lastSequence);
        await source.engine.compactRange();
        expect(await check(files, source, directory)).toBe(sequence);
      }
    }));

  test("keeps the tables that the store drops meanwhile", () =>
    withStore(async (source, files, faults) => {
      await source.write(80);
      await source.engine.flush();
      faults.injector = ({ kind }) => (kind === "link" ? "EXDEV" : undefined);
      const copy = faults.copy.bind(faults);
      let compacted: Promise<void> | undefined;
      faults.copy = async (from, to) => {
        await (compacted ??= source.engine.compactRange());
        expect(source.engine.status().obsoleteTableBytes).toBeGreaterThan(0);
        await copy(from, to);
      };
      await source.engine.checkpoint(target);
      expect(await check(files, source)).toBe(80);
      expect(source.engine.status().viewCount).toBe(0);
      expect(source.engine.status().obsoleteTableBytes).toBe(0);
    }));

  test("does not end for the memtables that other views hold", () =>
    withStore(
      async (source, files, faults) => {
        await source.write(80);
        faults.injector = ({ kind }) => (kind === "link" ? "EXDEV" : undefined);
        const copy = faults.copy.bind(faults);
        let scanned: View | undefined;
        faults.copy = async (from, to) => {
          if (scanned === undefined) {
            scanned = source.engine.view();
            await source.write(10);
            await source.engine.flush();
          }
          await copy(from, to);
        };
        const { sequence } = await source.engine.checkpoint(target);
        expect(() => scanned!.cursor()).toThrow("held more than 0 bytes of flushed memtables");
        expect(await check(files, source)).toBe(sequence);
      },
      tinyOptions({ views: { maxPinnedMemtableBytes: 0 } }),
    ));

  test("goes into an empty directory, too, also in the data directory", () =>
    withStore(async (source, files) => {
      await source.write(10);
      for (const directory of ["/data/copies/a", "/empty"]) {
        await makeDurableDirectory(files, directory);
        await source.engine.checkpoint(`${directory}/`);
        expect(await check(files, source, directory)).toBe(10);
      }
    }));

  test("is refused, with nothing written, where it would be among other files", () =>
    withStore(async (source, files) => {
      await source.write(10);
      writeWhole(files, "/file", new Uint8Array(1));
      const { operationCount } = files;
      const directories = ["/data", "/data/commitlog", "/data/sstables/copy", "/data/lost", "/file", "/"];
      for (const directory of directories) {
        expect(await outcomeOf(source.engine.checkpoint(directory))).toBe("INVALID_ARGUMENT");
      }
      expect(files.operationCount).toBe(operationCount);
    }));

  test("copies what cannot be linked, as from a table directory on another file system", () =>
    withStore(
      async (source, files, faults) => {
        await source.write(100);
        faults.injector = ({ kind }) => (kind === "link" ? "EXDEV" : undefined);
        const { sequence, sizeBytes, copiedBytes } = await source.engine.checkpoint(target);
        expect(copiedBytes).toBe(sizeBytes);
        await source.write(100);
        expect(await check(files, source)).toBe(sequence);
      },
      { ...tinyOptions(), tableDirectory: "/elsewhere/tables", commitLogDirectory: "/other/log" },
    ));

  test("takes range deletions along, but for those that come later", () =>
    withStore(async (source, files) => {
      await source.write(60);
      await (await deleteRange(source.engine, source.history, { start: "key-1", end: "key-3" })).acknowledged;
      const { sequence } = await source.engine.checkpoint(target);
      expect(sequence).toBe(61);
      await (await deleteRange(source.engine, source.history, { start: "key-2", end: "key-9" })).acknowledged;
      await source.engine.compactRange();
      expect(await check(files, source)).toBe(61);
    }));

  test("leaves holders of the log behind", () =>
    withStore(async (source, files) => {
      await source.engine.followedLog.hold("stream", 1);
      await source.write(50);
      await source.engine.checkpoint(target);
      expect(await check(files, source)).toBe(50);
      const copy = await openEngine(files, { ...tinyOptions(), ...defaultDirectories(target) }, 2);
      // It may name any position again, also one that goes back.
      await copy.followedLog.hold("stream", 0);
      await copy.close();
    }));

  test("takes real files by their links", async () => {
    const options = { ...tinyOptions(), ...defaultDirectories(`${temporary}/data`) };
    const engine = await openEngine(realFileSystem, options, 1);
    const source = new Source(engine);
    await source.write(100);
    realFileSystem.makeDirectory(`${temporary}/copy`);
    const { sequence, copiedBytes } = await engine.checkpoint(`${temporary}/copy`);
    await source.write(50);
    await engine.close();
    expect([sequence, copiedBytes]).toEqual([100, 0]);
    const checked = await checkCheckpoint(realFileSystem, `${temporary}/copy`, options, source.history);
    expect(checked).toBe(100);
  });
});

describe("a checkpoint that fails", () => {
  const failures: readonly [string, string, FaultInjector][] = [
    ["no room for a link", "DISK_FULL", ({ kind }) => (kind === "link" ? "ENOSPC" : undefined)],
    [
      "a directory that cannot be made",
      "INVALID_ARGUMENT",
      ({ kind }) => (kind === "make-directory" ? "EACCES" : undefined),
    ],
    [
      "no room for the manifest",
      "DISK_FULL",
      ({ kind, path }) => (kind === "write" && path.startsWith(target) ? "ENOSPC" : undefined),
    ],
    [
      "a sync of the manifest",
      "INTERNAL",
      ({ kind, path }) => (kind === "sync" && path.startsWith(target) ? "EIO" : undefined),
    ],
    [
      "the last renaming",
      "INTERNAL",
      ({ kind, path }) => (kind === "rename" && path === target ? "EBUSY" : undefined),
    ],
  ];

  test.each(failures)("for %s says %s, leaves nothing, and may be tried again", (_, code, injector) =>
    withStore(async (source, files, faults) => {
      await source.write(100);
      faults.injector = injector;
      expect(await outcomeOf(source.engine.checkpoint(target))).toBe(code);
      expect(files.status("/copies") === undefined ? [] : files.list("/copies")).toEqual([]);
      await source.write(30);
      faults.injector = () => undefined;
      expect(source.engine.status().viewCount).toBe(0);
      const { sequence } = await source.engine.checkpoint(target);
      expect(await check(files, source)).toBe(sequence);
    }),
  );

  test("in the middle of a copy leaves no part of it", () =>
    withStore(async (source, files, faults) => {
      await source.write(100);
      let copies = 0;
      faults.injector = ({ kind }) => {
        if (kind === "link") return "EPERM";
        return kind === "copy" && ++copies === 2 ? "ENOSPC" : undefined;
      };
      expect(await outcomeOf(source.engine.checkpoint(target))).toBe("DISK_FULL");
      expect(copies).toBe(2);
      expect(files.list("/copies")).toEqual([]);
    }));

  test("at every operation in turn, leaves the store as it was and no half copy", async () => {
    const operations = await countOperations();
    expect(operations).toBeGreaterThan(25);
    for (let failing = 0; failing < operations; failing++) {
      await withStore(async (source, files, faults) => {
        await source.write(8);
        const first = faults.operationCount;
        faults.injector = ({ index }) => (index === first + failing ? "EIO" : undefined);
        const outcome = await outcomeOf(source.engine.checkpoint(target));
        faults.injector = () => undefined;
        expect(["made", ...Object.keys(storageErrorCodes)]).toContain(outcome);
        await checkInterruptedCheckpoint(files.crashClone(keepNone), target, tinyOptions(), source.history);
        if (source.engine.status().writingStopped !== undefined) return;
        await source.write(2);
        if (files.status(target) !== undefined) return;
        await source.engine.checkpoint(target);
        expect(await check(files, source)).toBe(10);
      });
    }
  }, 20_000);

  async function countOperations(): Promise<number> {
    let count = 0;
    await withStore(async (source, _, faults) => {
      await source.write(8);
      count = -faults.operationCount;
      await source.engine.checkpoint(target);
      count += faults.operationCount;
    });
    return count;
  }

  test("is not made where writing has ended", () =>
    withStore(async (source, files, faults) => {
      await source.write(10);
      faults.injector = ({ kind, path }) => (kind === "sync" && path.endsWith(".log") ? "EIO" : undefined);
      await source.write(1).catch(() => {});
      expect(await outcomeOf(source.engine.checkpoint(target))).toBe("COMMIT_LOG_FAILED");
      expect(files.status("/copies")).toBeUndefined();
    }));

  test("ends with the view that holds its tables", () =>
    withStore(
      async (source, files, faults) => {
        await source.write(100);
        // From the first table on every step takes a turn, and the test's clock lets every wait pass in one.
        faults.injector = ({ kind }) => {
          if (kind === "link") files.defer = setImmediate;
          return kind === "link" ? "EXDEV" : undefined;
        };
        expect(await outcomeOf(source.engine.checkpoint(target))).toBe("ABORTED");
        expect(files.list("/copies")).toEqual([]);
      },
      tinyOptions({ views: { maxAgeMs: 1 } }),
    ));

  test("is given up when the engine closes", () =>
    withStore(async (source, files) => {
      await source.write(100);
      const outcome = outcomeOf(source.engine.checkpoint(target));
      const second = outcomeOf(source.engine.checkpoint(`${target}-2`));
      await source.engine.close();
      expect([await outcome, await second]).toEqual(["UNAVAILABLE", "UNAVAILABLE"]);
      expect(files.list("/copies")).toEqual([]);
      expect(await outcomeOf(source.engine.checkpoint(target))).toBe("UNAVAILABLE");
    }));
});

describe("checkpoints beside each other", () => {
  test("each have their moment", () =>
    withStore(async (source, files) => {
      await source.write(30);
      const first = source.engine.checkpoint("/copies/first");
      await source.write(30);
      const second = source.engine.checkpoint("/copies/second");
      const sequences = [(await first).sequence, (await second).sequence];
      expect([await check(files, source), await check(files, source, "/copies/second")]).toEqual(sequences);
    }));

  test("with one target do not mix: one of them is made", () =>
    withStore(async (source, files) => {
      await source.write(30);
      const outcomes = await Promise.all([1, 2].map(() => outcomeOf(source.engine.checkpoint(target))));
      expect(outcomes.sort()).toEqual(["UNAVAILABLE", "made"]);
      expect(await check(files, source)).toBe(30);
    }));
});

describe("a checkpoint that a crash interrupts", () => {
  test("is absent or whole, the store untouched, and what it left is told and cleared away", async () => {
    const fates = new Set<string>();
    await withStore(async (source, files) => {
      await source.write(15);
      const moments: { title: string; crashed: MemoryFileSystem }[] = [];
      files.onOperation = ({ index, kind, path }) => {
        for (const policy of crashPolicies(files, index, 1)) {
          const title = `before operation ${index} (${kind} ${path}), ${policy.name}`;
          moments.push({ title, crashed: files.crashClone(policy) });
        }
      };
      await source.engine.checkpoint(target);
      files.onOperation = undefined;
      for (const { title, crashed } of moments) {
        try {
          const made = await checkInterruptedCheckpoint(crashed, target, tinyOptions(), source.history);
          expect(made).toBeOneOf([undefined, 15]);
          const isLeft = crashed.status(target + unfinishedSuffix) !== undefined;
          fates.add(made !== undefined ? "whole" : isLeft ? "unfinished" : "absent");
          const engine = await openEngine(crashed, tinyOptions(), 3);
          source.history.checkContents(engine, 15);
          if (made === undefined) await engine.checkpoint(target);
          await engine.close();
          expect(crashed.list("/copies")).toEqual(["first"]);
          if (made === undefined) await checkCheckpoint(crashed, target, tinyOptions(), source.history);
        } catch (error) {
          throw new Error(title, { cause: error });
        }
      }
    });
    expect([...fates].sort()).toEqual(["absent", "unfinished", "whole"]);
  }, 30_000);

  test("leaves nothing that a checkpoint would remove for another's", () =>
    withStore(async (source, files) => {
      await source.write(10);
      const leftover = target + unfinishedSuffix;
      await makeDurableDirectory(files, `${leftover}/sstables`);
      writeWhole(files, `${leftover}/sstables/000001.sst`, new Uint8Array(3));
      writeWhole(files, `${leftover}/notes.txt`, new Uint8Array(3));
      expect(await outcomeOf(source.engine.checkpoint(target))).toBe("INVALID_ARGUMENT");
      expect(files.status(`${leftover}/notes.txt`)).toBeDefined();
      await files.remove(`${leftover}/notes.txt`);
      await source.engine.checkpoint(target);
      expect(await check(files, source)).toBe(10);
      expect(files.list("/copies")).toEqual(["first"]);
    }));
});
