import { beforeEach, describe, expect, test } from "bun:test";
import type { StorageError } from "../../../../src/base/errors.ts";
import { manifestPath, tablePath } from "../../../../src/engine/data-directory.ts";
import { ManifestWriter, scanManifest } from "../../../../src/engine/manifest/manifest-file.ts";
import type { TableMetadata } from "../../../../src/engine/manifest/version-edit.ts";
import { VersionSet } from "../../../../src/engine/manifest/version-set.ts";
import { keepNone } from "../../../../src/platform/crash.ts";
import { FaultFileSystem } from "../../../../src/platform/fault.ts";
import type { FileSystem } from "../../../../src/platform/file-system.ts";
import { MemoryFileSystem } from "../../../../src/platform/memory.ts";
import { memoryEnvironment } from "../../../support/memory-environment.ts";
import { flipBit, readWhole, writeWhole } from "../../../support/whole-file.ts";
import {
  directories,
  fullEdit,
  key,
  tableMetadata,
  testOptions,
  writeTableFile,
} from "./manifest-support.ts";

let memory: MemoryFileSystem;
let files: FaultFileSystem;
beforeEach(() => {
  memory = new MemoryFileSystem();
  files = new FaultFileSystem(memory);
});

const create = async (rollOverSizeBytes?: number) => {
  const test = testOptions(rollOverSizeBytes);
  return { ...test, set: await VersionSet.create(memoryEnvironment(files), test.options) };
};

const open = async (from: FileSystem = files) => {
  const test = testOptions();
  return { ...test, set: await VersionSet.open(memoryEnvironment(from), test.options) };
};

/** Adds tables whose files are there. */
async function addTables(set: VersionSet, ...tables: TableMetadata[]): Promise<void> {
  for (const table of tables) writeTableFile(memory, table);
  await set.apply({ addedTables: tables });
}

const numbers = (set: VersionSet) =>
  set.current.levels.map((tables) => tables.map(({ metadata }) => metadata.fileNumber));

const tableFiles = () => memory.list(directories.tableDirectory);

/** All files with their bytes: what must not change. */
function contents(of: MemoryFileSystem, directory = "/data"): Record<string, string> {
  const found: Record<string, string> = {};
  for (const name of of.list(directory)) {
    const path = `${directory}/${name}`;
    if (of.status(path)!.isDirectory) Object.assign(found, contents(of, path));
    else found[path] = readWhole(of, path).toHex();
  }
  return found;
}

/** Lets what runs in the background over the in-memory files come to its end. */
const settle = () => new Promise<void>((resolve) => setImmediate(resolve));

describe("a new store", () => {
  test("is there after a crash, with everything empty", async () => {
    const { set } = await create();
    const { set: reopened } = await open(memory.crashClone(keepNone));
    expect(reopened.state).toEqual(set.state);
    expect(reopened.storeId).toBe(set.storeId);
    expect(set.storeId).toMatch(/^[0-9a-f]{32}$/);
    expect(reopened.current.tableCount).toBe(0);
  });

  test("replaces what an interrupted creation left", async () => {
    memory.makeDirectory("/data");
    writeWhole(memory, manifestPath(directories, 1), key("half"));
    writeWhole(memory, "/data/CURRENT.tmp", key("MANI"));
    await create();
    await expect(open()).resolves.toBeDefined();
  });

  test("gets an id of its own", async () => {
    const other = new MemoryFileSystem();
    const { set } = await create();
    const set2 = await VersionSet.create(memoryEnvironment(other, 2), testOptions().options);
    expect(set2.storeId).not.toBe(set.storeId);
  });
});

