/**
 * What a table says of itself: counts, ranges, origin.
 *
 *      0  uint64  entries, tombstones included
 *      8  uint64  tombstones
 *     16  uint64  smallest sequence number
 *     24  uint64  largest sequence number
 *     32  uint64  bytes of all data blocks
 *     40  uint64  creation time, Unix milliseconds
 *     48  uint32  length of the smallest key
 *     52  uint32  length of the largest key
 *     56          smallest key, largest key
 *         uint64  bytes of all data blocks, had none been compressed; left out where none was
 */
import { corruption } from "../../base/errors.ts";
import type { GrowableBytes } from "../../base/growable-bytes.ts";
import { readUint32, readUint64 } from "../../base/integers.ts";
import type { SequenceNumber } from "../internal-key.ts";
import { sealBlock, trailerSizeBytes } from "./format.ts";

export interface TableProperties {
  readonly entryCount: number;
  readonly tombstoneCount: number;
  readonly smallestSequence: SequenceNumber;
  readonly largestSequence: SequenceNumber;
  readonly dataSizeBytes: number;
  /** What the data blocks would take uncompressed. */
  readonly uncompressedDataBytes: number;
  /** Unix milliseconds. */
  readonly createdAtMs: number;
  readonly smallestKey: Uint8Array;
  readonly largestKey: Uint8Array;
}

const fixedSizeBytes = 56;
const uncompressedSizeBytes = 8;

/** Of the whole block, trailer included. */
export function propertiesSizeBytes(
  smallestKeyLength: number,
  largestKeyLength: number,
  isCompressed: boolean,
): number {
  const optional = isCompressed ? uncompressedSizeBytes : 0;
  return fixedSizeBytes + smallestKeyLength + largestKeyLength + optional + trailerSizeBytes;
}

export function appendProperties(output: GrowableBytes, properties: TableProperties): void {
  const start = output.length;
  const { smallestKey, largestKey, dataSizeBytes, uncompressedDataBytes } = properties;
  output.appendUint64(properties.entryCount);
  output.appendUint64(properties.tombstoneCount);
  output.appendUint64(properties.smallestSequence);
  output.appendUint64(properties.largestSequence);
  output.appendUint64(dataSizeBytes);
  output.appendUint64(properties.createdAtMs);
  output.appendUint32(smallestKey.length);
  output.appendUint32(largestKey.length);
  output.appendRange(smallestKey, 0, smallestKey.length);
  output.appendRange(largestKey, 0, largestKey.length);
  if (uncompressedDataBytes !== dataSizeBytes) output.appendUint64(uncompressedDataBytes);
  sealBlock(output, start);
}

/** Reads a properties block's content, which stands at `offset` of `file`; the keys are copies. */
export function readProperties(file: string, offset: number, content: Uint8Array): TableProperties {
  const smallestKeyLength = content.length < fixedSizeBytes ? 0 : readUint32(content, 48);
  const largestKeyLength = content.length < fixedSizeBytes ? 0 : readUint32(content, 52);
  const keysEnd = fixedSizeBytes + smallestKeyLength + largestKeyLength;
  const isCompressed = content.length === keysEnd + uncompressedSizeBytes;
  if (content.length !== keysEnd && !isCompressed) {
    throw corruption(file, offset, `the properties take ${content.length} bytes instead of ${keysEnd}`);
  }
  const properties = {
    entryCount: readUint64(content, 0),
    tombstoneCount: readUint64(content, 8),
    smallestSequence: readUint64(content, 16),
    largestSequence: readUint64(content, 24),
    dataSizeBytes: readUint64(content, 32),
    uncompressedDataBytes: readUint64(content, isCompressed ? keysEnd : 32),
    createdAtMs: readUint64(content, 40),
    smallestKey: content.slice(fixedSizeBytes, fixedSizeBytes + smallestKeyLength),
    largestKey: content.slice(fixedSizeBytes + smallestKeyLength, keysEnd),
  };
  const unsafe = Object.values(properties).some(
    (value) => typeof value === "number" && !Number.isSafeInteger(value),
  );
  if (unsafe) throw corruption(file, offset, "a number in the properties is out of range");
  return properties;
}
