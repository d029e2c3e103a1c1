/** The target's digests, key after key, beside those of the source: it only goes forward. */
import { compareRanges } from "../../base/bytes.ts";
import { compareUtf8 } from "../../base/utf8.ts";
import type { DigestChunk } from "../list-digests.ts";
import { digestBytes } from "../record-digest.ts";

export class DigestList {
  readonly #chunks: AsyncIterator<DigestChunk>;
  #chunk: DigestChunk | undefined;
  #index = 0;
  #isAtEnd = false;

  constructor(chunks: AsyncIterable<DigestChunk>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  /** Goes on as far as it can at once; whether it then stands at the key, or behind where it would be. */
  tryReach(key: string): boolean {
    const keys = this.#chunk?.keys ?? [];
    while (this.#index < keys.length) {
      if (compareUtf8(keys[this.#index]!, key) >= 0) return true;
      this.#index++;
    }
    return this.#isAtEnd;
  }

  async reach(key: string): Promise<void> {
    while (!this.tryReach(key)) {
      const { done, value } = await this.#chunks.next();
      this.#chunk = done === true ? undefined : value;
      this.#isAtEnd = done === true;
      this.#index = 0;
    }
  }

  /** Whether the key, which was reached, is in the list. */
  has(key: string): boolean {
    return this.#chunk?.keys[this.#index] === key;
  }

  /** Whether its digest is the first bytes of `digest`; only for a key that is in the list. */
  isEqual(digest: Uint8Array): boolean {
    const { digests } = this.#chunk!;
    const start = this.#index * digestBytes;
    return compareRanges(digests, start, digestBytes, digest, 0, digestBytes) === 0;
  }

  async close(): Promise<void> {
    await this.#chunks.return?.();
  }
}