describe("edits", () => {
  test("come back after a crash", async () => {
    const { set } = await create();
    await addTables(set, tableMetadata(20), tableMetadata(21, { level: 1 }));
    const { removedTables: _, addedTables: __, ...rest } = fullEdit();
    await set.apply(rest);
    await set.apply({
      removedTables: [{ level: 0, fileNumber: 20 }],
      addedTables: [tableMetadata(20, { level: 3 })],
    });

    const { set: reopened } = await open(memory.killClone());
    expect(reopened.state).toEqual(set.state);
    expect(numbers(reopened)).toEqual([[], [21], [], [20], []]);
  });

  test("are installed only when they are durable, in the order of the calls", async () => {
    const { set } = await create();
    for (const number of [20, 21, 22]) writeTableFile(memory, tableMetadata(number));
    const order: number[] = [];
    const edits = [20, 21, 22].map((number) =>
      set.apply({ addedTables: [tableMetadata(number)] }).then(() => {
        order.push(number);
        expect(numbers(set)[0]).toContain(number);
        expect(
          scanManifest(memory.crashClone(keepNone), manifestPath(directories, set.manifestNumber)).records,
        ).toHaveLength(1 + order.length);
      }),
    );
    expect(numbers(set)[0]).toEqual([]);
    await Promise.all(edits);
    expect(order).toEqual([20, 21, 22]);
  });

  test("without tables keep the version", async () => {
    const { set } = await create();
    const before = set.current;
    await set.apply({ sequenceHighWater: 5 });
    expect(set.current).toBe(before);
    expect(set.state.sequenceHighWater).toBe(5);
  });

  test("that move a table keep it open", async () => {
    const { set, tables } = await create();
    await addTables(set, tableMetadata(20));
    await set.apply({
      removedTables: [{ level: 0, fileNumber: 20 }],
      addedTables: [tableMetadata(20, { level: 1 })],
    });
    await settle();
    expect(numbers(set)).toEqual([[], [20], [], [], []]);
    expect(tables.opened).toEqual([20]);
    expect(tables.closed).toEqual([]);
    expect(tableFiles()).toEqual(["000020.sst"]);
  });

  test("whose table cannot be opened change nothing, and may be tried again", async () => {
    const { set, tables, failures, options } = await create();
    writeTableFile(memory, tableMetadata(20));
    writeTableFile(memory, tableMetadata(21));
    let isRefused = true;
    Object.assign(options, {
      openTable: (_path: string, metadata: TableMetadata) => {
        if (isRefused && metadata.fileNumber === 21)
          throw Object.assign(new Error("too many"), { code: "ENFILE" });
        return tables.open(metadata);
      },
    });
    const edit = { addedTables: [tableMetadata(20), tableMetadata(21)] };
    await expect(set.apply(edit)).rejects.toThrow("too many");
    expect(tables.openNumbers).toEqual([]);
    expect(failures).toEqual([]);
    isRefused = false;
    await set.apply(edit);
    expect(tables.openNumbers).toEqual([20, 21]);
  });

  test("that break an invariant end writing", async () => {
    const { set, failures } = await create();
    await expect(set.apply({ removedTables: [{ level: 0, fileNumber: 9 }] })).rejects.toThrow(
      "where it is not",
    );
    await expect(set.apply({})).rejects.toThrow("where it is not");
    expect(failures).toHaveLength(1);
  });
});

describe("obsolete tables", () => {
  test("are closed and removed once the edit is durable and no view holds them", async () => {
    const { set, tables } = await create();
    await addTables(set, tableMetadata(20), tableMetadata(21));
    const view = set.current.acquire();
    await set.apply({ removedTables: [{ level: 0, fileNumber: 20 }] });
    await settle();
    expect(tableFiles()).toEqual(["000020.sst", "000021.sst"]);
    expect(set.obsoleteTableBytes).toBe(tableMetadata(20).sizeBytes);
    view.release();
    await settle();
    expect(tables.closed).toEqual([20]);
    expect(tableFiles()).toEqual(["000021.sst"]);
    expect(set.obsoleteTableBytes).toBe(0);
  });

  test("are removed after the manifest's sync, never before", async () => {
    const { set } = await create();
    await addTables(set, tableMetadata(20));
    const steps: string[] = [];
    memory.onOperation = ({ kind, path }) => steps.push(`${kind} ${path}`);
    await set.apply({ removedTables: [{ level: 0, fileNumber: 20 }] });
    await settle();
    const manifest = manifestPath(directories, set.manifestNumber);
    expect(steps).toEqual([
      `write ${manifest}`,
      `sync ${manifest}`,
      `write ${manifest}`,
      `sync ${manifest}`,
      `remove ${tablePath(directories, 20)}`,
      `sync-directory ${directories.tableDirectory}`,
    ]);
  });

  test("that cannot be removed are reported and do no harm", async () => {
    const { set, removalFailures } = await create();
    await addTables(set, tableMetadata(20));
    files.injector = ({ kind }) => (kind === "remove" ? "EIO" : undefined);
    await set.apply({ removedTables: [{ level: 0, fileNumber: 20 }] });
    await settle();
    expect(removalFailures).toEqual([tablePath(directories, 20)]);
    await set.apply({ sequenceHighWater: 1 });
  });

  test("stay when a view outlives the set, and tables in use stay in any case", async () => {
    const { set, tables } = await create();
    await addTables(set, tableMetadata(20), tableMetadata(21));
    const view = set.current.acquire();
    await set.apply({ removedTables: [{ level: 0, fileNumber: 20 }] });
    await set.close();
    expect(tables.closed).toEqual([]);
    view.release();
    await settle();
    expect(tables.openNumbers).toEqual([]);
    expect(set.obsoleteTableBytes).toBe(0);
    expect(tableFiles()).toEqual(["000020.sst", "000021.sst"]);
    expect(memory.openFileCount).toBe(0);
  });
});

