/** A table as readable lines: footer, properties, filter, index, and the entries where they are asked for. */
import { quoteUtf8 } from "../../base/utf8.ts";
import type { FileSystem } from "../../platform/file-system.ts";
import { entryKinds } from "../internal-key.ts";
import { BlockReader } from "./block.ts";
import { formatVersion } from "./format.ts";
import type { TableIndex } from "./index.ts";
import { TableFile } from "./table-file.ts";

export interface DescribeTableOptions {
  /** With a line for every entry. */
  readonly entries?: boolean;
}

/** Lines without line ends. Throws CORRUPTED_DATA at the first damaged part, after the lines before it. */
export function* describeTable(
  files: FileSystem,
  path: string,
  options: DescribeTableOptions = {},
): Generator<string> {
  const file = files.open(path, "read");
  try {
    const table = new TableFile(file);
    const index = table.index();
    yield* describeFrame(table, index);
    yield* describeProperties(table);
    yield* describeIndex(index);
    if (options.entries === true) yield* describeEntries(table, index);
  } finally {
    file.close();
  }
}

function* describeFrame(table: TableFile, { dataSizeBytes, topLevel }: TableIndex): Generator<string> {
  const { filterOffset, indexOffset, propertiesOffset, footerOffset } = table.footer;
  const filter = table.filter();
  yield `table ${table.path}`;
  yield `  format version     ${formatVersion}`;
  yield `  size               ${table.sizeBytes} bytes`;
  yield `  data blocks        0 to ${dataSizeBytes}`;
  if (topLevel !== undefined) {
    yield `  index partitions   ${dataSizeBytes} to ${filterOffset}: ${topLevel.partitionCount}`;
  }
  yield `  filter block       ${filterOffset} to ${indexOffset}: ${filter.bitCount} bits, ${filter.probeCount} probes`;
  yield `  index block        ${indexOffset} to ${propertiesOffset}`;
  yield `  properties block   ${propertiesOffset} to ${footerOffset}`;
}

function* describeProperties(table: TableFile): Generator<string> {
  const properties = table.properties();
  yield "properties";
  yield `  entries            ${properties.entryCount}`;
  yield `  tombstones         ${properties.tombstoneCount}`;
  yield `  sequence numbers   ${properties.smallestSequence} to ${properties.largestSequence}`;
  if (properties.uncompressedDataBytes !== properties.dataSizeBytes) {
    const ratio = properties.uncompressedDataBytes / properties.dataSizeBytes;
    yield `  uncompressed data  ${properties.uncompressedDataBytes} bytes: ${ratio.toFixed(2)} times what is stored`;
  }
  yield `  created            ${new Date(properties.createdAtMs).toISOString()}`;
  yield `  smallest key       ${quoteUtf8(properties.smallestKey, 0, properties.smallestKey.length)}`;
  yield `  largest key        ${quoteUtf8(properties.largestKey, 0, properties.largestKey.length)}`;
}

function* describeIndex(index: TableIndex): Generator<string> {
  yield `index: ${index.blockCount} blocks`;
  for (let block = 0; block < index.blockCount; block++) {
    const separator = index.separator(block);
    const range = `${index.blockStart(block)} to ${index.blockEnd(block)}`;
    yield `  block ${block}  ${range}  from ${quoteUtf8(separator, 0, separator.length)}`;
  }
}

function* describeEntries(table: TableFile, index: TableIndex): Generator<string> {
  yield "entries";
  const block = new BlockReader(table.path);
  for (let number = 0; number < index.blockCount; number++) {
    table.openBlock(index, number, block);
    while (block.next()) {
      const kind = block.kind === entryKinds.tombstone ? "tombstone" : "value";
      yield `  ${quoteUtf8(block.key, 0, block.keyLength)}  #${block.sequence}  ${kind}, ${block.valueLength} bytes`;
    }
  }
}
