/**
 * The layout of a cached entry in the slab: a header of 32-bit words, then the key's bytes, then the value's.
 *
 * ```
 * word 0   size in bytes, header included; negative once the entry is free
 *      1   neighbours in its list: the next newer
 *      2     and the next older
 *      3   next entry in its bucket of the index
 *      4   hash of the key
 *      5   partition << 24 | key length << 4 | kind << 2 | region
 *      6   sequence number, high
 *      7     and low
 *      8   number of ranges dropped before the entry was stored or last checked
 *      9   key, value, padding to a whole word
 * ```
 *
 * Links live in the entries themselves, so that a look-up touches one place in memory and the cache needs no
 * table beside the slab that would have to grow with it.
 */

/** Word offsets. */
export const entryWord = {
  sizeBytes: 0,
  newer: 1,
  older: 2,
  chain: 3,
  hash: 4,
  attributes: 5,
  sequenceHigh: 6,
  sequenceLow: 7,
  generation: 8,
} as const;

export const headerWordCount = 9;
export const headerBytes = 4 * headerWordCount;

/** The list that an entry is in. */
export const regions = { window: 0, probation: 1, protected: 2 } as const;
export type Region = (typeof regions)[keyof typeof regions];

const regionBits = 2;
const kindBits = 2;
const keyLengthBits = 20;
export const partitionBits = 8;
const keyLengthMask = (1 << keyLengthBits) - 1;
const regionMask = (1 << regionBits) - 1;
const kindMask = (1 << kindBits) - 1;

export function packAttributes(partition: number, keyLength: number, kind: number, region: Region): number {
  return (
    (partition << (regionBits + kindBits + keyLengthBits)) |
    (keyLength << (regionBits + kindBits)) |
    (kind << regionBits) |
    region
  );
}

export function partitionOf(attributes: number): number {
  return attributes >>> (regionBits + kindBits + keyLengthBits);
}

export function keyLengthOf(attributes: number): number {
  return (attributes >>> (regionBits + kindBits)) & keyLengthMask;
}

export function kindOf(attributes: number): number {
  return (attributes >>> regionBits) & kindMask;
}

export function regionOf(attributes: number): Region {
  return (attributes & regionMask) as Region;
}

export function withRegion(attributes: number, region: Region): number {
  return (attributes & ~regionMask) | region;
}
