/** The digests of single records, of those buckets whose checksums differ: which records these are. */
import { copyRange, type Slice } from "../base/bytes.ts";
import { StorageError } from "../base/errors.ts";
import { readUtf8 } from "../base/utf8.ts";
import type { WalkRequest } from "../node/record-walk.ts";
import { BucketWalk } from "./bucket-walk.ts";
import type { HashBuckets } from "./hash-buckets.ts";
import { digestBytes } from "./record-digest.ts";
import type { RecordSource } from "./record-source.ts";

/** Never empty. */
export interface DigestChunk {
  /** `TENANT:KEY`, ascending in the order of their UTF-8, over all chunks. */
  readonly keys: readonly string[];
  /** `digestBytes` for each key. */
  readonly digests: Uint8Array;
}

const maxChunkKeys = 1024;
/** Of the keys of a chunk. */
const maxChunkBytes = 64 * 1024;

/**
 * Chunks of digests, as fast as they are taken; what is not taken is not read. Only of the buckets that `isWanted` says 1
 * for. Throws as `checksumRanges` rejects.
 */
export async function* listDigests(
  source: RecordSource,
  buckets: HashBuckets,
  isWanted: Uint8Array,
  request: WalkRequest,
): AsyncGenerator<DigestChunk, void, void> {
  const gathered = new GatheredChunk();
  const walk = new BucketWalk(source.walk(request), buckets, isWanted);
  try {
    for (let step = walk.next(); step !== "end"; step = walk.next()) {
      if (step !== "record") {
        await step;
        continue;
      }
      const key = textOf(walk.key);
      const digested = walk.digestRecord();
      if (digested !== undefined) await digested;
      gathered.add(key, walk.digest);
      if (!gathered.isFull) continue;
      walk.leave();
      yield gathered.take();
    }
  } finally {
    walk.close();
  }
  if (!gathered.isEmpty) yield gathered.take();
}

class GatheredChunk {
  #keys: string[] = [];
  #keyBytes = 0;
  readonly #digests = new Uint8Array(maxChunkKeys * digestBytes);

  get isEmpty(): boolean {
    return this.#keys.length === 0;
  }

  get isFull(): boolean {
    return this.#keys.length === maxChunkKeys || this.#keyBytes >= maxChunkBytes;
  }

  /** `digest`: its first bytes are the digest. */
  add(key: string, digest: Uint8Array): void {
    const position = this.#keys.length * digestBytes;
    copyRange(digest, 0, digestBytes, this.#digests, position);
    this.#keyBytes += key.length;
    this.#keys.push(key);
  }

  /** What was gathered, its receiver's own; begins anew. */
  take(): DigestChunk {
    const chunk = { keys: this.#keys, digests: this.#digests.slice(0, this.#keys.length * digestBytes) };
    this.#keys = [];
    this.#keyBytes = 0;
    return chunk;
  }
}

function textOf({ bytes, start, length }: Slice): string {
  const text = readUtf8(bytes, start, length);
  if (text !== undefined) return text;
  throw new StorageError("CORRUPTED_DATA", `a key of ${length} bytes is not valid UTF-8`);
}
