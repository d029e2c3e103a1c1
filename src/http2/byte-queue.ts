/**
 * Bytes that wait: for a socket, for a window, for the application. While there are none, there is no array.
 *
 * What goes to sockets takes its arrays from a pool and gives them back, since most of it leaves in the turn in which
 * it was written: so a few arrays serve all connections, and quiet ones hold none.
 */
import { copyRange, emptyBytes } from "../base/bytes.ts";

/** Two sizes: one for the small answers of a turn and for what waits, and one for what a socket takes of large ones. */
export const smallArrayBytes = 64 * 1024;
const largeBytes = 960 * 1024;
const maxPooledArrays = { small: 256, large: 8 } as const;
/** Large arrays in use at once: so many peers may leave much of their answers lying. */
const maxLargeArrays = 32;

export class ArrayPool {
  readonly #small: Uint8Array[] = [];
  readonly #large: Uint8Array[] = [];
  readonly #largeInUse = new Set<Uint8Array>();

  get hasLarge(): boolean {
    return this.#largeInUse.size < maxLargeArrays;
  }

  /** At least so long; if of no size that is pooled, with room to grow. */
  take(byteCount: number): Uint8Array {
    if (byteCount <= smallArrayBytes) return this.#small.pop() ?? new Uint8Array(smallArrayBytes);
    if (byteCount > largeBytes || !this.hasLarge) return new Uint8Array(2 * byteCount);
    const bytes = this.#large.pop() ?? new Uint8Array(largeBytes);
    this.#largeInUse.add(bytes);
    return bytes;
  }

  giveBack(bytes: Uint8Array): void {
    if (bytes.length === smallArrayBytes && this.#small.length < maxPooledArrays.small)
      this.#small.push(bytes);
    if (this.#largeInUse.delete(bytes) && this.#large.length < maxPooledArrays.large) this.#large.push(bytes);
  }

  isLarge(bytes: Uint8Array): boolean {
    return bytes.length === largeBytes;
  }
}

export class ByteQueue {
  /** The bytes from `start` to `end` wait. Writers put theirs at `end`, after `reserve`, and move it. */
  bytes: Uint8Array = emptyBytes;
  start = 0;
  end = 0;
  readonly #pool: ArrayPool | undefined;

  /** Without a pool, arrays are as long as needed. */
  constructor(pool?: ArrayPool) {
    this.#pool = pool;
  }

  get length(): number {
    return this.end - this.start;
  }

  /** Makes room for `byteCount` at `end`, which may move. */
  reserve(byteCount: number): void {
    if (this.end + byteCount > this.bytes.length) this.#makeRoom(byteCount);
  }

  append(source: Uint8Array, start: number, length: number): void {
    this.reserve(length);
    copyRange(source, start, length, this.bytes, this.end);
    this.end += length;
  }

  /** Forgets the first bytes. */
  consume(byteCount: number): void {
    this.start += byteCount;
    if (this.start === this.end) this.clear();
  }

  clear(): void {
    this.#pool?.giveBack(this.bytes);
    this.bytes = emptyBytes;
    this.start = 0;
    this.end = 0;
  }

  #makeRoom(byteCount: number): void {
    const { length, bytes } = this;
    const needed = length + byteCount;
    // A pool has nothing longer to give for what fits; elsewhere no more is moved than was consumed.
    if (needed <= bytes.length && (this.#pool !== undefined || this.start >= length)) {
      bytes.copyWithin(0, this.start, this.end);
    } else {
      // At least doubled, so that many small appends do not copy the whole each time.
      const grown = this.#pool?.take(needed) ?? new Uint8Array(Math.max(needed, 2 * length));
      copyRange(bytes, this.start, length, grown, 0);
      this.#pool?.giveBack(bytes);
      this.bytes = grown;
    }
    this.start = 0;
    this.end = length;
  }
}
