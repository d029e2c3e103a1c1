/**
 * Batching: reads, and writes, that begin in one turn of the event loop travel together.
 *
 * A batch is all or nothing for the node. Here each call stands for itself: when a batch fails, its calls are sent one
 * by one, so that one bad key does not fail its neighbours. They may be, as writes carry clocks: what a lost batch has
 * stored already is only told again.
 */

import type { Calls, Change, NodeCalls, Written } from "./calls.ts";
import type { ReadResponse } from "./gen/storage/storage_node_pb.ts";
import { Deadline } from "./retry.ts";

export interface BatchLimits {
  /** Calls in a batch. */
  readonly maxEntries: number;
  /** Keys and values of a batch; a larger call goes alone. */
  readonly maxBytes: number;
}

export const defaultBatchLimits: BatchLimits = { maxEntries: 100, maxBytes: 1 << 20 };

export class BatchedCalls implements Calls {
  readonly #reads: Batcher<string, ReadResponse>;
  readonly #writes: Batcher<Change, Written>;

  constructor(node: NodeCalls, limits: BatchLimits) {
    this.#reads = new Batcher<string, ReadResponse>(
      {
        sizeOf: (key) => key.length,
        sendOne: (key, deadline) => node.read(key, deadline),
        sendAll: (keys, deadline) => node.readMany(keys, deadline),
      },
      limits,
    );
    this.#writes = new Batcher<Change, Written>(
      {
        sizeOf: ({ key, value }) => key.length + (value?.length ?? 0),
        sendOne: (change, deadline) => node.write(change, deadline),
        sendAll: (changes, deadline) => node.writeMany(changes, deadline),
      },
      limits,
    );
  }

  read(key: string, deadline: Deadline): Promise<ReadResponse> {
    return this.#reads.add(key, deadline);
  }

  write(change: Change, deadline: Deadline): Promise<Written> {
    return this.#writes.add(change, deadline);
  }
}

interface Sending<Q, A> {
  sizeOf(request: Q): number;
  sendOne(request: Q, deadline: Deadline): Promise<A>;
  /** The answers, in the order of the requests. */
  sendAll(requests: Q[], deadline: Deadline): Promise<A[]>;
}

interface Waiting<Q, A> {
  readonly request: Q;
  readonly deadline: Deadline;
  readonly resolve: (answer: A | PromiseLike<A>) => void;
}

class Batcher<Q, A> {
  readonly #sending: Sending<Q, A>;
  readonly #limits: BatchLimits;
  #waiting: Waiting<Q, A>[] = [];
  #waitingBytes = 0;

  constructor(sending: Sending<Q, A>, limits: BatchLimits) {
    this.#sending = sending;
    this.#limits = limits;
  }

  /** A call that can be cancelled goes alone: others must not end with it. */
  add(request: Q, deadline: Deadline): Promise<A> {
    if (deadline.signal !== undefined) return this.#sending.sendOne(request, deadline);
    return new Promise((resolve) => {
      const sizeBytes = this.#sending.sizeOf(request);
      const { maxEntries, maxBytes } = this.#limits;
      if (this.#waiting.length >= maxEntries || this.#waitingBytes + sizeBytes > maxBytes) this.#flush();
      if (this.#waiting.length === 0) afterThisTurn(() => this.#flush());
      this.#waiting.push({ request, deadline, resolve });
      this.#waitingBytes += sizeBytes;
    });
  }

  #flush(): void {
    const batch = this.#waiting;
    this.#waiting = [];
    this.#waitingBytes = 0;
    if (batch.length === 1) this.#sendOneByOne(batch);
    else if (batch.length > 1) void this.#send(batch);
  }

  async #send(batch: readonly Waiting<Q, A>[]): Promise<void> {
    // Whoever has more time than the first to give up goes on alone.
    const deadline = new Deadline(Math.min(...batch.map((each) => each.deadline.remainingMs)));
    try {
      const requests = batch.map(({ request }) => request);
      const answers = await this.#sending.sendAll(requests, deadline);
      for (const [index, { resolve }] of batch.entries()) resolve(answers[index]!);
    } catch {
      this.#sendOneByOne(batch);
    }
  }

  #sendOneByOne(batch: readonly Waiting<Q, A>[]): void {
    for (const { request, deadline, resolve } of batch) resolve(this.#sending.sendOne(request, deadline));
  }
}

/** Bun and Node have a queue for it; in a browser a timer is the next thing. */
function afterThisTurn(run: () => void): void {
  const { setImmediate } = globalThis as { setImmediate?: (run: () => void) => unknown };
  if (setImmediate === undefined) setTimeout(run, 0);
  else setImmediate(run);
}