describe("a manifest that cannot be written", () => {
  for (const failing of ["write", "sync"] as const) {
    test(`ends writing after a failed ${failing}`, async () => {
      const { set, tables, failures } = await create();
      await addTables(set, tableMetadata(20));
      writeTableFile(memory, tableMetadata(21));
      const before = set.state;
      files.injector = ({ kind }) => (kind === failing ? "EIO" : undefined);
      const first = set.apply({ addedTables: [tableMetadata(21)] });
      const second = set.apply({ sequenceHighWater: 5 });
      await expect(first).rejects.toThrow(/MANIFEST-000001 cannot be written .*EIO/);
      await expect(second).rejects.toThrow("MANIFEST-000001 cannot be written");
      files.injector = () => undefined;
      await expect(set.apply({})).rejects.toThrow("until the node is started again");
      expect(failures).toHaveLength(1);
      expect(set.state).toBe(before);
      expect(tables.openNumbers).toEqual([20]);
      await set.close();
      await expect(open()).resolves.toBeDefined();
    });
  }

  test("for want of space refuses the edit and takes it later", async () => {
    const { set, failures } = await create();
    files.injector = ({ kind }) => (kind === "write" ? "ENOSPC" : undefined);
    const refused = (await set
      .apply({ sequenceHighWater: 5 })
      .catch((error: unknown) => error)) as StorageError;
    expect(refused.code).toBe("DISK_FULL");
    expect(set.state.sequenceHighWater).toBe(0);
    files.injector = () => undefined;
    await set.apply({ sequenceHighWater: 6 });
    expect(failures).toEqual([]);
    expect((await open(memory.crashClone(keepNone))).set.state.sequenceHighWater).toBe(6);
  });
});

