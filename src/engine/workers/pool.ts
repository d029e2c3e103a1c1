/**
 * A fixed number of worker threads and a queue before them; and the same again for reads.
 *
 * A thread runs one job at a time. Threads start with the first job that needs them. A thread that dies takes
 * its job with it: the job rejects, the next one gets a new thread. Reads, for which calls wait, have threads of their
 * own, so that they never queue behind a compaction.
 */
import { StorageError } from "../../base/errors.ts";
import { readThreadCount } from "../residency/warmer.ts";
import {
  failureError,
  type Job,
  type JobAnswer,
  type JobRequest,
  type JobResult,
  type JobResults,
  type JobRunner,
} from "./protocol.ts";

interface Waiting {
  readonly request: JobRequest;
  readonly resolve: (result: JobResults[Job["kind"]]) => void;
  readonly reject: (error: Error) => void;
}

interface Thread {
  readonly worker: Worker;
  running: Waiting | undefined;
}

export class WorkerPool implements JobRunner {
  readonly #jobs: ThreadGroup;
  readonly #reads: ThreadGroup;

  constructor(size: number, readSize = readThreadCount) {
    this.#jobs = new ThreadGroup(size);
    this.#reads = new ThreadGroup(readSize);
  }

  run<J extends Job>(job: J): Promise<JobResult<J>> {
    return (job.kind === "warm" ? this.#reads : this.#jobs).run(job);
  }

  async close(): Promise<void> {
    this.#jobs.close();
    this.#reads.close();
  }
}

class ThreadGroup {
  readonly #size: number;
  readonly #threads = new Set<Thread>();
  readonly #queue: Waiting[] = [];
  #nextId = 1;
  #closed = false;

  constructor(size: number) {
    this.#size = size;
  }

  run<J extends Job>(job: J): Promise<JobResult<J>> {
    if (this.#closed) return Promise.reject(poolClosed());
    return new Promise((resolve, reject) => {
      const answer = (result: JobResults[Job["kind"]]): void => resolve(result as JobResult<J>);
      this.#queue.push({ request: { id: this.#nextId++, job }, resolve: answer, reject });
      this.#dispatch();
    });
  }

  close(): void {
    this.#closed = true;
    const abandoned = this.#queue.splice(0);
    for (const thread of this.#threads) {
      if (thread.running !== undefined) abandoned.push(thread.running);
      thread.running = undefined;
      thread.worker.terminate();
    }
    this.#threads.clear();
    for (const waiting of abandoned) waiting.reject(poolClosed());
  }

  #dispatch(): void {
    while (this.#queue.length > 0) {
      const thread = this.#idleThread();
      if (thread === undefined) return;
      const waiting = this.#queue.shift()!;
      thread.running = waiting;
      thread.worker.postMessage(waiting.request);
    }
  }

  #idleThread(): Thread | undefined {
    for (const thread of this.#threads) if (thread.running === undefined) return thread;
    return this.#threads.size < this.#size ? this.#startThread() : undefined;
  }

  #startThread(): Thread {
    const worker = new Worker(new URL("./worker.ts", import.meta.url).href);
    const thread: Thread = { worker, running: undefined };
    this.#threads.add(thread);
    worker.onmessage = (event: MessageEvent<JobAnswer>) => this.#finish(thread, event.data);
    worker.onerror = (event: ErrorEvent) => this.#lose(thread, event.message);
    worker.addEventListener("close", () => this.#lose(thread, "it exited"));
    return thread;
  }

  #finish(thread: Thread, answer: JobAnswer): void {
    const waiting = thread.running;
    if (waiting === undefined || waiting.request.id !== answer.id) return;
    thread.running = undefined;
    if ("failure" in answer) waiting.reject(failureError(answer.failure));
    else waiting.resolve(answer.result);
    this.#dispatch();
  }

  #lose(thread: Thread, why: string): void {
    if (!this.#threads.delete(thread)) return;
    thread.worker.terminate();
    thread.running?.reject(new StorageError("INTERNAL", `a worker thread died: ${why}`));
    thread.running = undefined;
    this.#dispatch();
  }
}

function poolClosed(): StorageError {
  return new StorageError("UNAVAILABLE", "the engine is closing; its worker threads have ended");
}
