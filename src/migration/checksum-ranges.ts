/** The checksums of hash ranges, by one walk over all records whatever the number of ranges and buckets. */
import type { SequenceNumber } from "../engine/internal-key.ts";
import type { RecordWalk, WalkRequest } from "../node/record-walk.ts";
import { KeyHasher } from "../versions/key-hash.ts";
import type { HashBuckets } from "./hash-buckets.ts";
import { RangeChecksums } from "./range-checksums.ts";
import { RecordDigester } from "./record-digest.ts";
import type { RecordSource } from "./record-source.ts";

export interface ChecksumResult {
  readonly checksums: RangeChecksums;
  /** They cover nothing that was written after this. */
  readonly sequence: SequenceNumber;
}

/** Rejects as the walk does, and with CORRUPTED_DATA where a record is none. */
export async function checksumRanges(
  source: RecordSource,
  buckets: HashBuckets,
  request: WalkRequest,
): Promise<ChecksumResult> {
  const checksums = new RangeChecksums(buckets.count);
  const hasher = new KeyHasher();
  const digester = new RecordDigester();
  const walk = source.walk(request);
  try {
    for (let step = walk.next(); step !== "end"; step = walk.next()) {
      if (step !== "record") {
        await step;
        continue;
      }
      const { bytes, start, length } = walk.key;
      hasher.hash(bytes, start, length);
      const bucket = buckets.indexOf(hasher.high, hasher.low);
      if (bucket < 0) continue;
      const digested = digestCurrent(walk, hasher, digester);
      if (digested !== undefined) await digested;
      checksums.add(bucket, digester.digest);
    }
    return { checksums, sequence: walk.sequence };
  } finally {
    walk.close();
  }
}

/** The digest of the record where the walk stands, whose key was hashed last; a promise where it takes several turns. */
export function digestCurrent(
  walk: RecordWalk,
  hasher: KeyHasher,
  digester: RecordDigester,
): Promise<void> | undefined {
  const record = walk.value;
  if (!digester.needsTurns(record)) {
    digester.digestRecord(hasher.digest, record);
    return undefined;
  }
  walk.leave();
  return digester.digestInTurns(hasher.digest, record.copy());
}