describe("a fresh manifest", () => {
  test("is begun by every start, and the old one removed", async () => {
    const { set } = await create();
    await addTables(set, tableMetadata(20));
    await set.close();
    const { set: reopened } = await open();
    const before = reopened.state;
    await reopened.start();
    await settle();
    expect(reopened.manifestNumber).toBeGreaterThan(set.manifestNumber);
    expect(memory.list("/data").filter((name) => name.startsWith("MANIFEST"))).toHaveLength(1);
    expect(scanManifest(memory, manifestPath(directories, reopened.manifestNumber)).records).toHaveLength(1);
    expect({ ...reopened.state, nextFileNumber: 0 }).toEqual({ ...before, nextFileNumber: 0 });
  });

  test("replaces one that has grown past its bound, with everything in it", async () => {
    const { set } = await create(400);
    const seen = new Set<number>();
    for (let number = 20; number < 60; number++) {
      await addTables(set, tableMetadata(number));
      seen.add(set.manifestNumber);
    }
    await set.apply({});
    await settle();
    expect(seen.size).toBeGreaterThan(4);
    const path = manifestPath(directories, set.manifestNumber);
    expect(memory.list("/data").filter((name) => name.startsWith("MANIFEST"))).toEqual([path.slice(6)]);
    const { set: reopened } = await open(memory.killClone());
    expect(reopened.state).toEqual(set.state);
  });

  test("takes effect in the order snapshot, directory, CURRENT.tmp, rename, directory, removal", async () => {
    const { set } = await create(1);
    await set.apply({});
    await settle();
    const old = manifestPath(directories, set.manifestNumber);
    const steps: string[] = [];
    memory.onOperation = ({ kind, path }) => steps.push(`${kind} ${path.replace("/data/", "")}`);
    await set.apply({});
    await settle();
    const fresh = manifestPath(directories, set.manifestNumber).replace("/data/", "");
    expect(fresh).not.toBe(old.replace("/data/", ""));
    expect(steps.slice(4)).toEqual([
      `create ${fresh}`,
      `write ${fresh}`,
      `write ${fresh}`,
      `sync ${fresh}`,
      `write ${fresh}`,
      `sync ${fresh}`,
      "sync-directory /data",
      "create CURRENT.tmp",
      "write CURRENT.tmp",
      "sync CURRENT.tmp",
      "rename CURRENT",
      "sync-directory /data",
      `remove ${old.replace("/data/", "")}`,
      "sync-directory /data",
    ]);
  });

  test("is put off while the disk is full", async () => {
    const { set, failures } = await create(1);
    await set.apply({});
    await settle();
    const before = set.manifestNumber;
    files.injector = ({ kind }) => (kind === "create" ? "ENOSPC" : undefined);
    await set.apply({ sequenceHighWater: 3 });
    await settle();
    expect(set.manifestNumber).toBe(before);
    expect((await open(memory.killClone())).set.state.sequenceHighWater).toBe(3);
    files.injector = () => undefined;
    await set.apply({ sequenceHighWater: 4 });
    await settle();
    expect(set.manifestNumber).toBeGreaterThan(before);
    expect(failures).toEqual([]);
  });

  for (const [step, code] of [
    ["rename", "ENOSPC"],
    ["sync-directory", "ENOSPC"],
    ["rename", "EIO"],
  ] as const) {
    test(`that fails after its ${step} has begun (${code}) ends writing, since nobody knows which is in force`, async () => {
      const { set, failures } = await create(1);
      let hasBegun = false;
      files.injector = ({ kind }) => {
        hasBegun ||= kind === "rename";
        return hasBegun && kind === step ? code : undefined;
      };
      await set.apply({ sequenceHighWater: 3 });
      await settle();
      expect(failures).toHaveLength(1);
      await expect(set.apply({})).rejects.toThrow(code);
      expect((await open(memory.killClone())).set.state.sequenceHighWater).toBe(3);
    });
  }

  test("that fails otherwise ends writing", async () => {
    const { set, failures } = await create(1);
    files.injector = ({ kind }) => (kind === "create" ? "EIO" : undefined);
    await set.apply({ sequenceHighWater: 3 });
    await settle();
    expect(failures).toHaveLength(1);
    await expect(set.apply({})).rejects.toThrow("EIO");
    expect((await open(memory.killClone())).set.state.sequenceHighWater).toBe(3);
  });
});

describe("file numbers", () => {
  test("are never handed out twice, whatever a crash forgets", async () => {
    const { set } = await create();
    const used = new Set<number>([set.manifestNumber]);
    let current = set;
    for (let round = 0; round < 5; round++) {
      for (let i = 0; i < 100; i++) {
        const number = current.allocateFileNumber();
        expect(used.has(number)).toBe(false);
        used.add(number);
        if (i % 5 === 0) await settle();
      }
      current = (await open(memory.crashClone(keepNone))).set;
      files = new FaultFileSystem((memory = memory.crashClone(keepNone)));
      current = (await open()).set;
      await current.start();
      expect(used.has(current.manifestNumber)).toBe(false);
    }
  });

  test("that are handed out together are in the manifest before they are used", async () => {
    const { set } = await create();
    const numbers = [...(await set.allocateFileNumbers(100)), ...(await set.allocateFileNumbers(1))];
    expect(new Set([...numbers, set.allocateFileNumber()]).size).toBe(102);
    const { set: reopened } = await open(memory.crashClone(keepNone));
    expect(reopened.recoveredNextFileNumber).toBeGreaterThan(Math.max(...numbers));
  });

  test("pass those of all files that are there", async () => {
    const { set } = await create();
    await set.close();
    writeWhole(memory, tablePath(directories, 5000), key("stray"));
    const { set: reopened } = await open();
    expect(reopened.allocateFileNumber()).toBe(5001);
    expect(reopened.recoveredNextFileNumber).toBeLessThan(100);
  });
});

