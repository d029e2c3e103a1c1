/**
 * Has worker threads bring ranges into memory, several at a time.
 *
 * What is asked for while all threads read gathers for the next one that is free: so the more there is to read, the
 * more the disk gets to do at once. A range that is being read is not read a second time.
 */
import { StorageError } from "../../base/errors.ts";
import type { JobRunner } from "../workers/protocol.ts";
import { type ColdRange, nameOf } from "./cold-range.ts";

/** Threads that read at a time: one reads while the answers of the other are looked at. */
export const readThreadCount = 2;
const maxRangesPerJob = 32;

interface Request extends PromiseWithResolvers<void> {
  readonly range: ColdRange;
}

export class Warmer {
  readonly #jobs: JobRunner;
  /** By name; those that wait, and those that are being read. */
  readonly #requests = new Map<string, Request>();
  readonly #waiting: Request[] = [];
  #runningCount = 0;
  /** Ranges that were brought in. */
  rangeCount = 0;
  byteCount = 0;

  constructor(jobs: JobRunner) {
    this.#jobs = jobs;
  }

  /**
   * Resolves once the range is in memory, or is not there any more. Rejects where the disk cannot read it, and where
   * the engine closes.
   */
  bringIn(range: ColdRange): Promise<void> {
    const name = nameOf(range);
    const known = this.#requests.get(name);
    if (known !== undefined) return known.promise;
    const request: Request = { range, ...Promise.withResolvers<void>() };
    this.#requests.set(name, request);
    this.#waiting.push(request);
    if (this.#waiting.length === 1) queueMicrotask(() => this.#dispatch());
    return request.promise;
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
      const failures = await this.#jobs.run({ kind: "warm", ranges: requests.map(({ range }) => range) });
      for (const [index, request] of requests.entries()) this.#settle(request, failures[index]);
    } catch (error) {
      for (const request of requests) {
        this.#requests.delete(nameOf(request.range));
        request.reject(error);
      }
    } finally {
      this.#runningCount--;
      this.#dispatch();
    }
  }

  #settle({ range, resolve, reject }: Request, failure: string | undefined): void {
    this.#requests.delete(nameOf(range));
    // A table that is gone was compacted away: the caller reads a version without it, or finds out by itself.
    if (failure !== undefined && failure !== "ENOENT") {
      const { path, offset } = range;
      const message = `${path} at byte ${offset ?? 0} cannot be read: ${failure}`;
      reject(new StorageError("SSTABLE_FAILED", message, { file: path, offset: offset ?? 0 }));
      return;
    }
    this.rangeCount++;
    this.byteCount += range.length;
    resolve();
  }
}
