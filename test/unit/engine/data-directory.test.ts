import { beforeEach, describe, expect, test } from "bun:test";
import type { StorageError } from "../../../src/base/errors.ts";
import {
  type DataDirectories,
  defaultDirectories,
  listNumberedFiles,
  makeDurableDirectory,
  manifestPath,
  openDataDirectory,
  parseFileName,
  prepareDirectories,
  recognise,
  segmentPath,
  tablePath,
} from "../../../src/engine/data-directory.ts";
import { engineOptions } from "../../../src/engine/options.ts";
import { keepNone } from "../../../src/platform/crash.ts";
import { FaultFileSystem } from "../../../src/platform/fault.ts";
import { MemoryFileSystem } from "../../../src/platform/memory.ts";
import { writeWhole } from "../../support/whole-file.ts";

const directories = defaultDirectories("/data");
const bytes = new Uint8Array([1]);

let files: MemoryFileSystem;
beforeEach(() => {
  files = new MemoryFileSystem();
});

/** Files and directories (ending in "/") under /data. */
function lay(...paths: string[]): void {
  files.makeDirectory("/data");
  for (const path of paths) {
    if (path.endsWith("/")) files.makeDirectory(`/data/${path.slice(0, -1)}`);
    else writeWhole(files, `/data/${path}`, bytes);
  }
}

async function refusal(of: () => unknown): Promise<StorageError> {
  try {
    await of();
  } catch (error) {
    return error as StorageError;
  }
  throw new Error("it was not refused");
}

describe("names", () => {
  const known: [string, ReturnType<typeof parseFileName>][] = [
    ["MANIFEST-000005", { kind: "manifest", number: 5 }],
    ["000007.log", { kind: "segment", number: 7 }],
    ["000012.sst", { kind: "table", number: 12 }],
    ["1234567.sst", { kind: "table", number: 1234567 }],
  ];
  for (const [name, expected] of known) {
    test(`${name} is a ${expected?.kind}`, () => expect(parseFileName(name)).toEqual(expected));
  }

  const unknown = [
    "",
    "CURRENT",
    "LOCK",
    "12.sst",
    "0000012.sst",
    "000012.SST",
    "000012.sst.bak",
    "x000012.sst",
    "MANIFEST-5",
    "MANIFEST-000005.tmp",
    "99999999999999999999.log",
    "-00005.log",
  ];
  for (const name of unknown) {
    test(`"${name}" is none of ours`, () => expect(parseFileName(name)).toBeUndefined());
  }

  test("paths and names say the same", () => {
    expect(manifestPath(directories, 5)).toBe("/data/MANIFEST-000005");
    expect(segmentPath(directories, 7)).toBe("/data/commitlog/000007.log");
    expect(tablePath(directories, 1234567)).toBe("/data/sstables/1234567.sst");
  });

  test("the default directories are those of the engine's options", () => {
    expect(engineOptions("/data")).toMatchObject(directories);
  });

  test("files are listed where their kind belongs", () => {
    lay(
      "MANIFEST-000005",
      "000009.sst",
      "commitlog/",
      "commitlog/000007.log",
      "commitlog/000008.sst",
      "CURRENT",
    );
    expect(listNumberedFiles(files, directories)).toEqual([
      { kind: "manifest", number: 5, path: "/data/MANIFEST-000005" },
      { kind: "segment", number: 7, path: "/data/commitlog/000007.log" },
    ]);
  });
});

describe("a directory is new", () => {
  test("when it is missing or empty", () => {
    expect(recognise(files, directories)).toBe("new");
    lay();
    expect(recognise(files, directories)).toBe("new");
  });

  test("when it holds only what an interrupted creation leaves, or the file system itself", () => {
    lay(
      "LOCK",
      "MANIFEST-000001",
      "CURRENT.tmp",
      "write-test.tmp",
      "commitlog/",
      "sstables/",
      "lost/",
      "lost+found/",
    );
    expect(recognise(files, directories)).toBe("new");
  });
});

describe("a directory is ours", () => {
  test("when it has CURRENT, whatever else is in it", () => {
    lay("CURRENT", "notes.txt", "sstables/");
    expect(recognise(files, directories)).toBe("existing");
  });
});

