/**
 * Windows (RFC 9113, section 5.2): how many bytes of DATA one side may still send, on a stream and on the connection.
 *
 * Invariants:
 * 1. A send window may be negative (a peer lowered SETTINGS_INITIAL_WINDOW_SIZE); it never exceeds 2^31 - 1.
 * 2. `announcedBytes` of a receive window is exactly what the peer may send as we have told it: what it sends beyond
 *    is its error.
 * 3. Credit is told in portions, but never held back once less than half of the window is left: the peer can always
 *    go on by what it was granted.
 */
import { maxUint31 } from "./frames.ts";

export class SendWindow {
  bytes: number;

  constructor(bytes: number) {
    this.bytes = bytes;
  }

  /** False when the window would grow beyond what is allowed. */
  open(byteCount: number): boolean {
    if (this.bytes + byteCount > maxUint31) return false;
    this.bytes += byteCount;
    return true;
  }
}

export class ReceiveWindow {
  announcedBytes: number;
  /** Granted, and not told yet. */
  #creditBytes = 0;
  #usualBytes: number;

  constructor(bytes: number) {
    this.announcedBytes = bytes;
    this.#usualBytes = bytes;
  }

  reset(bytes: number): void {
    this.announcedBytes = bytes;
    this.#usualBytes = bytes;
    this.#creditBytes = 0;
  }

  /** A larger window from now on, of which the peer is told at once. */
  grow(byteCount: number): void {
    this.announcedBytes += byteCount;
    this.#usualBytes += byteCount;
  }

  /** False when the peer sent more than it may. */
  receive(byteCount: number): boolean {
    if (byteCount > this.announcedBytes) return false;
    this.announcedBytes -= byteCount;
    return true;
  }

  /** Lets the peer send so many more, as far as a window can tell. */
  grant(byteCount: number): void {
    this.#creditBytes += byteCount;
  }

  /** What to tell the peer now: 0 or the size of a WINDOW_UPDATE, which counts as told. */
  takeUpdate(): number {
    const half = this.#usualBytes >>> 1;
    if (this.#creditBytes === 0 || (this.#creditBytes < half && this.announcedBytes > half)) return 0;
    const update = Math.min(this.#creditBytes, maxUint31 - this.announcedBytes);
    this.announcedBytes += update;
    this.#creditBytes -= update;
    return update;
  }
}
