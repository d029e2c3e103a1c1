/** Bounds bytes that are held in memory for somebody; a budget may be part of a larger one. */
export class ByteBudget {
  usedBytes = 0;
  readonly #maxBytes: number;
  readonly #parent: ByteBudget | undefined;

  constructor(maxBytes: number, parent?: ByteBudget) {
    this.#maxBytes = maxBytes;
    this.#parent = parent;
  }

  /** False, with nothing taken, when this budget or the one above it has no room. */
  take(byteCount: number): boolean {
    if (this.usedBytes + byteCount > this.#maxBytes) return false;
    if (this.#parent !== undefined && !this.#parent.take(byteCount)) return false;
    this.usedBytes += byteCount;
    return true;
  }

  giveBack(byteCount: number): void {
    this.usedBytes -= byteCount;
    this.#parent?.giveBack(byteCount);
  }
}
