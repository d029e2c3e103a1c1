/**
 * Arrays for large messages, used again: the kernel takes longer to provide fresh memory than the message takes to be
 * written into it.
 */

/** Lengths are multiples of this, so that messages of about the same size share arrays. */
const stepBytes = 64 * 1024;
/** What is kept at most while nobody uses it. */
const mostIdleBytes = 16 * 1024 * 1024;

export class MessageArrays {
  /** Idle ones, the last to come back at the end. */
  readonly #idle: Uint8Array[] = [];
  #idleBytes = 0;

  /** At least so long, and with anything in it. */
  take(byteCount: number): Uint8Array {
    const index = this.#idle.findLastIndex(
      ({ length }) => length >= byteCount && length <= 2 * byteCount + stepBytes,
    );
    // No Buffer, whose `slice` does not copy.
    if (index < 0)
      return new Uint8Array(Buffer.allocUnsafeSlow(Math.ceil(byteCount / stepBytes) * stepBytes).buffer);
    const [array] = this.#idle.splice(index, 1);
    this.#idleBytes -= array!.length;
    return array!;
  }

  /** Takes back an array that nobody uses any more; of those that nobody asked for in a while, some are let go. */
  giveBack(array: Uint8Array): void {
    if (array.length > mostIdleBytes) return;
    while (this.#idleBytes + array.length > mostIdleBytes) this.#idleBytes -= this.#idle.shift()!.length;
    this.#idle.push(array);
    this.#idleBytes += array.length;
  }
}
