import { describe, expect, test } from "bun:test";
import { writeUint32 } from "../../../../src/base/integers.ts";
import { type Footer, readFooter, trailerSizeBytes } from "../../../../src/engine/sstable/format.ts";
import { verifyTable } from "../../../../src/engine/sstable/verify.ts";
import { FaultFileSystem } from "../../../../src/platform/fault.ts";
import { MemoryFileSystem } from "../../../../src/platform/memory.ts";
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
  entry("aa", "1", 5),
  entry("ab", "2", 6),
  tombstone("b", "3", 7),
  entry("c", "x".repeat(70), 8),
];

/** A table of two blocks: three entries with restart points at the first and the third; the large one. */
async function table(): Promise<{ content: Uint8Array; footer: Footer }> {
  const content = contentOf(
    (await tableOf(entries, { blockSizeBytes: 64, restartIntervalEntries: 2 })).files,
  );
  return { content, footer: readFooter(tablePath, content.length, content) };
}

/** Changes bytes of the block from `start` to `end` and gives it the checksum that fits. */
function change(content: Uint8Array, start: number, end: number, bytes: Record<number, number>): void {
  for (const [at, value] of Object.entries(bytes)) content[start + Number(at)] = value;
  writeUint32(content, end - 4, Bun.hash.crc32(content.subarray(start, end - 4)));
}

const finding = (offset: number, message: string) => ({
  file: tablePath,
  offset,
  message: expect.stringContaining(message),
});

test("nothing is wrong with whole tables of many shapes", async () => {
  for (const count of [1, 2, 100, 5000]) {
    const { files } = await tableOf(numberedEntries(count), { blockSizeBytes: 300 });
    expect(verifyTable(files, tablePath)).toEqual([]);
    const compressed = await tableOf(numberedEntries(count), { blockSizeBytes: 300, compression: "zstd" });
    expect(verifyTable(compressed.files, tablePath)).toEqual([]);
    const partitioned = await tableOf(numberedEntries(count), {
      blockSizeBytes: 300,
      indexPartitionBytes: 100,
    });
    expect(verifyTable(partitioned.files, tablePath)).toEqual([]);
  }
});

describe("what a right checksum hides", () => {
  test("properties that do not fit the entries", async () => {
    const { content, footer } = await table();
    const at = footer.propertiesOffset;
    // Entries 4 → 9, tombstones 1 → 0, sequences 5 → 4 and 8 → 9, the keys' first bytes.
    const wrong = { 0: 9, 8: 0, 16: 4, 24: 9, 32: 1, 56: 0x7a, 58: 0x7a };
    change(content, at, content.length - 28, wrong);
    const messages = verifyTable(filesOf(content), tablePath).map((each) => each.message);
    expect(messages).toEqual([
      "number of entries: the properties say 9, it is 4",
      "number of tombstones: the properties say 0, it is 1",
      "smallest sequence number: the properties say 4, it is 5",
      "largest sequence number: the properties say 9, it is 8",
      `size of the data blocks: the properties say 1, it is ${footer.filterOffset}`,
      `size of the data blocks uncompressed: the properties say 1, it is ${footer.filterOffset}`,
      "smallest key: the properties name another one",
      "largest key: the properties name another one",
    ]);
  });

  test("a filter that lacks keys", async () => {
    const { content, footer } = await table();
    const bits = footer.indexOffset - footer.filterOffset - trailerSizeBytes - 1;
    const zeros = Object.fromEntries(Array.from({ length: bits }, (_, i) => [i + 1, 0]));
    change(content, footer.filterOffset, footer.indexOffset, zeros);
    const findings = verifyTable(filesOf(content), tablePath);
    expect(findings).toHaveLength(entries.length);
    expect(findings[0]).toEqual(finding(0, "the filter does not know"));
    expect(findings[1]!.offset).toBeGreaterThan(0);
  });

  test("a separator after its block's first key, and one not after the key before", async () => {
    for (const [letter, message] of [
      ["d", "sorts before its separator"],
      ["b", "does not sort after the key before"],
    ] as const) {
      const { content, footer } = await table();
      const lastSeparator = footer.propertiesOffset - footer.indexOffset - trailerSizeBytes - 1;
      change(content, footer.indexOffset, footer.propertiesOffset, { [lastSeparator]: letter.charCodeAt(0) });
      expect(verifyTable(filesOf(content), tablePath)).toEqual([finding(firstBlockEnd, message)]);
    }
  });

  test("a restart point that is no entry's place", async () => {
    const { content } = await table();
    // The second restart point stands before the number of restart points and the trailer.
    change(content, 0, firstBlockEnd, { [firstBlockEnd - trailerSizeBytes - 8]: 8 });
    expect(verifyTable(filesOf(content), tablePath)).toEqual([finding(0, "restart point 1")]);
  });

  test("keys out of order", async () => {
    const { content } = await table();
    // The second entry's rest, "b": its key becomes "a" and that byte.
    change(content, 0, firstBlockEnd, { [secondEntryRest]: 0x61 });
    expect(verifyTable(filesOf(content), tablePath)).toEqual([finding(8, "out of order")]);
  });
});

