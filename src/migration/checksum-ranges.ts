/** The checksums of hash ranges, by one walk over all records whatever the number of ranges and buckets. */
import type { SequenceNumber } from "../engine/internal-key.ts";
import type { WalkRequest } from "../node/record-walk.ts";
import { BucketWalk } from "./bucket-walk.ts";
import type { HashBuckets } from "./hash-buckets.ts";
import { RangeChecksums } from "./range-checksums.ts";
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
  const walk = new BucketWalk(source.walk(request), buckets);
  try {
    for (let step = walk.next(); step !== "end"; step = walk.next()) {
      if (step !== "record") {
        await step;
        continue;
      }
      const digested = walk.digestRecord();
      if (digested !== undefined) await digested;
      checksums.add(walk.bucket, walk.digest);
    }
    return { checksums, sequence: walk.sequence };
  } finally {
    walk.close();
  }
}
