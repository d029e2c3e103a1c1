/** What the main thread tells jobs that run already: to stop, and how many share the throttle. Shared memory. */

const stopIndex = 0;
const runningIndex = 1;

export class JobControl {
  readonly shared: SharedArrayBuffer;
  readonly #cells: Int32Array;

  /** Over a new block, or over one that came with a job. */
  constructor(shared = new SharedArrayBuffer(8)) {
    this.shared = shared;
    this.#cells = new Int32Array(shared);
  }

  /** Jobs end at their next look, with UNAVAILABLE. */
  get isStopped(): boolean {
    return Atomics.load(this.#cells, stopIndex) !== 0;
  }

  stop(): void {
    Atomics.store(this.#cells, stopIndex, 1);
  }

  get runningCount(): number {
    return Atomics.load(this.#cells, runningIndex);
  }

  set runningCount(count: number) {
    Atomics.store(this.#cells, runningIndex, count);
  }
}