/** Of the first entry: five bytes of lengths and numbers, two of key, one of value; the second shares one byte. */
const secondEntryRest = 8 + 5;
/** Entries of 8, 7 and 7 bytes, two restart points, their number, trailer. */
const firstBlockEnd = 8 + 7 + 7 + 12 + trailerSizeBytes;

describe("goes on past damage", () => {
  test("to every damaged block", async () => {
    const { files } = await tableOf(numberedEntries(100), { blockSizeBytes: 300 });
    const content = contentOf(files);
    content[0]! ^= 1;
    content[readFooter(tablePath, content.length, content).filterOffset - 1]! ^= 1;
    const findings = verifyTable(filesOf(content), tablePath);
    expect(findings).toHaveLength(2);
    expect(findings[0]).toEqual(finding(0, "checksum"));
    expect(findings[0]!.message).not.toContain(tablePath);
  });

  test("to the blocks of other index partitions than a damaged one", async () => {
    const { files, table } = await tableOf(numberedEntries(1000), {
      blockSizeBytes: 300,
      indexPartitionBytes: 100,
    });
    const topLevel = table.indexTopLevel!;
    expect(topLevel.partitionCount).toBeGreaterThan(3);
    const content = contentOf(files);
    content[topLevel.start(1) + 3]! ^= 1;
    // Hidden behind the damaged partition; and the last one.
    content[topLevel.dataStart(1)]! ^= 1;
    content[topLevel.dataSizeBytes - 1]! ^= 1;
    const findings = verifyTable(filesOf(content), tablePath);
    expect(findings).toHaveLength(2);
    expect(findings[0]).toEqual(finding(topLevel.start(1), "index partition 1: block checksum"));
    expect(findings[1]!.message).toContain("checksum");
  });

  test("to the data blocks behind a damaged filter and damaged properties", async () => {
    const { content, footer } = await table();
    content[footer.filterOffset]! ^= 1;
    content[footer.propertiesOffset]! ^= 1;
    content[1]! ^= 1;
    expect(verifyTable(filesOf(content), tablePath).map((each) => each.offset)).toEqual([
      footer.filterOffset,
      footer.propertiesOffset,
      0,
    ]);
  });

  test("to where the file ends, when it is cut meanwhile", async () => {
    const files = filesOf((await table()).content);
    const findings = verifyTable(files, tablePath, () => {
      const file = files.open(tablePath, "write");
      file.truncate(firstBlockEnd + 10);
      file.close();
    });
    expect(findings).toEqual([finding(firstBlockEnd + 10, "ends before its last block")]);
  });

  test("and past what the disk cannot read", async () => {
    const inner = filesOf((await table()).content);
    let reads = 0;
    // Footer, filter, properties and index are read first.
    const files = new FaultFileSystem(inner, ({ kind }) =>
      kind === "read" && ++reads === 5 ? "EIO" : undefined,
    );
    expect(verifyTable(files, tablePath)).toEqual([finding(0, "EIO")]);
    expect(reads).toBe(6);
  });
});

test("reports progress up to the end of the data", async () => {
  const { files } = await tableOf(numberedEntries(300), { blockSizeBytes: 300 });
  const done: number[] = [];
  let total = 0;
  verifyTable(files, tablePath, (doneBytes, totalBytes) => {
    done.push(doneBytes);
    total = totalBytes;
  });
  expect(done.length).toBeGreaterThan(5);
  expect(done).toEqual(done.toSorted((a, b) => a - b));
  expect(done.at(-1)).toBe(total);
});

test("leaves no file open, and a missing one is the system's error", async () => {
  const { files } = await tableOf(entries);
  verifyTable(files, tablePath);
  expect(files.openFileCount).toBe(0);
  expect(() => verifyTable(new MemoryFileSystem(), tablePath)).toThrow(
    expect.objectContaining({ code: "ENOENT" }),
  );
});
