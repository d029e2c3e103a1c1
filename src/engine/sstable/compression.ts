/**
 * Compressed content of a data block.
 *
 *      0  uint32  length of the content uncompressed
 *      4          one zstd frame
 *
 * Invariants:
 * 1. A block is compressed only where that makes it at least an eighth smaller: reading it costs more. Blocks larger
 *    than `maxContentBytes` are not.
 * 2. So no more memory is taken than that, whatever a damaged or forged block says of itself.
 */
import { corruption } from "../../base/errors.ts";
import type { GrowableBytes } from "../../base/growable-bytes.ts";
import { readUint32, writeUint32 } from "../../base/integers.ts";
import { compress, decompress } from "../../platform/zstd.ts";
import { type Compression, compressions } from "./format.ts";

/** Holds the largest entry, and blocks of the largest size that options allow. */
const maxContentBytes = 32 * 1024 * 1024;
const headerSizeBytes = 4;
const leastSaving = 1 / 8;

/** Compresses the content from `start` to the output's end where that pays; says how it is stored now. */
export function compressContent(
  output: GrowableBytes,
  start: number,
  compression: Compression,
  zstdLevel: number,
): number {
  const length = output.length - start;
  if (compression === "none" || length > maxContentBytes) return compressions.none;
  const frame = compress(output.bytes, start, output.length, zstdLevel);
  if (headerSizeBytes + frame.length > length * (1 - leastSaving)) return compressions.none;
  writeUint32(output.bytes, start, length);
  output.length = start + headerSizeBytes;
  output.appendRange(frame, 0, frame.length);
  return compressions.zstd;
}

/**
 * Length of the content that lies compressed from `start` to `end`, in the block at `blockOffset` of `file`. Throws
 * CORRUPTED_DATA where no block can be so long.
 */
export function uncompressedLength(
  file: string,
  blockOffset: number,
  bytes: Uint8Array,
  start: number,
  end: number,
): number {
  const length = end - start <= headerSizeBytes ? undefined : readUint32(bytes, start);
  if (length === undefined || length > maxContentBytes) {
    throw corruption(file, blockOffset, `a compressed block cannot hold ${length ?? "less than its header"}`);
  }
  return length;
}

/** Writes that content to the target. Throws CORRUPTED_DATA where it is damaged; the target may hold anything then. */
export function decompressContent(
  file: string,
  blockOffset: number,
  bytes: Uint8Array,
  start: number,
  end: number,
  target: Uint8Array,
  targetStart: number,
): void {
  const frame = start + headerSizeBytes;
  const length = readUint32(bytes, start);
  const problem = decompress(bytes, frame, end - frame, target, targetStart, length);
  if (problem !== undefined) {
    throw corruption(file, blockOffset, `the block does not decompress to ${length} bytes: ${problem}`);
  }
}
