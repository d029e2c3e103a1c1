import { describe, expect, test } from "bun:test";
import { framesOffset, logEntryKinds } from "../../../../src/engine/commit-log/format.ts";
import { describeSegment, verifySegment, verifySegments } from "../../../../src/engine/commit-log/inspect.ts";
import { listSegments } from "../../../../src/engine/commit-log/reader.ts";
import { entryKinds } from "../../../../src/engine/internal-key.ts";
import type { MemoryFileSystem } from "../../../../src/platform/memory.ts";
import { flipBit } from "../../../support/whole-file.ts";
import { directory, Log, logFiles } from "./log-harness.ts";

const first = `${directory}/000001.log`;
const second = `${directory}/000002.log`;

async function twoSegments(): Promise<MemoryFileSystem> {
  const files = await logFiles();
  const log = await Log.create(files);
  await log.commit("a", "1");
  await log.settle();
  log.writer.startSegment();
  await log.commit("b\u001b[2J", "22");
  const key = Buffer.from("c");
  log.writer.append(entryKinds.tombstone, key, 1, key, 1);
  await log.close();
  return files;
}

describe("verify", () => {
  test("finds nothing in a sound log, and tells how far it is", async () => {
    const files = await twoSegments();
    const told: [number, number][] = [];
    const findings = verifySegments(files, directory, listSegments(files, directory), (...at) =>
      told.push(at),
    );
    expect(findings).toEqual([]);
    expect(verifySegment(files, first)).toEqual([]);
    expect(told.at(-1)![0]).toBe(told.at(-1)![1]);
    expect(files.openFileCount).toBe(0);
  });

  test("names every damaged place by file and offset, and changes nothing", async () => {
    const files = await twoSegments();
    flipBit(files, first, framesOffset + 75);
    flipBit(files, second, framesOffset + 80);
    flipBit(files, second, 30);
    const { operationCount } = files;
    const findings = verifySegments(files, directory, [1, 2]);
    expect(findings.map(({ file, offset, kind }) => [file, offset, kind])).toEqual([
      [first, framesOffset, "damage"],
      [second, 0, "damage"],
      [second, framesOffset, "damage"],
    ]);
    expect(verifySegment(files, second).length).toBe(2);
    expect(files.operationCount).toBe(operationCount);
  });

  test("finds that a segment is missing", async () => {
    const files = await twoSegments();
    await files.remove(second);
    expect(verifySegments(files, directory, [1])).toMatchObject([{ file: first, kind: "damage" }]);
    expect(verifySegment(files, first).length).toBe(1);
  });

  test("tells a torn tail from damage", async () => {
    const files = await logFiles();
    const log = await Log.create(files);
    await log.commit("a");
    const left = files.killClone();
    flipBit(left, first, framesOffset + 75);
    expect(verifySegment(left, first)).toMatchObject([
      { file: first, offset: framesOffset, kind: "torn tail" },
    ]);
    await log.close();
  });

  test("goes on after a segment that cannot be read", async () => {
    const files = await twoSegments();
    flipBit(files, second, framesOffset + 80);
    const open = files.open.bind(files);
    files.open = (path, mode) => {
      const file = open(path, mode);
      if (path === first) {
        file.readAt = () => {
          throw Object.assign(new Error("EIO: input/output error"), { code: "EIO" });
        };
      }
      return file;
    };
    const findings = verifySegments(files, directory, [1, 2]);
    expect(findings.map(({ file }) => file)).toEqual([first, second]);
    expect(findings[0]!.message).toContain("EIO");
  });

  test("refuses a file that is not called like a segment", async () => {
    expect(() => verifySegment({} as MemoryFileSystem, "/log/notes.txt")).toThrow(
      "notes.txt is not called like",
    );
  });
});

describe("describe", () => {
  test("prints header, frames, entries and end, with nothing that moves a terminal", async () => {
    const files = await twoSegments();
    const lines = [...describeSegment(files, second)];
    expect(lines).toEqual([
      `${second}: commit-log segment, 24576 bytes`,
      "0: segment 2, continues, created 2023-11-14T22:13:20.000Z",
      "8192: frame of 1 entries, sequence 2 to 2, synced through 8192, written 2023-11-14T22:13:20.000Z",
      '  2 value "b\\u001b[2J" (2 bytes)',
      "8280: frame of 1 entries, sequence 3 to 3, synced through 8280, written 2023-11-14T22:13:20.000Z",
      '  3 tombstone "c" (1 bytes)',
      "8360: end mark, end of a run, next sequence 4, synced through 8360, written 2023-11-14T22:13:20.000Z",
      "8440: end; 16136 bytes of preallocated space",
    ]);
    const before = [...describeSegment(files, first)];
    expect(before[1]).toContain("segment 1, begins a run at sequence 1");
    expect(before.at(-2)).toContain("end mark, segment 2 follows, next sequence 2");
  });

  test("shows range deletions with their bounds", async () => {
    const files = await logFiles();
    const log = await Log.create(files);
    for (const end of ["acme;", ""]) {
      log.writer.append(logEntryKinds.rangeDeletion, Buffer.from("acme:"), 5, Buffer.from(end), end.length);
    }
    await log.close();
    const lines = [...describeSegment(files, first)];
    expect(lines).toContain('  1 range deletion from "acme:" up to "acme;"');
    expect(lines).toContain('  2 range deletion from "acme:" up to the end');
    expect(verifySegment(files, first)).toEqual([]);
  });

  test("shows damage, and goes on behind it", async () => {
    const files = await twoSegments();
    flipBit(files, second, 30);
    flipBit(files, second, framesOffset + 80);
    const lines = [...describeSegment(files, second)].map((line) => line.split(",")[0]);
    expect(lines).toContain("0: damaged header");
    expect(lines).toContain("8192: 88 bytes: damaged after it had been synced");
    expect(lines).toContain("8280: frame of 1 entries");
  });

  test("of a file with no header says just that", async () => {
    const files = await logFiles();
    files.open(first, "create").close();
    expect([...describeSegment(files, first)]).toEqual([
      `${first}: commit-log segment, 0 bytes`,
      "0: damaged header",
      "4096: damaged header",
    ]);
    expect(files.openFileCount).toBe(0);
  });
});
