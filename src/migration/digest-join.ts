/**
 * What differs between two replicas, found by going through their lists of digests side by side: both are in the order of
 * the keys, so of each no more than a chunk is held.
 */
import { compareRanges } from "../base/bytes.ts";
import { assert } from "../base/errors.ts";
import { compareUtf8 } from "../base/utf8.ts";
import type { DigestChunk } from "./list-digests.ts";
import { digestBytes } from "./record-digest.ts";

export type DifferenceKind = "missing_here" | "missing_there" | "different";

export interface Difference {
  /** `TENANT:KEY` */
  readonly key: string;
  readonly kind: DifferenceKind;
}

/** In the order of the keys. Throws what the lists throw, and leaves neither open. */
export async function* joinDigests(
  here: AsyncIterable<DigestChunk>,
  there: AsyncIterable<DigestChunk>,
): AsyncGenerator<Difference, void, void> {
  const ours = new DigestReader(here);
  const theirs = new DigestReader(there);
  try {
    await Promise.all([ours.next(), theirs.next()]);
    while (ours.isValid || theirs.isValid) {
      const order = orderOf(ours, theirs);
      if (order < 0) yield { key: ours.key, kind: "missing_there" };
      else if (order > 0) yield { key: theirs.key, kind: "missing_here" };
      else if (!ours.holdsSame(theirs)) yield { key: ours.key, kind: "different" };
      const ourTurn = order <= 0 ? ours.next() : undefined;
      const theirTurn = order >= 0 ? theirs.next() : undefined;
      if (ourTurn !== undefined || theirTurn !== undefined) await Promise.all([ourTurn, theirTurn]);
    }
  } finally {
    await Promise.allSettled([ours.close(), theirs.close()]);
  }
}

/** Which of the two comes first; a list that has ended comes last. */
function orderOf(ours: DigestReader, theirs: DigestReader): number {
  if (!theirs.isValid) return -1;
  return ours.isValid ? compareUtf8(ours.key, theirs.key) : 1;
}

/** Goes through a list key by key. */
class DigestReader {
  key = "";
  isValid = true;
  readonly #chunks: AsyncIterator<DigestChunk>;
  #chunk: DigestChunk | undefined;
  #index = 0;

  constructor(chunks: AsyncIterable<DigestChunk>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  /** Whether the digest here is that of the other one. */
  holdsSame(other: DigestReader): boolean {
    const ours = this.#chunk!.digests;
    const theirs = other.#chunk!.digests;
    const start = this.#index * digestBytes;
    const otherStart = other.#index * digestBytes;
    return compareRanges(ours, start, digestBytes, theirs, otherStart, digestBytes) === 0;
  }

  /** A promise where the next key is in another chunk. */
  next(): Promise<void> | undefined {
    if (this.#chunk === undefined || ++this.#index === this.#chunk.keys.length) return this.#nextChunk();
    this.#take(this.#chunk);
    return undefined;
  }

  async close(): Promise<void> {
    await this.#chunks.return?.();
  }

  async #nextChunk(): Promise<void> {
    const { done, value } = await this.#chunks.next();
    this.isValid = done !== true;
    if (done === true) return;
    this.#index = 0;
    this.#chunk = value;
    this.#take(value);
  }

  /** Lists that are not in order would make up differences. */
  #take(chunk: DigestChunk): void {
    const key = chunk.keys[this.#index]!;
    assert(this.key === "" || compareUtf8(this.key, key) < 0, "digests come in the order of their keys");
    this.key = key;
  }
}
