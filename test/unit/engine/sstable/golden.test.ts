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

/** The bytes of all hex blocks; each line says at which offset it stands. */
function documentedBytes(): Uint8Array {
  const blocks = [...readFileSync(document, "utf8").matchAll(/```hex\n([^`]*)```/g)];
  const lines = blocks.flatMap((block) => block[1]!.trim().split("\n"));
  const bytes: number[] = [];
  for (const line of lines) {
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

test("the writer writes the documented bytes", async () => {
  const { files } = await tableOf(entries, options);
  expect(contentOf(files).toHex()).toBe(documentedBytes().toHex());
});

test("the reader reads them", () => {
  const files = filesOf(documentedBytes());
  const table = TableReader.open(files, tablePath, 253);
  expect(allEntries(table)).toEqual(entries);
  expect(table.properties.createdAtMs).toBe(createdAtMs);
  expect(verifyTable(files, tablePath)).toEqual([]);
});
