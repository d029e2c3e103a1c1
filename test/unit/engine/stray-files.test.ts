import { beforeEach, describe, expect, test } from "bun:test";
import { defaultDirectories } from "../../../src/engine/data-directory.ts";
import { applyEdit, emptyState } from "../../../src/engine/manifest/state.ts";
import { findStrayFiles, removeStrayFiles, setAsideFile } from "../../../src/engine/stray-files.ts";
import { keepNone } from "../../../src/platform/crash.ts";
import { FaultFileSystem } from "../../../src/platform/fault.ts";
import { MemoryFileSystem } from "../../../src/platform/memory.ts";
import { memoryEnvironment } from "../../support/memory-environment.ts";
import { makeDurable, readWhole, writeWhole } from "../../support/whole-file.ts";
import { tableMetadata } from "./manifest/manifest-support.ts";

const directories = defaultDirectories("/data");
const named = {
  manifestNumber: 20,
  recoveredNextFileNumber: 40,
  state: applyEdit(emptyState, {
    nextFileNumber: 60,
    oldestSegmentNumber: 12,
    holders: [{ name: "backup", segmentNumber: 10 }],
    addedTables: [tableMetadata(15)],
  }),
};

let files: MemoryFileSystem;
beforeEach(async () => {
  files = new MemoryFileSystem();
  for (const directory of ["/data", directories.commitLogDirectory, directories.tableDirectory]) {
    files.makeDirectory(directory);
  }
  for (const name of [
    "CURRENT",
    "CURRENT.tmp",
    "MANIFEST-000019",
    "MANIFEST-000020",
    "MANIFEST-000021",
    "notes.txt",
    "commitlog/000009.log",
    "commitlog/000010.log",
    "commitlog/000013.log",
    "sstables/000014.sst",
    "sstables/000015.sst",
    "sstables/000041.sst",
    "sstables/000014.sst.bak",
  ]) {
    writeWhole(files, `/data/${name}`, new TextEncoder().encode(name));
    await makeDurable(files, `/data/${name}`);
  }
  for (const directory of ["/", "/data"]) await files.syncDirectory(directory);
});

const everything = (of: MemoryFileSystem) =>
  ["/data", "/data/commitlog", "/data/sstables", "/data/lost"].flatMap((directory) =>
    of.status(directory) === undefined
      ? []
      : of.list(directory).map((name) => `${directory.slice(6)}/${name}`),
  );

/** What stays in any case. */
const kept = [
  "/CURRENT",
  "/MANIFEST-000020",
  "/notes.txt",
  "commitlog/000010.log",
  "commitlog/000013.log",
  "sstables/000014.sst.bak",
  "sstables/000015.sst",
];

const filesOnly = (of: MemoryFileSystem) =>
  everything(of).filter((name) => !["/commitlog", "/sstables", "/lost"].includes(name));

describe("stray files", () => {
  test("are those that neither the manifest nor a holder needs", () => {
    expect(findStrayFiles(files, directories, named).map(({ path }) => path)).toEqual([
      "/data/MANIFEST-000019",
      "/data/MANIFEST-000021",
      "/data/commitlog/000009.log",
      "/data/sstables/000014.sst",
      "/data/sstables/000041.sst",
    ]);
  });

  test("are removed durably; a table with a number never handed out is kept in lost/", async () => {
    const moved: string[][] = [];
    const environment = memoryEnvironment(files, 1, { fileSetAside: (from, to) => moved.push([from, to]) });
    await removeStrayFiles(environment, directories, named, { keepUnknown: false });
    expect(filesOnly(files.crashClone(keepNone)).sort()).toEqual([...kept, "lost/000041.sst"].sort());
    expect(moved).toEqual([["/data/sstables/000041.sst", "/data/lost/000041.sst"]]);
    expect(readWhole(files, "/data/lost/000041.sst")).toEqual(
      new TextEncoder().encode("sstables/000041.sst"),
    );
  });

  test("that may hold data are all kept when something was lost", async () => {
    await removeStrayFiles(memoryEnvironment(files), directories, named, { keepUnknown: true });
    expect(filesOnly(files).sort()).toEqual([...kept, "lost/000014.sst", "lost/000041.sst"].sort());
  });

  test("that cannot be removed are reported, and the rest goes on", async () => {
    const failed: string[] = [];
    const faulty = new FaultFileSystem(files, ({ kind, path }) =>
      kind === "remove" && path.endsWith(".log") ? "EIO" : undefined,
    );
    const environment = memoryEnvironment(faulty, 1, { fileRemovalFailed: (path) => failed.push(path) });
    await removeStrayFiles(environment, directories, named, { keepUnknown: false });
    expect(failed).toEqual(["/data/commitlog/000009.log"]);
    expect(files.list("/data/sstables")).not.toContain("000014.sst");
  });
});

describe("setting a file aside", () => {
  test("never replaces one that is there", async () => {
    const wanted = "/data/sstables/000014.sst";
    expect(await setAsideFile(files, directories, wanted)).toBe("/data/lost/000014.sst");
    writeWhole(files, wanted, new Uint8Array([2]));
    expect(await setAsideFile(files, directories, wanted)).toBe("/data/lost/000014.sst.2");
    expect(readWhole(files, "/data/lost/000014.sst.2")).toEqual(new Uint8Array([2]));
  });

  test("stays on the file's own file system", async () => {
    const apart = new FaultFileSystem(files, ({ kind, path }) =>
      kind === "rename" && path.startsWith("/data/lost") ? "EXDEV" : undefined,
    );
    expect(await setAsideFile(apart, directories, "/data/sstables/000014.sst")).toBe(
      "/data/sstables/lost/000014.sst",
    );
  });
});
