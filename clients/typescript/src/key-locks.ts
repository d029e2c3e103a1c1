/**
 * One change of a key at a time within this client.
 *
 * All writes of a client carry its writer's id, so of two of them the one with the higher number counts as having seen
 * the other. That has to be true: a change begins to read only when the one before it has been answered.
 */
export class KeyLocks {
  /** By key: resolves when the last change that was begun or waits has ended. */
  readonly #tails = new Map<string, Promise<unknown>>();

  get size(): number {
    return this.#tails.size;
  }

  /** Runs `change` when no earlier one of these keys is under way. Keys are taken at once, so nobody waits in a ring. */
  async run<T>(keys: readonly string[], change: () => Promise<T>): Promise<T> {
    const earlier = Promise.all(keys.map((key) => this.#tails.get(key)));
    const ended = earlier.then(change);
    const tail = ended.catch(() => undefined);
    for (const key of keys) this.#tails.set(key, tail);
    try {
      return await ended;
    } finally {
      for (const key of keys) if (this.#tails.get(key) === tail) this.#tails.delete(key);
    }
  }
}
