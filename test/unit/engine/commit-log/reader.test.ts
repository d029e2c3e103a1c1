import { describe, expect, test } from "bun:test";
import { StorageError } from "../../../../src/base/errors.ts";
import {
  align,
  encodeSegmentHeaders,
  endMarkSizeBytes,
  entryLength,
  frameHeaderSizeBytes,
  frameMarker,
  framesOffset,
  headerSizeBytes,
  newSalt,
} from "../../../../src/engine/commit-log/format.ts";
import { FrameBuilder } from "../../../../src/engine/commit-log/frame-builder.ts";
import { readSegments } from "../../../../src/engine/commit-log/reader.ts";
import type { EntryKind } from "../../../../src/engine/internal-key.ts";
import type { RecoveryMode } from "../../../../src/engine/options.ts";
import type { MemoryFileSystem } from "../../../../src/platform/memory.ts";
import { seededRandom } from "../../../../src/platform/random.ts";
import { flipBit, readWhole, writeWhole } from "../../../support/whole-file.ts";
import { directory, keysOf, Log, type LogSetup, logFiles, type ReadBack, readBack } from "./log-harness.ts";

const path = (number: number): string => `${directory}/${String(number).padStart(6, "0")}.log`;

interface Written {
  readonly files: MemoryFileSystem;
  readonly keys: string[];
  /** Of segment 1: where each frame ends, and the keys up to there. */
  readonly ends: { readonly offset: number; readonly keyCount: number }[];
}

/** Frames of one to three entries in segment 1, each one synced before the next is written. */
async function writtenLog(
  frameCount: number,
  setup: LogSetup = {},
): Promise<Written & { log: Log<MemoryFileSystem> }> {
  const files = await logFiles();
  const log = await Log.create(files, setup);
  const keys: string[] = [];
  const ends = [];
  for (let i = 0; i < frameCount; i++) {
    for (let j = 0; j <= i % 3; j++) keys.push(`key${i}-${j}`);
    const commits = keys.slice(-1 - (i % 3)).map((key) => log.put(key, "v".repeat(i)));
    log.endTurn();
    await commits[0]!.durable;
    ends.push({ offset: log.writer.segments[0]!.sizeBytes, keyCount: keys.length });
  }
  await log.settle();
  return { files, log, keys, ends };
}

/** As a killed process leaves it: with preallocated space, and without an end mark. */
async function unclosedLog(frameCount: number, setup?: LogSetup): Promise<Written> {
  const { files, keys, ends } = await writtenLog(frameCount, setup);
  return { files: files.killClone(), keys, ends };
}

async function closedLog(frameCount: number): Promise<Written> {
  const { log, ...written } = await writtenLog(frameCount);
  await log.close();
  return written;
}

/** Of segment 2 of `threeSegments`: behind a frame of two entries. */
function endMarkOffset(files: MemoryFileSystem): number {
  const frame = readBack(files, { numbers: [2] }).frames[0]!;
  return align(frame.offset + frameHeaderSizeBytes + 2 * entryLength(2, 0));
}

/** Segments 1 to 3, a frame of two keys in each, closed. */
async function threeSegments(): Promise<MemoryFileSystem> {
  const files = await logFiles();
  const log = await Log.create(files);
  for (const segment of ["a", "b", "c"]) {
    await log.room(`${segment}1`);
    log.put(`${segment}1`);
    await log.commit(`${segment}2`);
    await log.settle();
    if (segment !== "c") log.writer.startSegment();
  }
  await log.close();
  return files;
}

function strictError(files: MemoryFileSystem): StorageError {
  try {
    readBack(files);
  } catch (error) {
    if (error instanceof StorageError) return error;
    throw error;
  }
  throw new Error("nothing was found in mode strict");
}

const contentEnd = (bytes: Uint8Array) => bytes.findLastIndex((byte) => byte !== 0) + 1;

/** The file as it is where only the first `length` bytes of what was written came to the disk. */
function tornAfter(bytes: Uint8Array, length: number): Uint8Array {
  // Where a frame can be, its space was there before it.
  const torn = new Uint8Array(length > framesOffset ? bytes.length : length);
  torn.set(bytes.subarray(0, length));
  return torn;
}