describe("a store that is not whole", () => {
  beforeEach(async () => {
    const { set } = await create();
    await addTables(set, tableMetadata(20), tableMetadata(21));
    await set.close();
  });

  const damages: [string, () => void | Promise<void>, string][] = [
    [
      "a missing table",
      () => memory.remove(tablePath(directories, 20)),
      "000020.sst at byte 0: the table is missing",
    ],
    [
      "a short table",
      () => writeWhole(memory, tablePath(directories, 21), new Uint8Array(3)),
      "000021.sst at byte 0: the table has 3 bytes instead of 10",
    ],
    ["a missing CURRENT", () => memory.remove("/data/CURRENT"), "CURRENT at byte 0: it is not there"],
    ["an empty CURRENT", () => writeWhole(memory, "/data/CURRENT", key("")), "it names no manifest"],
    [
      "a cut CURRENT",
      () => writeWhole(memory, "/data/CURRENT", key("MANIFEST-000001")),
      "it names no manifest",
    ],
    [
      "a missing manifest",
      () => memory.remove(manifestPath(directories, 1)),
      "CURRENT at byte 0: it names MANIFEST-000001, which is not there",
    ],
    [
      "a damaged manifest",
      () => flipBit(memory, manifestPath(directories, 1), 100),
      "MANIFEST-000001 at byte 96",
    ],
    [
      "another store's manifest under its name",
      () => {
        memory.rename(manifestPath(directories, 1), manifestPath(directories, 7));
        writeWhole(memory, "/data/CURRENT", key("MANIFEST-000007\n"));
      },
      "this is manifest 1 under another name",
    ],
    [
      "a manifest whose records do not fit each other",
      async () => {
        await memory.remove(manifestPath(directories, 1));
        const identity = { manifestNumber: 1, storeId: new Uint8Array(16) };
        const writer = ManifestWriter.create(memory, manifestPath(directories, 1), identity);
        await writer.append({});
        await writer.append({ removedTables: [{ level: 0, fileNumber: 9 }] });
        writer.close();
      },
      "MANIFEST-000001 at byte 96: table 9 is removed from level 0, where it is not",
    ],
    [
      "a manifest without a record",
      () =>
        writeWhole(
          memory,
          manifestPath(directories, 1),
          readWhole(memory, manifestPath(directories, 1)).slice(0, 64),
        ),
      "the manifest has no record",
    ],
  ];
  for (const [what, damage, message] of damages) {
    test(`${what} is refused with the file, the way out, and nothing changed`, async () => {
      await damage();
      const before = contents(memory);
      const operations = memory.operationCount;
      const refused = (await open().catch((error: unknown) => error)) as StorageError;
      expect(refused.code).toBe("CORRUPTED_DATA");
      expect(refused.message).toContain(message);
      expect(refused.message).toContain('run "pairdb-node repair /data"');
      expect(contents(memory)).toEqual(before);
      expect(memory.operationCount).toBe(operations);
      expect(memory.openFileCount).toBe(0);
    });
  }

  test("opening opens no table, and tells how far it is", async () => {
    const { options, tables } = testOptions();
    const progress: string[] = [];
    const tableChecked = (checked: number, total: number) => void progress.push(`${checked}/${total}`);
    const set = await VersionSet.open(memoryEnvironment(files), { ...options, tableChecked });
    expect(progress).toEqual(["1/2", "2/2"]);
    expect(tables.opened).toEqual([]);
    expect(set.openTableCount).toBe(0);
  });
});
