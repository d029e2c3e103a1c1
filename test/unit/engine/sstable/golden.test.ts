/** The worked example of docs/formats/sstable.md, byte for byte: the format does not change unnoticed. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { TableReader } from "../../../../src/engine/sstable/reader.ts";
import { verifyTable } from "../../../../src/engine/sstable/verify.ts";
import {
  allEntries,
  contentOf,
  createdAtMs,
  entry,
  filesOf,
  tableOf,
  tablePath,
  tombstone,
} from "./table-support.ts";

const document = join(import.meta.dir, "../../../../docs/formats/sstable.md");
const entries = [
  entry("t:apple", "red", 7),
  entry("t:apricot", "orange", 300),
  tombstone("t:banana", "", 9),
  entry("t:cherry", "dark red", 8),
  entry("t:date", "sweet", 5),
];
const options = { blockSizeBytes: 64, restartIntervalEntries: 2 };

const [oneLevel, twoLevels] = readFileSync(document, "utf8").split("### With two levels") as [string, string];

interface DocumentedBytes {
  readonly offset: number;
  readonly hex: string;
}

/** The lines of all hex blocks. */
function documentedLines(section: string): DocumentedBytes[] {
  const blocks = [...section.matchAll(/```hex\n([^`]*)```/g)];
  const lines = blocks.flatMap((block) => block[1]!.trim().split("\n"));
  return lines.map((line) => {
    const [, offset, hex] = /^([0-9a-f]{2,3}) {2}((?:[0-9a-f]{2} )+) /.exec(line) ?? [];
    return { offset: Number.parseInt(offset!, 16), hex: hex!.replaceAll(" ", "") };
  });
}

/** Of the whole table that the section shows; each line says at which offset it stands. */
function documentedBytes(section: string): Uint8Array {
  let bytes = "";
  for (const { offset, hex } of documentedLines(section)) {
    expect(offset).toBe(bytes.length / 2);
    bytes += hex;
  }
  return Uint8Array.fromHex(bytes);
}

test("the writer writes the documented bytes", async () => {
  const { files } = await tableOf(entries, options);
  expect(contentOf(files).toHex()).toBe(documentedBytes(oneLevel).toHex());
});

test("the reader reads them", () => {
  const files = filesOf(documentedBytes(oneLevel));
  const table = TableReader.open(files, tablePath, 253);
  expect(allEntries(table)).toEqual(entries);
  expect(table.properties.createdAtMs).toBe(createdAtMs);
  expect(verifyTable(files, tablePath)).toEqual([]);
});

test("an index of two levels is written and read as documented, and all else as above", async () => {
  const { files } = await tableOf(entries, { ...options, indexPartitionBytes: 16 });
  const content = contentOf(files);
  expect(content).toHaveLength(305);
  const assembled = content.slice();
  const above = documentedBytes(oneLevel);
  assembled.set(above.subarray(0, 0x6e), 0);
  assembled.set(above.subarray(0x6e, 0x7a), 0x92);
  assembled.set(above.subarray(0x97, 0xe1), 0xcb);
  const lines = documentedLines(twoLevels);
  for (const { offset, hex } of lines) assembled.set(Uint8Array.fromHex(hex), offset);
  expect(content.toHex()).toBe(assembled.toHex());
  const shownBytes = lines.reduce((sum, { hex }) => sum + hex.length / 2, 0);
  expect(shownBytes + 0x6e + (0x7a - 0x6e) + (0xe1 - 0x97)).toBe(content.length);
  expect(allEntries(TableReader.open(filesOf(assembled), tablePath))).toEqual(entries);
  expect(verifyTable(files, tablePath)).toEqual([]);
});
