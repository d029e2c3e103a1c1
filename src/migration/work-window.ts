/**
 * A few pieces of work at a time: whoever adds one more waits until one has ended. With the first failure no more is
 * taken, and those under way are told to stop.
 */
export class WorkWindow {
  readonly #limit: number;
  readonly #running = new Set<Promise<void>>();
  readonly #stop = new AbortController();
  #failure: { readonly error: unknown } | undefined;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Begins the work once there is room. Throws the first failure of what was added before. */
  async add(work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    while (this.#running.size >= this.#limit && this.#failure === undefined)
      await Promise.race(this.#running);
    if (this.#failure !== undefined) throw this.#failure.error;
    const running: Promise<void> = work(this.#stop.signal)
      .catch((error: unknown) => {
        this.#failure ??= { error };
        this.#stop.abort(this.#failure.error);
      })
      .finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  /** Resolves when all that was added has ended; throws the first failure. */
  async settle(): Promise<void> {
    await Promise.all(this.#running);
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  /** Tells what is under way to stop, and waits until it has. */
  async cancel(reason: unknown): Promise<void> {
    this.#failure ??= { error: reason };
    this.#stop.abort(reason);
    await Promise.all(this.#running);
  }
}
