import { beforeEach, describe, expect, test } from "bun:test";
import { CommitLogWriter } from "../../../src/engine/commit-log/writer.ts";
import { listNumberedFiles, type NumberedFileKind, takeLock } from "../../../src/engine/data-directory.ts";
import { entryKinds } from "../../../src/engine/internal-key.ts";
import { VersionSet } from "../../../src/engine/manifest/version-set.ts";
import { type VerifyReport, verifyDataDirectory } from "../../../src/engine/verify.ts";
import { FaultFileSystem } from "../../../src/platform/fault.ts";
import { MemoryFileSystem } from "../../../src/platform/memory.ts";
import { openEngine } from "../../support/engine-driver.ts";
import { tinyOptions } from "../../support/engine-settings.ts";
import { memoryEnvironment } from "../../support/memory-environment.ts";
import { flipBit, readWhole, writeWhole } from "../../support/whole-file.ts";
import { testOptions } from "./manifest/manifest-support.ts";
import { directories, readStore, storeWithData } from "./store-support.ts";

let files: MemoryFileSystem;
beforeEach(async () => {
  files = await storeWithData();
});

/** Six records in two segments of one run, none of them in a table. */
async function storeWithTwoSegments(): Promise<MemoryFileSystem> {
  const memory = new MemoryFileSystem();
  const environment = memoryEnvironment(memory);
  const set = await VersionSet.create(environment, testOptions().options);
  const options = { ...tinyOptions().commitLog, directory: directories.commitLogDirectory };
  const log = await CommitLogWriter.create(environment, options, () => set.allocateFileNumber(), 1);
  const key = new TextEncoder().encode("t:a");
  for (let record = 1; record <= 6; record++) {
    if (record === 4) log.startSegment();
    await log.whenRoom(2 * key.length);
    log.append(entryKinds.value, key, key.length, key, key.length);
    await log.sync();
  }
  await log.close();
  await set.close();
  return memory;
}

const pathsOf = (kind: NumberedFileKind) =>
  listNumberedFiles(files, directories)
    .filter((file) => file.kind === kind)
    .map(({ path }) => path);

/** Segments that hold records nobody else has, in order: without obsolete ones and those that are not used yet. */
const liveSegments = () => {
  const noted = verify().notes.map(({ file }) => file);
  return pathsOf("segment").filter(
    (path) =>
      !noted.includes(path) &&
      readWhole(files, path)
        .subarray(8192)
        .some((byte) => byte !== 0),
  );
};

const verify = (): VerifyReport => verifyDataDirectory(files, directories);

/** File and message of each finding. */
const found = ({ findings }: VerifyReport) => findings.map(({ file, message }) => `${file}: ${message}`);

describe("a store that is whole", () => {
  test("after a kill has nothing wrong, and says how much was checked", () => {
    const report = verify();
    expect(report.findings).toEqual([]);
    const obsolete = report.notes.map(({ file }) => file);
    const paths = [...pathsOf("table"), ...pathsOf("segment")].filter((path) => !obsolete.includes(path));
    expect(pathsOf("table").length).toBeGreaterThan(3);
    expect(report.fileCount).toBe(paths.length + 2);
    expect(report.sizeBytes).toBe(paths.reduce((sum, path) => sum + files.status(path)!.sizeBytes, 0));
  });

  test("after a clean stop has nothing wrong and nothing to note", async () => {
    await readStore(files);
    expect(verify()).toMatchObject({ findings: [], notes: [] });
  });

  test("tells how far it is, up to all of it, and changes nothing but the lock file", () => {
    const steps: [number, number][] = [];
    const operations = files.operationCount;
    verifyDataDirectory(files, directories, (done, total) => void steps.push([done, total]));
    expect(steps.length).toBeGreaterThan(20);
    expect(steps.map(([done]) => done)).toEqual(steps.map(([done]) => done).sort((a, b) => a - b));
    const [done, total] = steps.at(-1)!;
    expect(done).toBe(total);
    expect(files.operationCount).toBe(operations);
  });
});

