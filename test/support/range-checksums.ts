/** Checksums and digests of a node, as tests look at them. */
import { checksumRanges } from "../../src/migration/checksum-ranges.ts";
import { HashBuckets } from "../../src/migration/hash-buckets.ts";
import { type HashRange, HashRanges, wholeRing } from "../../src/migration/hash-ranges.ts";
import { listDigests } from "../../src/migration/list-digests.ts";
import type { RangeChecksums } from "../../src/migration/range-checksums.ts";
import { digestBytes } from "../../src/migration/record-digest.ts";
import type { RecordSource } from "../../src/migration/record-source.ts";
import type { WalkRequest } from "../../src/node/record-walk.ts";
import { keyHash } from "../../src/versions/key-hash.ts";

export const allRecords: WalkRequest = { tenantId: "", deletedBeforeSeconds: 0 };

export function bucketsOf(ranges: readonly HashRange[] = [wholeRing], perRange = 0): HashBuckets {
  return new HashBuckets(new HashRanges(ranges), perRange);
}

export async function checksumsOf(
  source: RecordSource,
  request: Partial<WalkRequest> = {},
  buckets = bucketsOf(),
): Promise<RangeChecksums> {
  return (await checksumRanges(source, buckets, { ...allRecords, ...request })).checksums;
}

/** `[TENANT:KEY, digest in hexadecimal]` of every record of these buckets, or of all. */
export async function digestsOf(
  source: RecordSource,
  request: Partial<WalkRequest> = {},
  wanted?: readonly number[],
): Promise<[string, string][]> {
  const buckets = bucketsOf();
  const isWanted = new Uint8Array(buckets.count).fill(wanted === undefined ? 1 : 0);
  for (const bucket of wanted ?? []) isWanted[bucket] = 1;
  const digests: [string, string][] = [];
  for await (const chunk of listDigests(source, buckets, isWanted, { ...allRecords, ...request })) {
    chunk.keys.forEach((key, i) => {
      const digest = chunk.digests.slice(i * digestBytes, (i + 1) * digestBytes);
      digests.push([key, digest.toHex()]);
    });
  }
  return digests;
}

/** The bucket of a key where the whole ring has 1,024. */
export function bucketOfKey(tenantId: string, key: string): number {
  return Number(keyHash(tenantId, key) >> 54n);
}
