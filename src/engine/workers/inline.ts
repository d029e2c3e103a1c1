/**
 * Runs jobs on the calling thread, over any file system, with the same copies of messages that a worker thread
 * would make. Tests run the engine this way, on file systems that live in memory.
 */
import { type Clock, systemClock } from "../../platform/clock.ts";
import type { FileSystem } from "../../platform/file-system.ts";
import { runJob } from "./jobs.ts";
import { describeFailure, failureError, type Job, type JobResult, type JobRunner } from "./protocol.ts";

export class InlineRunner implements JobRunner {
  readonly #files: FileSystem;
  readonly #clock: Clock;

  constructor(files: FileSystem, clock: Clock = systemClock) {
    this.#files = files;
    this.#clock = clock;
  }

  async run<J extends Job>(job: J): Promise<JobResult<J>> {
    try {
      return structuredClone(await runJob(this.#files, this.#clock, structuredClone(job)));
    } catch (error) {
      throw failureError(structuredClone(describeFailure(error)));
    }
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