describe("the last segment, torn at any byte", () => {
  test("gives exactly the records that are whole, and the log goes on after it", async () => {
    const { files, keys, ends } = await unclosedLog(7);
    const written = readWhole(files, path(1));
    const whole = written.subarray(0, ends.at(-1)!.offset);
    for (let length = whole.length; length >= 0; length -= length > framesOffset ? 1 : 509) {
      writeWhole(files, path(1), tornAfter(written, length));
      // Zeros that did not come to the disk are there all the same.
      const lastWhole = ends.findLast(({ offset }) => contentEnd(written.subarray(0, offset)) <= length) ?? {
        offset: framesOffset,
        keyCount: 0,
      };
      const read = readBack(files);
      expect(keysOf(read)).toEqual(keys.slice(0, lastWhole.keyCount));
      expect(read.damage).toEqual([]);
      // Zeros at the end could be preallocated space as well.
      const tornBytes = contentEnd(whole.subarray(0, length)) - lastWhole.offset;
      const tail = { file: path(1), offset: lastWhole.offset, lengthBytes: tornBytes };
      expect(read.tails).toEqual(tornBytes > 0 ? [tail] : []);
      if (length % 8 === 0 || length < framesOffset) await checkNextRun(files, keysOf(read));
    }
  });
});

test("the last segment, cut off at any byte behind its headers, is corruption", async () => {
  const { files, keys, ends } = await unclosedLog(7);
  const written = readWhole(files, path(1));
  const endOffset = ends.at(-1)!.offset;
  for (let length = endOffset + endMarkSizeBytes - 1; length > framesOffset; length--) {
    writeWhole(files, path(1), written.subarray(0, length));
    const read = readBack(files, { mode: "skip" });
    const { keyCount, offset } = ends.findLast((end) => end.offset <= length) ?? {
      keyCount: 0,
      offset: framesOffset,
    };
    expect(keysOf(read)).toEqual(keys.slice(0, keyCount));
    expect([read.tails, read.damage]).toMatchObject([[], [{ file: path(1), offset }]]);
    expect(strictError(files)).toMatchObject({ code: "CORRUPTED_DATA", file: path(1), offset });
  }
  writeWhole(files, path(1), written.subarray(0, endOffset + endMarkSizeBytes));
  expect(keysOf(readBack(files))).toEqual(keys);
});

/** A new run over segment 1, in a copy. */
async function checkNextRun(files: MemoryFileSystem, keys: string[]): Promise<void> {
  const copy = files.killClone();
  const log = await Log.create(copy, { firstNumber: 10, nextSequence: keys.length + 1 });
  await log.commit("next");
  await log.close();
  expect(keysOf(readBack(copy))).toEqual([...keys, "next"]);
}

describe("a closed segment with any byte changed", () => {
  test("strict: names the file and the place", async () => {
    const { files, log } = await writtenLog(6);
    log.writer.startSegment();
    await log.commit("next");
    await log.close();
    const { sizeBytes } = files.status(path(1))!;
    for (let position = 0; position < sizeBytes; position += position < framesOffset - 64 ? 7 : 1) {
      flipBit(files, path(1), position, position % 8);
      const error = strictError(files);
      expect(error).toMatchObject({ code: "CORRUPTED_DATA", file: path(1) });
      expect(error.offset!).toBeLessThanOrEqual(position);
      expect(error.message).toContain('set recovery.mode to "skip"');
      flipBit(files, path(1), position, position % 8);
    }
    expect(readBack(files).damage).toEqual([]);
  }, 30_000);

  test("skip: loses the frame that the byte is in, and no other", async () => {
    const { files, keys, ends } = await closedLog(6);
    const endMarkOffset = ends.at(-1)!.offset;
    for (let position = framesOffset; position < endMarkOffset + endMarkSizeBytes; position++) {
      flipBit(files, path(1), position, position % 8);
      const read = readBack(files, { mode: "skip" });
      const index = ends.findIndex(({ offset }) => position < offset);
      // Behind the last frame lies the end mark, which holds no records: it passes for a torn tail.
      const start = index === -1 ? ends.at(-1)! : (ends[index - 1] ?? { offset: framesOffset, keyCount: 0 });
      const end = index === -1 ? start : ends[index]!;
      expect(keysOf(read)).toEqual([...keys.slice(0, start.keyCount), ...keys.slice(end.keyCount)]);
      if (index === -1) {
        expect(read.tails).toMatchObject([{ file: path(1), offset: start.offset }]);
      } else {
        const lengthBytes = end.offset - start.offset;
        expect(read.aside).toEqual([[path(1), start.offset, lengthBytes]]);
        expect(read.damage).toMatchObject([
          { file: path(1), offset: start.offset, lengthBytes, foundAtMs: 5 },
        ]);
        expect(read.damage[0]!.message).toContain("/lost/copy");
      }
      flipBit(files, path(1), position, position % 8);
    }
  });
});

