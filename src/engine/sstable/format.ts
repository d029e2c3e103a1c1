/**
 * The frame of a table file: limits, blocks' trailers, footer.
 *
 *     data block | … | data block | index partition | … | filter block | index block | properties block | footer
 *
 * A block is its content and a trailer of five bytes: a compression byte and the CRC32 of content and
 * compression byte. The footer, 28 bytes, says where the last three blocks begin:
 *
 *      0  uint32  filter block's offset, which is also where data blocks and index partitions end
 *      4  uint32  index block's offset
 *      8  uint32  properties block's offset
 *     12  uint32  format version
 *     16  uint32  CRC32 of bytes 0 to 15
 *     20  8 bytes magic
 *
 * Integers are little-endian. docs/formats/sstable.md describes the whole format with a worked example.
 *
 * Invariants:
 * 1. Blocks follow each other without gaps, so every byte of a table lies under a CRC or in the magic.
 * 2. Nothing of a block is trusted before its CRC was right, and no length in it is followed unchecked after.
 */
import { corruption, StorageError } from "../../base/errors.ts";
import type { GrowableBytes } from "../../base/growable-bytes.ts";
import { readUint32 } from "../../base/integers.ts";

export const formatVersion = 1;

/** What a table's last eight bytes are. */
export const magic = new TextEncoder().encode("PAIRDBST");

export const footerSizeBytes = 28;
export const trailerSizeBytes = 5;

export const maxKeySizeBytes = 64 * 1024;
export const maxValueSizeBytes = 17 * 1024 * 1024;
/** What a map holds, and what 32-bit offsets reach. */
export const maxTableSizeBytes = 2 ** 32 - 1;

/** Throws KEY_TOO_LARGE or VALUE_TOO_LARGE for an entry that no table can hold. */
export function checkEntrySize(keyLength: number, valueLength: number): void {
  if (keyLength > maxKeySizeBytes) {
    throw new StorageError("KEY_TOO_LARGE", `a key of ${keyLength} bytes; allowed are ${maxKeySizeBytes}`);
  }
  if (valueLength > maxValueSizeBytes) {
    throw new StorageError(
      "VALUE_TOO_LARGE",
      `a value of ${valueLength} bytes; allowed are ${maxValueSizeBytes}`,
    );
  }
}

/** How the content of a data block is stored (`compression.ts`). On-disk values: never renumber. */
export const compressions = { none: 0, zstd: 1 } as const;

export type Compression = keyof typeof compressions;

/** Ends the block that begins at `start` of `output` with its trailer. */
export function sealBlock(
  output: GrowableBytes,
  start: number,
  compression: number = compressions.none,
): void {
  output.appendByte(compression);
  output.appendUint32(Bun.hash.crc32(output.bytes.subarray(start, output.length)));
}

/** What is wrong with the block in `bytes` from `start` to `end`, trailer included; `undefined` if nothing. */
export function blockProblem(bytes: Uint8Array, start: number, end: number): string | undefined {
  if (end - start < trailerSizeBytes) return `a block of ${end - start} bytes is shorter than its trailer`;
  const expected = readUint32(bytes, end - 4);
  const actual = Bun.hash.crc32(bytes.subarray(start, end - 4));
  if (actual !== expected) return `block checksum is ${hex(actual)}, stored is ${hex(expected)}`;
  const compression = bytes[end - trailerSizeBytes]!;
  if (compression > compressions.zstd) return `compression ${compression} is not known to this program`;
  return undefined;
}

/**
 * The content of a filter, index or properties block, none of which is ever compressed. It fills `block` and stands
 * at `offset` of `file`; throws where it is damaged.
 */
export function blockContent(file: string, offset: number, block: Uint8Array): Uint8Array {
  const problem = blockProblem(block, 0, block.length);
  if (problem !== undefined) throw corruption(file, offset, problem);
  const compression = block[block.length - trailerSizeBytes]!;
  if (compression !== compressions.none) {
    throw corruption(file, offset, `compression ${compression}, which only data blocks have`);
  }
  return block.subarray(0, block.length - trailerSizeBytes);
}

/** Where a table's last blocks begin; each ends where the next begins. */
export interface Footer {
  readonly filterOffset: number;
  readonly indexOffset: number;
  readonly propertiesOffset: number;
}

/** A footer that was read, and where it stands. */
export interface PlacedFooter extends Footer {
  readonly footerOffset: number;
}

export function appendFooter(output: GrowableBytes, footer: Footer): void {
  const start = output.length;
  output.appendUint32(footer.filterOffset);
  output.appendUint32(footer.indexOffset);
  output.appendUint32(footer.propertiesOffset);
  output.appendUint32(formatVersion);
  output.appendUint32(Bun.hash.crc32(output.bytes.subarray(start, output.length)));
  output.appendRange(magic, 0, magic.length);
}

/** Reads the footer of a table of `sizeBytes`; `tail` ends where the file does and holds at least the footer. */
export function readFooter(file: string, sizeBytes: number, tail: Uint8Array): PlacedFooter {
  if (sizeBytes < footerSizeBytes || sizeBytes > maxTableSizeBytes) {
    throw corruption(file, 0, `a file of ${sizeBytes} bytes is no table`);
  }
  const footerOffset = sizeBytes - footerSizeBytes;
  const footer = tail.subarray(tail.length - footerSizeBytes);
  if (magic.some((byte, i) => footer[20 + i] !== byte)) {
    throw corruption(file, footerOffset + 20, "no table's mark at the end: it is cut, or no table");
  }
  if (Bun.hash.crc32(footer.subarray(0, 16)) !== readUint32(footer, 16)) {
    throw corruption(file, footerOffset, "the footer's checksum is wrong");
  }
  const version = readUint32(footer, 12);
  if (version !== formatVersion) throw unknownVersion(file, footerOffset + 12, version);
  const filterOffset = readUint32(footer, 0);
  const indexOffset = readUint32(footer, 4);
  const propertiesOffset = readUint32(footer, 8);
  const bounds = [0, filterOffset, indexOffset, propertiesOffset, footerOffset];
  if (bounds.some((bound, i) => i > 0 && bound - bounds[i - 1]! < trailerSizeBytes)) {
    throw corruption(file, footerOffset, `the blocks' bounds ${bounds.join(", ")} are out of order`);
  }
  return { filterOffset, indexOffset, propertiesOffset, footerOffset };
}

function unknownVersion(file: string, offset: number, version: number): StorageError {
  const advice = `this program reads format ${formatVersion}: use one that is newer`;
  const message = `${file} at byte ${offset}: the table has format ${version}; ${advice}`;
  return new StorageError("SSTABLE_FAILED", message, { file, offset });
}

function hex(value: number): string {
  return value.toString(16).padStart(8, "0");
}
