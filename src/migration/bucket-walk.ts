/** A walk over those records alone that lie in buckets, with their digests. It is gone through as a `RecordWalk` is. */
import type { Slice } from "../base/bytes.ts";
import type { SequenceNumber } from "../engine/internal-key.ts";
import type { RecordWalk, WalkStep } from "../node/record-walk.ts";
import { KeyHasher } from "../versions/key-hash.ts";
import type { HashBuckets } from "./hash-buckets.ts";
import { RecordDigester } from "./record-digest.ts";

export class BucketWalk {
  /** Of the record where the walk stands. */
  bucket = -1;
  readonly #walk: RecordWalk;
  readonly #buckets: HashBuckets;
  readonly #isWanted: Uint8Array | undefined;
  readonly #hasher = new KeyHasher();
  readonly #digester = new RecordDigester();

  /** Only of the buckets that `isWanted` says 1 for; of all where it is left out. */
  constructor(walk: RecordWalk, buckets: HashBuckets, isWanted?: Uint8Array) {
    this.#walk = walk;
    this.#buckets = buckets;
    this.#isWanted = isWanted;
  }

  /** `TENANT:KEY` in UTF-8, of the record where the walk stands. */
  get key(): Slice {
    return this.#walk.key;
  }

  get sequence(): SequenceNumber {
    return this.#walk.sequence;
  }

  /** What `digestRecord` found: the first `digestBytes` of it. Overwritten by the next one. */
  get digest(): Uint8Array {
    return this.#digester.digest;
  }

  next(): WalkStep {
    for (;;) {
      const step = this.#walk.next();
      if (step !== "record") return step;
      const { bytes, start, length } = this.#walk.key;
      this.#hasher.hash(bytes, start, length);
      this.bucket = this.#buckets.indexOf(this.#hasher.high, this.#hasher.low);
      if (this.bucket < 0) continue;
      if (this.#isWanted === undefined || this.#isWanted[this.bucket] === 1) return step;
    }
  }

  /** Of the record where the walk stands; a promise where that takes several turns, and then key and value are gone. */
  digestRecord(): Promise<void> | undefined {
    const record = this.#walk.value;
    const keyDigest = this.#hasher.digest;
    if (!this.#digester.needsTurns(record)) {
      this.#digester.digestRecord(keyDigest, record);
      return undefined;
    }
    this.#walk.leave();
    return this.#digester.digestInTurns(keyDigest, record.copy());
  }

  leave(): void {
    this.#walk.leave();
  }

  close(): void {
    this.#walk.close();
  }
}
