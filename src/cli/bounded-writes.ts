/**
 * Many writes at a time, within bounds.
 *
 * Invariants:
 * 1. At most `maxInFlight` writes and `maxInFlightBytes` bytes of values are under way (one larger value alone).
 * 2. Two writes of one key never are: the one that was started later begins after the earlier has ended, so the
 *    last one of an input wins.
 */

export interface WriteBounds {
  readonly maxInFlight: number;
  readonly maxInFlightBytes: number;
}

export class BoundedWrites {
  readonly #bounds: WriteBounds;
  readonly #inFlight = new Map<string, Promise<void>>();
  #inFlightBytes = 0;
  /** Wakes the one `start` that waits for room. */
  #wake = (): void => undefined;

  constructor(bounds: WriteBounds) {
    this.#bounds = bounds;
  }

  /**
   * Starts the write as soon as there is room, and resolves then; to be awaited before the next call. `write` must
   * not reject.
   */
  async start(key: string, sizeBytes: number, write: () => Promise<void>): Promise<void> {
    while (this.#isFull(sizeBytes)) await this.#nextEnd();
    // No other `start` is running, so nothing can begin a write of this key in between.
    await this.#inFlight.get(key);
    this.#inFlightBytes += sizeBytes;
    const ended = write().finally(() => {
      this.#inFlightBytes -= sizeBytes;
      this.#inFlight.delete(key);
      this.#wake();
    });
    this.#inFlight.set(key, ended);
  }

  async whenIdle(): Promise<void> {
    await Promise.all(this.#inFlight.values());
  }

  #nextEnd(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  #isFull(sizeBytes: number): boolean {
    if (this.#inFlight.size === 0) return false;
    return (
      this.#inFlight.size >= this.#bounds.maxInFlight ||
      this.#inFlightBytes + sizeBytes > this.#bounds.maxInFlightBytes
    );
  }
}