describe("damage in a segment that was not closed", () => {
  test("is corruption where a later frame says that the place was synced, else a torn tail", async () => {
    const { files, keys, ends } = await unclosedLog(5);
    for (const [index, { offset, keyCount }] of ends.entries()) {
      const start = ends[index - 1] ?? { offset: framesOffset, keyCount: 0 };
      flipBit(files, path(1), offset - 9);
      const read = readBack(files, { mode: "skip" });
      if (index < ends.length - 1) {
        expect(keysOf(read)).toEqual([...keys.slice(0, start.keyCount), ...keys.slice(keyCount)]);
        expect(read.damage[0]!.message).toContain(`records ${start.keyCount + 1} to ${keyCount} are damaged`);
        expect(read.tails).toEqual([]);
      } else {
        expect(keysOf(read)).toEqual(keys.slice(0, start.keyCount));
        expect(read.damage).toEqual([]);
        expect(read.tails).toMatchObject([{ file: path(1), offset: start.offset }]);
      }
      flipBit(files, path(1), offset - 9);
    }
  });

  test("two bad frames behind the last sync: the tail is cut at the first, good frames after it too", async () => {
    const { files, ends } = await unclosedLog(5, { overrides: { sync: "never" } });
    flipBit(files, path(1), ends[1]!.offset + 80);
    flipBit(files, path(1), ends[3]!.offset + 80);
    const end = readWhole(files, path(1)).findLastIndex((byte) => byte !== 0) + 1;
    const read = readBack(files, { mode: "skip" });
    expect(keysOf(read)).toEqual(["key0-0", "key1-0", "key1-1"]);
    expect(read.tails).toEqual([
      { file: path(1), offset: ends[1]!.offset, lengthBytes: end - ends[1]!.offset },
    ]);
  });

  test("a hole of zeros in front of a synced frame is damage too", async () => {
    const { files, keys, ends } = await unclosedLog(5);
    const file = files.open(path(1), "write");
    file.writeAt(new Uint8Array(ends[2]!.offset - ends[1]!.offset), ends[1]!.offset);
    file.close();
    expect(keysOf(readBack(files, { mode: "skip" }))).toEqual([...keys.slice(0, 3), ...keys.slice(6)]);
  });

  test("preallocated zeros are neither", async () => {
    const { files, keys } = await unclosedLog(4);
    const read = readBack(files);
    expect(keysOf(read)).toEqual(keys);
    expect(read.tails).toEqual([]);
  });
});

describe("values that look like frames", () => {
  test("a copy of the segment, stored in the segment, is not taken for frames", async () => {
    const { log, files, ends } = await writtenLog(4);
    const copy = Buffer.from(readWhole(files, path(1)).subarray(0, ends.at(-1)!.offset));
    for (const shift of [0, 1, 2, 3, 4, 5, 6, 7]) {
      const key = Buffer.from("copy".padEnd(8 + shift, "-"));
      await log.room("copy", " ".repeat(copy.length + 20));
      log.writer.append(1, key, key.length, copy, copy.length);
      log.endTurn();
      await log.writer.sync();
    }
    await log.commit("after");
    await log.close();
    // With its header gone, the reader scans through the frame that holds the first copy.
    flipBit(files, path(1), ends.at(-1)!.offset);
    const read = readBack(files, { mode: "skip" });
    expect(read.damage.length).toBe(1);
    expect(read.damage[0]!.lengthBytes).toBeGreaterThan(copy.length);
    expect(keysOf(read).filter((key) => key.startsWith("copy")).length).toBe(7);
    expect(keysOf(read).at(-1)).toBe("after");
  });
});

