/**
 * Has worker threads bring ranges into memory, several at a time.
 *
 * What is asked for while all threads read gathers for the next one that is free: so the more there is to read, the
 * more the disk gets to do at once. A range that is being read is not read a second time.
 *
 * Who waited finishes its read when it is told, which takes longer than all that is done here. So no more than a few are
 * told in a turn of the event loop: calls and timers come between them, however many ranges arrive at once.
 */
import { StorageError } from "../../base/errors.ts";
import { nextTurn } from "../../base/next-turn.ts";
import type { JobRunner } from "../workers/protocol.ts";
import { type ColdRange, nameOf } from "./cold-range.ts";
import { packWarmJob } from "./warm-job.ts";

/** Threads that read at a time: one reads while the answers of the other are looked at. */
export const readThreadCount = 2;
const maxRangesPerJob = 32;
/** Ranges whose waiters are told in one turn: to finish a read takes tens of microseconds. */
const rangesPerTurn = 16;

/** Is told once for each range that it asked for. */
export interface RangeWaiter {
  /** The range is in memory, or is not there any more. */
  arrived(): void;
  /** The disk cannot read it, or the engine closes. */
  failed(error: unknown): void;
}

interface Request {
  readonly name: string;
  readonly range: ColdRange;
  readonly waiters: RangeWaiter[];
  /** The system's name of what kept it from being read. */
  failure: string | undefined;
}

export class Warmer {
  readonly #jobs: JobRunner;
  /** By name; those that wait, and those that are being read. */
  readonly #requests = new Map<string, Request>();
  readonly #waiting: Request[] = [];
  /** They were read, and their waiters are still to be told. */
  readonly #read: Request[] = [];
  #runningCount = 0;
  #isClosed = false;
  /** Ranges that were brought in. */
  rangeCount = 0;
  byteCount = 0;

  constructor(jobs: JobRunner) {
    this.#jobs = jobs;
  }

  /** Has the range brought in, and tells the waiter in a later turn. */
  bringIn(range: ColdRange, waiter?: RangeWaiter): void {
    const name = nameOf(range);
    const known = this.#requests.get(name);
    if (known !== undefined) {
      if (waiter !== undefined) known.waiters.push(waiter);
      return;
    }
    const request = { name, range, waiters: waiter === undefined ? [] : [waiter], failure: undefined };
    this.#requests.set(name, request);
    this.#waiting.push(request);
    if (this.#waiting.length === 1) queueMicrotask(() => this.#dispatch());
  }

  /** Fails all that was asked for and not told yet. Nothing is to be asked for any more. */
  close(error: StorageError): void {
    this.#isClosed = true;
    this.#waiting.length = 0;
    this.#read.length = 0;
    for (const request of this.#requests.values()) this.#fail(request, error);
  }

  #dispatch(): void {
    while (this.#waiting.length > 0 && this.#runningCount < readThreadCount) {
      const requests = this.#waiting.splice(0, maxRangesPerJob);
      this.#runningCount++;
      void this.#run(requests);
    }
  }

  /** Never rejects. */
  async #run(requests: readonly Request[]): Promise<void> {
    try {
      const failures = await this.#jobs.run(packWarmJob(requests.map(({ range }) => range)));
      failures?.forEach((failure, index) => {
        requests[index]!.failure = failure;
      });
      if (this.#isClosed) return;
      if (this.#read.push(...requests) === requests.length) void this.#tellAll();
    } catch (error) {
      for (const request of requests) this.#fail(request, error);
    } finally {
      this.#runningCount--;
      this.#dispatch();
    }
  }

  async #tellAll(): Promise<void> {
    while (this.#read.length > 0) {
      await nextTurn();
      for (const request of this.#read.splice(0, rangesPerTurn)) this.#tell(request);
    }
  }

  #tell(request: Request): void {
    const { name, range, waiters, failure } = request;
    // A table that is gone was compacted away: the caller reads a version without it, or finds out by itself.
    if (failure !== undefined && failure !== "ENOENT") {
      const { path, offset } = range;
      const message = `${path} at byte ${offset ?? 0} cannot be read: ${failure}`;
      this.#fail(request, new StorageError("SSTABLE_FAILED", message, { file: path, offset: offset ?? 0 }));
      return;
    }
    this.#requests.delete(name);
    this.rangeCount++;
    this.byteCount += range.length;
    for (const waiter of waiters) waiter.arrived();
  }

  #fail({ name, waiters }: Request, error: unknown): void {
    this.#requests.delete(name);
    for (const waiter of waiters) waiter.failed(error);
  }
}
