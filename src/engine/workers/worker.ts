/** Entry point of a worker thread: takes jobs one by one, runs them on the real file system, answers. */
import { systemClock } from "../../platform/clock.ts";
import { realFileSystem } from "../../platform/real.ts";
import { lowerThreadPriority } from "../../platform/thread-priority.ts";
import { runJob } from "./jobs.ts";
import { describeFailure, type JobAnswer, type JobRequest } from "./protocol.ts";

declare const self: Worker;

let isLowered = false;

self.onmessage = (event: MessageEvent<JobRequest>) => {
  // Calls wait for what a thread for reads reads, which gets no other jobs.
  if (!isLowered && event.data.job.kind !== "warm") {
    lowerThreadPriority();
    isLowered = true;
  }
  void answer(event.data);
};

async function answer({ id, job }: JobRequest): Promise<void> {
  let message: JobAnswer;
  try {
    message = { id, result: await runJob(realFileSystem, systemClock, job) };
  } catch (error) {
    message = { id, failure: describeFailure(error) };
  }
  self.postMessage(message);
}