describe("several segments", () => {
  test("damage in one that has a successor is corruption, with or without its end mark", async () => {
    const files = await threeSegments();
    const endMark = endMarkOffset(files);
    for (const position of [endMark - 9, endMark + 3]) {
      flipBit(files, path(2), position);
      expect(strictError(files)).toMatchObject({ file: path(2) });
      const read = readBack(files, { mode: "skip" });
      expect(keysOf(read)).toEqual(
        position < endMark ? ["a1", "a2", "c1", "c2"] : ["a1", "a2", "b1", "b2", "c1", "c2"],
      );
      expect(read.damage.length).toBe(1);
      expect(read.tails).toEqual([]);
      flipBit(files, path(2), position);
    }
  });

  test("one that is cut, even between two frames, is corruption", async () => {
    const files = await threeSegments();
    const bytes = readWhole(files, path(2));
    writeWhole(files, path(2), bytes.subarray(0, endMarkOffset(files)));
    expect(strictError(files).message).toContain("the segment's end is missing");
    expect(keysOf(readBack(files, { mode: "skip" }))).toEqual(["a1", "a2", "b1", "b2", "c1", "c2"]);
    writeWhole(files, path(2), bytes.subarray(0, framesOffset));
    const read = readBack(files, { mode: "skip" });
    expect(keysOf(read)).toEqual(["a1", "a2", "c1", "c2"]);
    expect(read.damage).toMatchObject([{ file: path(2), offset: framesOffset, lengthBytes: 0 }]);
    expect(read.aside).toEqual([]);
  });

  test("one that is missing in the middle is corruption, and so is one at the start that was still needed", async () => {
    const files = await threeSegments();
    const middle = readBack(files, { mode: "skip", numbers: [1, 3] });
    expect(keysOf(middle)).toEqual(["a1", "a2", "c1", "c2"]);
    expect(middle.damage).toMatchObject([{ file: path(3), offset: framesOffset, lengthBytes: 0 }]);
    expect(middle.damage[0]!.message).toContain("records 3 to 4 are missing");
    expect(readBack(files, { mode: "skip", numbers: [2, 3], fromSequence: 2 }).damage[0]!.message).toContain(
      "records 2 to 2 are missing",
    );
    expect(keysOf(readBack(files, { numbers: [2, 3], fromSequence: 3 }))).toEqual(["b1", "b2", "c1", "c2"]);
    expect(keysOf(readBack(files, { numbers: [2, 3] }))).toEqual(["b1", "b2", "c1", "c2"]);
  });

  test("the last one is missed too, since the one before names it", async () => {
    const files = await threeSegments();
    await files.remove(path(3));
    expect(strictError(files)).toMatchObject({ file: path(2) });
    for (const mode of ["skip", "point_in_time"] as const) {
      const read = readBack(files, { mode });
      expect(keysOf(read)).toEqual(["a1", "a2", "b1", "b2"]);
      expect(read.damage).toMatchObject([{ file: path(2) }]);
      expect(read.damage[0]!.message).toContain("segment 3 followed this one and is missing");
    }
    await files.remove(path(2));
    expect(readBack(files, { mode: "skip" }).damage[0]!.message).toContain("segment 2 followed");
  });

  test("the last one is missed as well where only its beginning is left", async () => {
    const files = await threeSegments();
    const bytes = readWhole(files, path(3));
    for (const length of [0, 100, 4096, framesOffset, framesOffset + endMarkSizeBytes - 1]) {
      writeWhole(files, path(3), bytes.subarray(0, length));
      const read = readBack(files, { mode: "skip" });
      expect(keysOf(read)).toEqual(["a1", "a2", "b1", "b2"]);
      expect(read.damage.map(({ file }) => file)).toContain(path(3));
      expect(read.tails).toEqual([]);
    }
  });

  test("a leap of the sequence numbers is none where a run of the node begins", async () => {
    const { files, keys } = await unclosedLog(3);
    const log = await Log.create(files, { firstNumber: 10, nextSequence: 1000 });
    await log.commit("leapt");
    await log.close();
    const read = readBack(files);
    expect(keysOf(read)).toEqual([...keys, "leapt"]);
    expect(read.entries.at(-1)!.sequence).toBe(1000);
    expect(read.highestSequence).toBe(1000);
  });

  test("a torn tail stays one when another run follows", async () => {
    const { files, keys, ends } = await unclosedLog(3);
    flipBit(files, path(1), ends[1]!.offset + 80);
    const log = await Log.create(files, { firstNumber: 10, nextSequence: 4 });
    await log.commit("next");
    await log.close();
    const read = readBack(files);
    expect(keysOf(read)).toEqual([...keys.slice(0, 3), "next"]);
    expect(read.tails.length).toBe(1);
  });

  test("one whose creation was cut short, or that was never used, is nothing", async () => {
    const { files, keys } = await unclosedLog(2);
    for (const length of [0, 1, 4096, 5000, framesOffset, framesOffset + 100]) {
      writeWhole(files, path(7), readWhole(files, path(1)).subarray(0, Math.min(length, 300)));
      const file = files.open(path(7), "write");
      file.truncate(length);
      file.close();
      expect(keysOf(readBack(files))).toEqual(keys);
    }
  });
});