describe("damage is found", () => {
  test("in every byte of a table, by file", () => {
    const path = pathsOf("table")[1]!;
    const sizeBytes = files.status(path)!.sizeBytes;
    for (let offset = 0; offset < sizeBytes; offset += 101) {
      flipBit(files, path, offset, offset % 8);
      const report = verify();
      expect(report.findings.length).toBeGreaterThan(0);
      for (const { file, offset: at } of report.findings) {
        expect(file).toBe(path);
        expect(at).toBeLessThan(sizeBytes);
      }
      flipBit(files, path, offset, offset % 8);
    }
    expect(verify().findings).toEqual([]);
  });

  test("in a closed segment, by file and offset", async () => {
    // A holder keeps flushed segments, which are closed.
    const held = new MemoryFileSystem();
    const engine = await openEngine(held, tinyOptions(), 1);
    await engine.followedLog.hold("stream", 0);
    const key = new TextEncoder().encode("t:a");
    for (let i = 0; i < 5; i++) await engine.put(key, key.length, 1, key, key.length).durable;
    await engine.flush();
    await engine.put(key, key.length, 1, key, key.length).durable;
    await engine.close();
    files = held;
    expect(verify().findings).toEqual([]);
    const path = pathsOf("segment")[0]!;
    // Behind the headers, in the first frame's payload.
    flipBit(files, path, 8192 + 75);
    const { findings } = verify();
    expect(findings.length).toBeGreaterThan(0);
    for (const finding of findings) expect(finding).toMatchObject({ file: path, offset: 8192 });
  });

  test("in the manifest, and the tables are checked all the same", () => {
    const manifest = pathsOf("manifest")[0]!;
    const table = pathsOf("table")[0]!;
    flipBit(files, manifest, 70);
    flipBit(files, table, 5);
    const report = verify();
    expect(report.findings.map(({ file }) => file)).toEqual([manifest, table]);
    expect(report.findings[0]).toMatchObject({ offset: 64, message: "the slot of record 0 is damaged" });
  });

  test("where CURRENT is missing or names nothing", async () => {
    writeWhole(files, "/data/CURRENT", new TextEncoder().encode("MANIFEST-999999\n"));
    expect(found(verify())).toEqual([
      expect.stringContaining("it names MANIFEST-999999, which is not there"),
    ]);
    await files.remove("/data/CURRENT");
    expect(found(verify())).toEqual([expect.stringContaining("/data/CURRENT: ")]);
  });

  test("where a table is missing, cut, or another one", async () => {
    const [first, second, third] = pathsOf("table") as [string, string, string];
    const bytes = readWhole(files, second);
    writeWhole(files, third, bytes);
    writeWhole(files, second, bytes.slice(0, -1));
    await files.remove(first);
    const messages = found(verify());
    expect(messages).toContainEqual(expect.stringContaining(`${first}: the table is missing`));
    expect(messages).toContainEqual(
      expect.stringContaining(`${second}: the table is ${bytes.length - 1} bytes long; the manifest says`),
    );
    expect(messages.some((message) => message.startsWith(third))).toBe(true);
  });

  test("where a table of the same size took another's place", () => {
    const [first, second] = pathsOf("table") as [string, string];
    const { sizeBytes } = files.status(first)!;
    writeWhole(files, second, readWhole(files, first));
    if (files.status(second)!.sizeBytes === sizeBytes) {
      expect(found(verify())).toContainEqual(expect.stringMatching(/another table|the manifest says/));
    }
  });

  test("where the log's oldest segment is gone", async () => {
    files = await storeWithTwoSegments();
    expect(verify()).toMatchObject({ findings: [], notes: [] });
    const [first, second] = pathsOf("segment") as [string, string];
    await files.remove(first);
    expect(verify().findings).toEqual([
      { file: second, offset: 0, message: "records 1 to 3 are missing: a segment before it was removed" },
    ]);
  });

  test("where the disk cannot read a table", () => {
    const path = pathsOf("table")[0]!;
    const failing = new FaultFileSystem(files, (operation) =>
      operation.kind === "open" && operation.path === path ? "EIO" : undefined,
    );
    const { findings } = verifyDataDirectory(failing, directories);
    expect(findings).toEqual([{ file: path, offset: 0, message: expect.stringContaining("EIO") }]);
  });
});

describe("what is worth a note but not wrong", () => {
  test("is a torn tail", () => {
    const path = liveSegments().at(-1)!;
    const bytes = readWhole(files, path);
    const end = bytes.findLastIndex((byte) => byte !== 0);
    flipBit(files, path, end);
    const report = verify();
    expect(report.findings).toEqual([]);
    expect(report.notes).toContainEqual(
      expect.objectContaining({ file: path, message: expect.stringContaining("torn tail") }),
    );
  });

  test("is a file that nothing names, is not ours, or was set aside", async () => {
    await readStore(files);
    writeWhole(files, "/data/notes.txt", new Uint8Array(1));
    writeWhole(files, "/data/sstables/000001.sst", new Uint8Array(1));
    files.makeDirectory("/data/lost");
    writeWhole(files, "/data/lost/000002.sst", new Uint8Array(1));
    const { findings, notes } = verify();
    expect(findings).toEqual([]);
    expect(notes.map(({ file, message }) => `${file}: ${message}`)).toEqual([
      "/data/sstables/000001.sst: the manifest does not name it; the next start clears it away",
      "/data/notes.txt: this is no file of the store",
      "/data/lost/000002.sst: set aside earlier",
    ]);
  });
});

describe("verifying is refused", () => {
  test("while a node runs on the directory", () => {
    const lock = takeLock(files, directories);
    expect(verify).toThrow("is in use by another process");
    lock.release();
    expect(verify().findings).toEqual([]);
    expect(verify().findings).toEqual([]);
  });

  test("where there is no store", () => {
    files = new MemoryFileSystem();
    expect(verify).toThrow("there is no store in /data");
    files.makeDirectory("/data");
    writeWhole(files, "/data/notes.txt", new Uint8Array(1));
    expect(verify).toThrow("is not a PairDB data directory");
  });

  test("of a newer format", () => {
    const path = pathsOf("manifest")[0]!;
    const bytes = readWhole(files, path);
    bytes[8] = 9;
    new DataView(bytes.buffer).setUint32(60, Bun.hash.crc32(bytes.slice(0, 60)), true);
    writeWhole(files, path, bytes);
    expect(verify).toThrow("use a newer pairdb-node");
  });
});