describe("a directory is refused", () => {
  const cases: [string, string[], string, string][] = [
    ["with files of somebody else", ["notes.txt"], "INVALID_ARGUMENT", 'there is "notes.txt"'],
    [
      "with somebody else's files further in",
      ["sstables/", "sstables/a"],
      "INVALID_ARGUMENT",
      'there is "a"',
    ],
    [
      "with tables but no CURRENT",
      ["sstables/", "sstables/000003.sst"],
      "CORRUPTED_DATA",
      "sstables/000003.sst",
    ],
    ["with a segment but no CURRENT", ["commitlog/", "commitlog/000003.log"], "CORRUPTED_DATA", "000003.log"],
    ["with a later manifest but no CURRENT", ["MANIFEST-000004"], "CORRUPTED_DATA", "MANIFEST-000004"],
  ];
  for (const [what, paths, code, message] of cases) {
    test(`${what}, and left as it is`, async () => {
      lay(...paths);
      const operations = files.operationCount;
      const refused = await refusal(() => openDataDirectory(files, directories));
      expect(refused.code as string).toBe(code);
      expect(refused.message).toContain(message);
      expect(refused.message).toContain("Nothing was changed.");
      expect(refused.message.includes('"pairdb-node repair /data"')).toBe(code === "CORRUPTED_DATA");
      expect(files.operationCount).toBe(operations);
    });
  }

  test("when it is a file", async () => {
    writeWhole(files, "/data", bytes);
    expect((await refusal(() => openDataDirectory(files, directories))).message).toContain(
      "/data is not a directory",
    );
  });

  test("when tables lie in the directory configured for them", async () => {
    files.makeDirectory("/tables");
    writeWhole(files, "/tables/000003.sst", bytes);
    const apart: DataDirectories = { ...directories, tableDirectory: "/tables" };
    expect((await refusal(() => openDataDirectory(files, apart))).message).toContain("/tables/000003.sst");
  });

  test("while another process has it, which is named", async () => {
    const { lock } = await openDataDirectory(files, directories);
    const refused = await refusal(() => openDataDirectory(files, directories));
    expect(refused.code).toBe("UNAVAILABLE");
    expect(refused.message).toContain(`in use by another process (id ${process.pid})`);
    lock.release();
    (await openDataDirectory(files, directories)).lock.release();
  });

  for (const code of ["EACCES", "EROFS", "EPERM"]) {
    test(`when it may not be used (${code}), and says so`, async () => {
      lay("CURRENT");
      for (const failing of ["lock", "list", "make-directory", "create"]) {
        const faulty = new FaultFileSystem(files, ({ kind }) => (kind === failing ? code : undefined));
        const refused = await refusal(async () => {
          (await openDataDirectory(faulty, directories)).lock.release();
          await prepareDirectories(faulty, directories);
        });
        expect(refused.code).toBe("INVALID_ARGUMENT");
        expect(refused.message).toMatch(/^\/data cannot be used .*give this user the right/);
      }
    });
  }
});

describe("opening", () => {
  test("creates a missing directory, parents included, durably", async () => {
    const { lock, isNew } = await openDataDirectory(files, defaultDirectories("/a/b/c"));
    expect(isNew).toBe(true);
    expect(files.crashClone(keepNone).status("/a/b/c")?.isDirectory).toBe(true);
    lock.release();
  });

  test("gives the lock back when the directory turns out to be foreign under it", async () => {
    lay();
    const racing = new FaultFileSystem(files, ({ kind }) => {
      if (kind === "lock") writeWhole(files, "/data/notes.txt", bytes);
      return undefined;
    });
    await refusal(() => openDataDirectory(racing, directories));
    await files.remove("/data/notes.txt");
    (await openDataDirectory(files, directories)).lock.release();
  });

  test("prepares the three directories and leaves no trace of the test for writing", async () => {
    await prepareDirectories(files, directories);
    expect(files.crashClone(keepNone).list("/data")).toEqual(["commitlog", "sstables"]);
    for (const path of ["/data", directories.commitLogDirectory, directories.tableDirectory]) {
      expect(files.list(path)).not.toContain("write-test.tmp");
    }
  });

  test("survives the leftover of a test for writing", async () => {
    lay("write-test.tmp");
    await prepareDirectories(files, directories);
    expect(files.list("/data")).toEqual(["commitlog", "sstables"]);
  });

  test("does not make a directory where a file is", async () => {
    writeWhole(files, "/a", bytes);
    expect((await refusal(() => makeDurableDirectory(files, "/a"))).message).toContain(
      "/a is not a directory",
    );
  });
});