describe("headers", () => {
  test("one damaged copy loses nothing and is told", async () => {
    const { files, keys } = await closedLog(3);
    for (const offset of [0, headerSizeBytes]) {
      flipBit(files, path(1), offset + 30);
      const read = readBack(files, { mode: "skip" });
      expect(keysOf(read)).toEqual(keys);
      expect(read.damage).toMatchObject([{ file: path(1), offset, lengthBytes: headerSizeBytes }]);
      expect(keysOf(readBack(files, { mode: "point_in_time" }))).toEqual(keys);
      flipBit(files, path(1), offset + 30);
    }
  });

  test("both damaged lose the segment, which is set aside whole", async () => {
    const files = await threeSegments();
    flipBit(files, path(2), 30);
    flipBit(files, path(2), headerSizeBytes + 30);
    const read = readBack(files, { mode: "skip" });
    expect(keysOf(read)).toEqual(["a1", "a2", "c1", "c2"]);
    expect(read.aside).toEqual([[path(2), 0, files.status(path(2))!.sizeBytes]]);
  });

  test("a segment under another's name is not read as that one", async () => {
    const files = await threeSegments();
    files.rename(path(3), path(2));
    const read = readBack(files, { mode: "skip" });
    expect(keysOf(read)).toEqual(["a1", "a2"]);
    expect(read.damage[0]!.message).toContain("this is segment 3, renamed");
  });

  test("a newer format is refused in every mode", async () => {
    const { files } = await closedLog(1);
    const bytes = readWhole(files, path(1));
    bytes[8] = 2;
    new DataView(bytes.buffer).setUint32(4092, Bun.hash.crc32(bytes.subarray(0, 4092)), true);
    writeWhole(files, path(1), bytes);
    for (const mode of ["strict", "skip", "point_in_time"] satisfies RecoveryMode[]) {
      expect(() => readBack(files, { mode })).toThrow("format 2; this program reads format 1");
    }
  });

  test("bytes after the end mark are told, and lose nothing", async () => {
    const { files, keys, ends } = await closedLog(2);
    const offset = ends.at(-1)!.offset + endMarkSizeBytes;
    flipBit(files, path(1), offset + 99);
    const read = readBack(files, { mode: "skip" });
    expect(keysOf(read)).toEqual(keys);
    expect(read.damage).toMatchObject([{ offset, lengthBytes: 100 }]);
    expect(strictError(files).message).toContain("after the end mark");
  });
});

describe("frames that do not belong", () => {
  const salt = newSalt(seededRandom(9));

  /** Segment 1, made by hand, with a frame of one entry for each [sequence number, segment number]. */
  async function handMade(frames: [number, number][], kind: EntryKind = 1): Promise<MemoryFileSystem> {
    const files = await logFiles();
    const headers = encodeSegmentHeaders({ number: 1, salt, createdAtMs: 0, firstSequence: 0 });
    const parts = [headers];
    for (const [sequence, segmentNumber] of frames) {
      const offset = parts.reduce((sum, { length }) => sum + length, 0);
      const builder = new FrameBuilder(segmentNumber, frameMarker(salt), 1000, offset);
      builder.add(sequence, kind, Buffer.from(`k${sequence}`), 2, Buffer.from(""), 0);
      builder.closeFrame({ syncedThrough: offset, commitTimeMs: 0 });
      parts.push(builder.take().slice());
    }
    writeWhole(files, path(1), Buffer.concat(parts));
    return files;
  }

  test("one that goes back in the sequence numbers is not given out", async () => {
    const files = await handMade([
      [5, 1],
      [6, 1],
      [5, 1],
      [7, 1],
    ]);
    const read = readBack(files, { mode: "skip" });
    expect(keysOf(read)).toEqual(["k5", "k6", "k7"]);
    expect(read.damage[0]!.message).toContain("goes back to sequence number 5");
    expect(read.aside.length).toBe(1);
    expect(keysOf(readBack(files, { mode: "point_in_time" }))).toEqual(["k5", "k6"]);
  });

  test("one whose checksums are right, with an entry that is none, throws", async () => {
    const files = await handMade([[1, 1]], 9 as EntryKind);
    expect(() => readBack(files, { mode: "skip" })).toThrow(
      "/log/000001.log at byte 8192: an entry of the frame",
    );
  });

  test("one of another segment is damage", async () => {
    const read = readBack(
      await handMade([
        [1, 1],
        [2, 2],
        [3, 1],
      ]),
      { mode: "skip" },
    );
    expect(keysOf(read)).toEqual(["k1", "k3"]);
    expect(read.damage[0]!.message).toContain("records 2 to 2 are damaged");
  });
});

