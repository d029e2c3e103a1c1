/** The worked example of docs/formats/manifest.md, byte for byte: the format does not change unnoticed. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describeManifest } from "../../../../src/engine/manifest/describe.ts";
import { ManifestWriter, scanManifest } from "../../../../src/engine/manifest/manifest-file.ts";
import type { VersionEdit } from "../../../../src/engine/manifest/version-edit.ts";
import { MemoryFileSystem } from "../../../../src/platform/memory.ts";
import { flipBit, readWhole, writeWhole } from "../../../support/whole-file.ts";
import { fullEdit, key } from "./manifest-support.ts";

const document = readFileSync(join(import.meta.dir, "../../../../docs/formats/manifest.md"), "utf8");
const path = "/MANIFEST-000005";
const identity = { manifestNumber: 5, storeId: Uint8Array.from({ length: 16 }, (_, i) => i) };
const edits: VersionEdit[] = [
  {
    nextFileNumber: 22,
    oldestSegmentNumber: 7,
    flushedThroughSequence: 300,
    sequenceHighWater: 1000,
    addedTables: [
      {
        level: 0,
        fileNumber: 4,
        sizeBytes: 253,
        entryCount: 5,
        tombstoneCount: 1,
        smallestSequence: 5,
        largestSequence: 300,
        deletionsAppliedThrough: 300,
        uncompressedSizeBytes: 253,
        createdAtMs: 1_700_000_000_000,
        smallestKey: key("t:apple"),
        largestKey: key("t:date"),
      },
    ],
  },
  {
    nextFileNumber: 22,
    addedRangeDeletions: [{ sequence: 301, start: key("t:b"), end: key("t:d") }],
    holders: [{ name: "backup", segmentNumber: 6 }],
  },
];

/** The bytes of all hex blocks; each line says at which offset it stands. */
function documentedBytes(): Uint8Array {
  const blocks = [...document.matchAll(/```hex\n([^`]*)```/g)];
  const bytes: number[] = [];
  for (const line of blocks.flatMap((block) => block[1]!.trim().split("\n"))) {
    const [, offset, hex] = /^([0-9a-f]{2}) {2}((?:[0-9a-f]{2} )+) /.exec(line) ?? [];
    expect(offset).toBe(bytes.length.toString(16).padStart(2, "0"));
    bytes.push(
      ...hex!
        .trim()
        .split(" ")
        .map((byte) => Number.parseInt(byte, 16)),
    );
  }
  return Uint8Array.from(bytes);
}

async function write(list: readonly VersionEdit[]): Promise<MemoryFileSystem> {
  const files = new MemoryFileSystem();
  const writer = ManifestWriter.create(files, path, identity);
  for (const edit of list) await writer.append(edit);
  writer.close();
  return files;
}

test("the writer writes the documented bytes", async () => {
  expect(readWhole(await write(edits), path).toHex()).toBe(documentedBytes().toHex());
});

test("the reader reads them", () => {
  const files = new MemoryFileSystem();
  writeWhole(files, path, documentedBytes());
  const scan = scanManifest(files, path);
  expect(scan.problem).toBeUndefined();
  expect(scan.identity).toEqual(identity);
  expect(scan.records.map(({ edit }) => edit)).toEqual(edits);
});

test("the description is the documented one", async () => {
  const shown = /```text\n(manifest [^`]*)```/.exec(document)?.[1];
  expect(
    `${[...describeManifest(await write(edits), path)].join("\n")}\n`.replaceAll(path, path.slice(1)),
  ).toBe(shown!);
});

test("every kind of field has its line", async () => {
  const lines = [...describeManifest(await write([{}, fullEdit()]), path)];
  expect(lines.slice(5)).toEqual([
    "record 0 at byte 64, 0 bytes: snapshot",
    expect.stringMatching(/^record 1 at byte 96, \d+ bytes$/),
    "  next file number 300",
    "  oldest segment 7",
    "  flushed through sequence 1099511627776",
    "  sequence high water 9007199254740991",
    "  remove table 11 from level 4",
    '  add table 12 to level 0: 15 bytes, 3 entries (1 tombstones), sequence 120 to 129, range deletions applied through 0, keys "t:0012a" to "t:0012z"',
    expect.stringContaining('keys "" to "t:0200z"'),
    '  delete keys from "t:" up to "t;" with a sequence number below 1099511627776',
    '  delete keys from "" up to the end with a sequence number below 7',
    '  drop holder "stream-1"',
    '  holder "backup ärchiv" needs segment 9 and later ones',
    "  damage acknowledged",
    "  damage in /data/commitlog/000003.log at byte 8192, 72 bytes: lost",
    "  draining begins",
  ]);
});

test("a key that is no text is shown in hexadecimal", async () => {
  const [table] = edits[0]!.addedTables!;
  const files = await write([{ addedTables: [{ ...table!, smallestKey: Uint8Array.of(0x74, 0xff) }] }]);
  expect([...describeManifest(files, path)].at(-1)).toContain('keys 0x74ff to "t:date"');
});

test("a damaged manifest is described as far as it can be read, then refused", async () => {
  const files = await write(edits);
  flipBit(files, path, readWhole(files, path).length - 32);
  const lines: string[] = [];
  expect(() => {
    for (const line of describeManifest(files, path)) lines.push(line);
  }).toThrow("the checksum of record 1 is wrong");
  expect(lines.at(-1)).toStartWith("  add table 4");
});
