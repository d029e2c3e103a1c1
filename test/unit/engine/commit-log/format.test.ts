import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  align,
  decodeFrameHeader,
  decodeSegmentHeader,
  encodeFrameHeader,
  encodeSegmentHeaders,
  entryLength,
  FrameHeader,
  frameKinds,
  frameMarker,
  framesOffset,
  headerSizeBytes,
  listSegments,
  newSalt,
  segmentNumberOf,
} from "../../../../src/engine/commit-log/format.ts";
import { CommitLogWriter } from "../../../../src/engine/commit-log/writer.ts";
import { entryKinds } from "../../../../src/engine/internal-key.ts";
import { seededRandom } from "../../../../src/platform/random.ts";
import { memoryEnvironment } from "../../../support/memory-environment.ts";
import { readWhole } from "../../../support/whole-file.ts";
import { directory, logFiles, options } from "./log-harness.ts";

const largest = Number.MAX_SAFE_INTEGER;

describe("segment header", () => {
  const header = {
    number: largest,
    salt: newSalt(seededRandom(3)),
    createdAtMs: largest,
    firstSequence: largest,
  };

  test("comes back, from either copy", () => {
    const bytes = encodeSegmentHeaders(header);
    expect(bytes.length).toBe(framesOffset);
    expect(decodeSegmentHeader("f", bytes.subarray(0, headerSizeBytes))).toEqual(header);
    expect(decodeSegmentHeader("f", bytes.subarray(headerSizeBytes))).toEqual(header);
  });

  test("with any byte changed is none", () => {
    const bytes = encodeSegmentHeaders(header).subarray(0, headerSizeBytes);
    for (let position = 0; position < headerSizeBytes; position++) {
      bytes[position]! ^= 1 << (position % 8);
      expect(decodeSegmentHeader("f", bytes)).toBeUndefined();
      bytes[position]! ^= 1 << (position % 8);
    }
    expect(decodeSegmentHeader("f", bytes.subarray(1))).toBeUndefined();
  });
});

describe("frame header", () => {
  const marker = frameMarker(newSalt(seededRandom(5)));

  function sample(): [FrameHeader, Uint8Array] {
    const header = new FrameHeader();
    header.offset = 8192;
    header.segmentNumber = largest;
    header.syncedThrough = largest - 1;
    header.firstSequence = largest - 2;
    header.commitTimeMs = largest - 3;
    header.kind = frameKinds.group;
    header.entryCount = 2 ** 32 - 1;
    header.payloadLength = 2 ** 32 - 2;
    header.payloadCrc = 2 ** 32 - 3;
    const bytes = new Uint8Array(100).fill(0xff);
    encodeFrameHeader(header, marker, bytes, 16);
    return [header, bytes];
  }

  test("comes back", () => {
    const [header, bytes] = sample();
    const found = new FrameHeader();
    expect(decodeFrameHeader(bytes, 16, marker, 8192, found)).toBe(true);
    expect(found).toEqual(header);
    expect(found.endOffset).toBe(8192 + 72 + 2 ** 32 + 0);
  });

  test("of an unknown kind is none", () => {
    const [header, bytes] = sample();
    header.kind = 3 as 1;
    encodeFrameHeader(header, marker, bytes, 16);
    expect(decodeFrameHeader(bytes, 16, marker, 8192, header)).toBe(false);
  });

  test("is none with any byte changed, at another offset, or in another segment", () => {
    const [, bytes] = sample();
    const found = new FrameHeader();
    for (let position = 16; position < 88; position++) {
      bytes[position]! ^= 1 << (position % 8);
      expect(decodeFrameHeader(bytes, 16, marker, 8192, found)).toBe(false);
      bytes[position]! ^= 1 << (position % 8);
    }
    expect(decodeFrameHeader(bytes, 16, marker, 8200, found)).toBe(false);
    expect(decodeFrameHeader(bytes, 16, frameMarker(newSalt(seededRandom(6))), 8192, found)).toBe(false);
    expect(decodeFrameHeader(bytes, 16, marker, 8192, found)).toBe(true);
  });
});

test("small things", async () => {
  expect([0, 1, 7, 8, 9].map(align)).toEqual([0, 8, 8, 8, 16]);
  expect(entryLength(1, 127)).toBe(1 + 1 + 1 + 128);
  expect(entryLength(128, 20_000)).toBe(1 + 2 + 3 + 20_128);
  expect(
    ["/a/000007.log", "1234567.log", "7.log", "/a/000007.sst", "000007.log.1"].map(segmentNumberOf),
  ).toEqual([7, 1234567, undefined, undefined, undefined]);
  const files = await logFiles();
  for (const name of ["1000000.log", "000002.log", "notes.txt"])
    files.open(`${directory}/${name}`, "create").close();
  expect(listSegments(files, directory)).toEqual([2, 1_000_000]);
});

/** The rows of a hex dump that are not all zeros: "00000010  07 00 …  ……". */
function hexDump(bytes: Uint8Array, from: number): string[] {
  const rows: string[] = [];
  for (let offset = from; offset < bytes.length; offset += 16) {
    const row = [...bytes.subarray(offset, offset + 16)];
    if (row.every((byte) => byte === 0)) continue;
    const hex = row.map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
    const text = row.map((byte) => (byte > 0x20 && byte < 0x7f ? String.fromCharCode(byte) : ".")).join("");
    rows.push(`${offset.toString(16).padStart(8, "0")}  ${hex.padEnd(47)}  ${text}`);
  }
  return rows;
}

test("the worked example in the format's documentation is what the writer writes", async () => {
  const files = await logFiles();
  const words = [0x01234567, 0x89abcdef];
  const environment = { ...memoryEnvironment(files), random: { uint32: () => words.shift() ?? 0 } };
  let number = 7;
  const writer = await CommitLogWriter.create(environment, { ...options, sync: "always" }, () => number++, 1);
  const add = (kind: 1 | 2, key: string, value: string) =>
    writer.append(kind, Buffer.from(key), key.length, Buffer.from(value), value.length);
  add(entryKinds.value, "acme:greeting", "hello, world");
  await add(entryKinds.tombstone, "acme:old", "").durable;
  await writer.close();

  const bytes = readWhole(files, `${directory}/000007.log`);
  expect(bytes.subarray(headerSizeBytes, framesOffset)).toEqual(bytes.subarray(0, headerSizeBytes));
  const dump = [...hexDump(bytes.subarray(0, headerSizeBytes), 0), ...hexDump(bytes, framesOffset)];
  const document = readFileSync(join(import.meta.dir, "../../../../docs/formats/commit-log.md"), "utf8");
  const documented = document.split("\n").filter((line) => /^[0-9a-f]{8} {2}([0-9a-f]{2} )+/.test(line));
  expect(documented).toEqual(dump);
});
