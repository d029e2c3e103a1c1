/** One of the threads that tables are written on, which takes one job at a time. */
import type { Job, JobResult, JobRunner } from "../workers/protocol.ts";

export class WritingThread {
  readonly #runner: Pick<JobRunner, "run">;
  #running: Promise<void> | undefined;

  constructor(runner: Pick<JobRunner, "run">) {
    this.#runner = runner;
  }

  get isFree(): boolean {
    return this.#running === undefined;
  }

  async whenFree(): Promise<void> {
    await this.#running;
  }

  async run<J extends Job>(job: J): Promise<JobResult<J>> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#running = promise;
    try {
      return await this.#runner.run(job);
    } finally {
      this.#running = undefined;
      resolve();
    }
  }
}
