import type { Job, JobResult, JobRunner } from "../../src/engine/workers/protocol.ts";
import { type Random, seededRandom } from "../../src/platform/random.ts";

/** Lets some turns go by before each job, so that frozen memtables gather and calls come in between. */
export class SlowRunner implements JobRunner {
  readonly #inner: JobRunner;
  readonly #mostTurns: number;
  readonly #random: Random;

  constructor(inner: JobRunner, mostTurns: number, seed: number) {
    this.#inner = inner;
    this.#mostTurns = mostTurns;
    this.#random = seededRandom(seed);
  }

  async run<J extends Job>(job: J): Promise<JobResult<J>> {
    for (let turns = this.#random.uint32() % (this.#mostTurns + 1); turns > 0; turns--) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    return this.#inner.run(job);
  }

  close(): Promise<void> {
    return this.#inner.close();
  }
}