describe("point in time", () => {
  const stopped = (read: ReadBack): unknown[] => read.damage.map(({ file, offset }) => [file, offset]);

  test("stops before the damage, and sets aside all that follows", async () => {
    const files = await threeSegments();
    flipBit(files, path(2), framesOffset + 80);
    const read = readBack(files, { mode: "point_in_time" });
    expect(keysOf(read)).toEqual(["a1", "a2"]);
    expect(stopped(read)).toEqual([
      [path(2), framesOffset],
      [path(3), 0],
    ]);
    const sizes = [2, 3].map((number) => files.status(path(number))!.sizeBytes);
    expect(read.aside).toEqual([
      [path(2), framesOffset, sizes[0]! - framesOffset],
      [path(3), 0, sizes[1]!],
    ]);
    expect(read.highestSequence).toBe(6);
  });

  test("stops at a missing segment", async () => {
    const files = await threeSegments();
    const read = readBack(files, { mode: "point_in_time", numbers: [1, 3] });
    expect(keysOf(read)).toEqual(["a1", "a2"]);
    expect(stopped(read)).toEqual([[path(3), framesOffset]]);
    expect(read.aside[0]![2]).toBe(files.status(path(3))!.sizeBytes - framesOffset);
  });

  test("a torn tail is no reason to stop", async () => {
    const { files, ends } = await unclosedLog(3);
    flipBit(files, path(1), ends[1]!.offset + 80);
    const read = readBack(files, { mode: "point_in_time" });
    expect(read.damage).toEqual([]);
    expect(read.tails.length).toBe(1);
  });
});

describe("reading", () => {
  test("passes over what lies below the wanted sequence number, inside a frame too", async () => {
    const { files, keys } = await closedLog(6);
    for (let fromSequence = 1; fromSequence <= keys.length + 1; fromSequence++) {
      const read = readBack(files, { fromSequence });
      expect(keysOf(read)).toEqual(keys.slice(fromSequence - 1));
      expect(read.highestSequence).toBe(keys.length);
    }
  });

  test("frames larger than what is read at a time, and files of several such pieces", async () => {
    const files = await logFiles();
    const log = await Log.create(files, {
      overrides: { groupSizeBytes: 1 << 22, segmentSizeBytes: 1 << 24 },
    });
    const sizes = [10, 1_500_000, 300_000, 300_000, 300_000, 300_000, 20];
    for (const [i, size] of sizes.entries()) await log.commit(`key${i}`, "v".repeat(size));
    await log.close();
    const read = readBack(files);
    expect(read.entries.map(({ value }) => value.length)).toEqual(sizes);
    expect(read.entries.every(({ value }) => /^v*$/.test(value))).toBe(true);
  });

  test("a file that cannot be read throws, in every mode", async () => {
    const { files } = await closedLog(2);
    const open = files.open.bind(files);
    files.open = (path, mode) => {
      const file = open(path, mode);
      file.readAt = () => {
        throw Object.assign(new Error("EIO: input/output error"), { code: "EIO" });
      };
      return file;
    };
    expect(() => readBack(files, { mode: "skip" })).toThrow("/log/000001.log at byte 0: cannot be read: EIO");
    expect(files.openFileCount).toBe(0);
  });

  test("tells how far it is", async () => {
    const files = await threeSegments();
    const told: [number, number][] = [];
    const source = {
      files,
      directory,
      numbers: [1, 2, 3],
      fromSequence: 0,
      mode: "strict",
      nowMs: 0,
    } as const;
    const reports = {
      tornTail() {},
      damage() {},
      setAside: () => "",
      progress: (...at: [number, number]) => told.push(at),
    };
    for (const _ of readSegments(source, reports));
    const total = [1, 2, 3].reduce((sum, number) => sum + files.status(path(number))!.sizeBytes, 0);
    expect(told.at(-1)).toEqual([total, total]);
    expect(told.length).toBe(3);
  });

  test("a reader that stops early closes its file", async () => {
    const files = await threeSegments();
    const source = {
      files,
      directory,
      numbers: [1, 2, 3],
      fromSequence: 0,
      mode: "strict",
      nowMs: 0,
    } as const;
    for (const _ of readSegments(source, { tornTail() {}, damage() {}, setAside: () => "" })) break;
    expect(files.openFileCount).toBe(0);
  });
});
