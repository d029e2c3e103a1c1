/**
 * Bytes that wait: for a socket, for a window, for the application. While there are none, there is no array.
 *
 * What goes to sockets takes its arrays from a pool and gives them back, since most of it leaves in the turn in which
 * it was written: so a few arrays serve all connections, and quiet ones hold none.
 */
import { copyRange, emptyBytes } from "../base/bytes.ts";

const pooledBytes = 64 * 1024;
const maxPooledArrays = 64;

export class ArrayPool {
  readonly #arrays: Uint8Array[] = [];

  /** At least so long. */
  take(byteCount: number): Uint8Array {
    if (byteCount > pooledBytes) return new Uint8Array(byteCount);
    return this.#arrays.pop() ?? new Uint8Array(pooledBytes);
  }

  giveBack(bytes: Uint8Array): void {
    if (bytes.length === pooledBytes && this.#arrays.length < maxPooledArrays) this.#arrays.push(bytes);
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
    if (needed <= bytes.length && this.start >= bytes.length / 2) {
      bytes.copyWithin(0, this.start, this.end);
    } else {
      // At least doubled, so that many small appends do not copy the whole each time.
      const room = length === 0 ? needed : Math.max(needed, 2 * length);
      const grown = this.#pool?.take(room) ?? new Uint8Array(room);
      copyRange(bytes, this.start, length, grown, 0);
      this.#pool?.giveBack(bytes);
      this.bytes = grown;
    }
    this.start = 0;
    this.end = length;
  }
}
