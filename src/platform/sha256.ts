/**
 * SHA-256 of bytes that are gathered piece by piece, for whoever hashes millions of small things.
 *
 * Pieces are copied into one buffer, which a single call hashes. The runtime hashes a whole array, never a part of one,
 * and a new view of a part costs as much as the hash of a key: so the view of each short length is kept. What does not
 * fit the buffer is hashed as it comes.
 */
import { copyRange } from "../base/bytes.ts";
import { maxVarintBytes, writeVarint } from "../base/varint.ts";

export const sha256Bytes = 32;

const bufferBytes = 16 * 1024;
const keptViewBytes = 1536;

export class Sha256 {
  /** The hash, once `finish` was called; overwritten by the next one. */
  readonly digest = new Uint8Array(sha256Bytes);
  readonly #buffer = new Uint8Array(bufferBytes);
  readonly #views: Uint8Array[] = [];
  #length = 0;
  /** Of an input that is larger than the buffer. */
  #hasher: Bun.SHA256 | undefined;

  begin(): void {
    this.#length = 0;
    this.#hasher = undefined;
  }

  add(bytes: Uint8Array, start: number, length: number): void {
    let position = start;
    let rest = length;
    while (rest > bufferBytes - this.#length) {
      const room = bufferBytes - this.#length;
      copyRange(bytes, position, room, this.#buffer, this.#length);
      this.#hasher ??= new Bun.SHA256();
      this.#hasher.update(this.#buffer);
      this.#length = 0;
      position += room;
      rest -= room;
    }
    copyRange(bytes, position, rest, this.#buffer, this.#length);
    this.#length += rest;
  }

  addVarint(value: number): void {
    if (bufferBytes - this.#length >= maxVarintBytes) {
      this.#length = writeVarint(this.#buffer, this.#length, value);
      return;
    }
    const bytes = new Uint8Array(maxVarintBytes);
    this.add(bytes, 0, writeVarint(bytes, 0, value));
  }

  finish(): void {
    const rest = this.#gathered();
    if (this.#hasher === undefined) Bun.SHA256.hash(rest, this.digest);
    else this.#hasher.update(rest).digest(this.digest);
  }

  /** What is in the buffer. */
  #gathered(): Uint8Array {
    const length = this.#length;
    if (length > keptViewBytes) return this.#buffer.subarray(0, length);
    return (this.#views[length] ??= this.#buffer.subarray(0, length));
  }
}
