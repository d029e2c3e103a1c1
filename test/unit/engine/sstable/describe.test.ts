import { describe, expect, test } from "bun:test";
import { describeTable } from "../../../../src/engine/sstable/describe.ts";
import {
  contentOf,
  entry,
  filesOf,
  numberedEntries,
  tableOf,
  tablePath,
  tombstone,
} from "./table-support.ts";

const entries = [
  entry("t:apple", "red", 7),
  tombstone("t:line\nbreak", "", 9),
  entry(Uint8Array.from([0xff, 0x01]), "dark", 300),
];

describe("describeTable", () => {
  test("shows footer, properties, filter and index", async () => {
    const { files } = await tableOf(entries, { blockSizeBytes: 16 });
    expect([...describeTable(files, tablePath)]).toEqual([
      "table 000001.sst",
      "  format version     1",
      "  size               203 bytes",
      "  data blocks        0 to 68",
      "  filter block       68 to 78: 32 bits, 7 probes",
      "  index block        78 to 105",
      "  properties block   105 to 175",
      "properties",
      "  entries            3",
      "  tombstones         1",
      "  sequence numbers   7 to 300",
      "  created            2023-11-14T22:13:20.000Z",
      '  smallest key       "t:apple"',
      "  largest key        0xff01",
      "index: 2 blocks",
      '  block 0  0 to 43  from ""',
      "  block 1  43 to 68  from 0xff",
    ]);
    expect(files.openFileCount).toBe(0);
  });

  test("and the entries where they are asked for", async () => {
    const { files } = await tableOf(entries, { blockSizeBytes: 16 });
    const lines = [...describeTable(files, tablePath, { entries: true })];
    expect(lines.slice(lines.indexOf("entries"))).toEqual([
      "entries",
      '  "t:apple"  #7  value, 3 bytes',
      '  "t:line\\nbreak"  #9  tombstone, 0 bytes',
      "  0xff01  #300  value, 4 bytes",
    ]);
  });

  test("shows the partitions of a large index", async () => {
    const { files } = await tableOf(entries, { blockSizeBytes: 16, indexPartitionBytes: 1 });
    const lines = [...describeTable(files, tablePath)];
    expect(lines.slice(3, 6)).toEqual([
      "  data blocks        0 to 68",
      "  index partitions   68 to 104: 2",
      "  filter block       104 to 114: 32 bits, 7 probes",
    ]);
    expect(lines.slice(-3)).toEqual([
      "index: 2 blocks",
      '  block 0  0 to 43  from ""',
      "  block 1  43 to 68  from 0xff",
    ]);
  });

  test("says what compression has saved", async () => {
    const { files, table } = await tableOf(numberedEntries(200), { compression: "zstd" });
    const { uncompressedDataBytes, dataSizeBytes } = table.properties;
    const ratio = (uncompressedDataBytes / dataSizeBytes).toFixed(2);
    expect([...describeTable(files, tablePath)]).toContain(
      `  uncompressed data  ${uncompressedDataBytes} bytes: ${ratio} times what is stored`,
    );
  });

  test("shows what comes before the damage", async () => {
    const { files } = await tableOf(entries, { blockSizeBytes: 16 });
    const content = contentOf(files);
    content[50]! ^= 1;
    const damaged = filesOf(content);
    const lines: string[] = [];
    expect(() => {
      for (const line of describeTable(damaged, tablePath, { entries: true })) lines.push(line);
    }).toThrow(expect.objectContaining({ code: "CORRUPTED_DATA" }));
    expect(lines.at(-1)).toBe('  "t:line\\nbreak"  #9  tombstone, 0 bytes');
    expect(damaged.openFileCount).toBe(0);
  });
});
