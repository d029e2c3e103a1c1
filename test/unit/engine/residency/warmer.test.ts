import { expect, test } from "bun:test";
import { StorageError } from "../../../../src/base/errors.ts";
import type { ColdRange } from "../../../../src/engine/residency/cold-range.ts";
import type { WarmJob, WarmResult } from "../../../../src/engine/residency/warm-job.ts";
import { Warmer } from "../../../../src/engine/residency/warmer.ts";
import type { Job, JobResult, JobRunner } from "../../../../src/engine/workers/protocol.ts";

/** Answers when the test says so. */
class HeldJobs implements JobRunner {
  readonly ranges: (readonly ColdRange[])[] = [];
  readonly #answers: PromiseWithResolvers<WarmResult>[] = [];

  run<J extends Job>(job: J): Promise<JobResult<J>> {
    this.ranges.push((job as unknown as WarmJob).ranges);
    const answer = Promise.withResolvers<WarmResult>();
    this.#answers.push(answer);
    return answer.promise as Promise<JobResult<J>>;
  }

  answer(index: number, failure?: string): void {
    this.#answers[index]!.resolve(this.ranges[index]!.map(() => failure));
  }

  fail(index: number, error: Error): void {
    this.#answers[index]!.reject(error);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

const range = (offset: number): ColdRange => ({ path: "/a.sst", offset, length: 100 });
const microtasks = () => new Promise((resolve) => setImmediate(resolve));

test("what is asked for in one turn goes in one job, and a range once", async () => {
  const jobs = new HeldJobs();
  const warmer = new Warmer(jobs);
  const first = warmer.bringIn(range(0));
  expect(warmer.bringIn(range(0))).toBe(first);
  const second = warmer.bringIn(range(100));
  await microtasks();
  expect(jobs.ranges).toEqual([[range(0), range(100)]]);
  jobs.answer(0);
  await Promise.all([first, second]);
  expect([warmer.rangeCount, warmer.byteCount]).toEqual([2, 200]);
});

test("while all threads read, requests gather for the next one that is free", async () => {
  const jobs = new HeldJobs();
  const warmer = new Warmer(jobs);
  const asked: Promise<void>[] = [];
  for (let offset = 0; offset < 6; offset++) {
    asked.push(warmer.bringIn(range(offset)));
    await microtasks();
  }
  expect(jobs.ranges.map((ranges) => ranges.length)).toEqual([1, 1]);
  jobs.answer(1);
  await asked[1];
  await microtasks();
  expect(jobs.ranges.map((ranges) => ranges.length)).toEqual([1, 1, 4]);
  jobs.answer(0);
  jobs.answer(2);
  await Promise.all(asked);
});

test("a range may be asked for again once it was answered", async () => {
  const jobs = new HeldJobs();
  const warmer = new Warmer(jobs);
  const first = warmer.bringIn(range(0));
  await microtasks();
  jobs.answer(0);
  await first;
  void warmer.bringIn(range(0));
  await microtasks();
  expect(jobs.ranges).toHaveLength(2);
});

test("a table that is gone is no failure; what the disk cannot read is, with its place", async () => {
  const jobs = new HeldJobs();
  const warmer = new Warmer(jobs);
  const gone = warmer.bringIn(range(0));
  await microtasks();
  jobs.answer(0, "ENOENT");
  await gone;
  const unreadable = warmer.bringIn(range(7)).catch((error: unknown) => error);
  await microtasks();
  jobs.answer(1, "EIO");
  const error = (await unreadable) as StorageError;
  expect(error).toBeInstanceOf(StorageError);
  expect([error.code, error.file, error.offset]).toEqual(["SSTABLE_FAILED", "/a.sst", 7]);
});

test("a job that fails fails its requests, and the next ones run", async () => {
  const jobs = new HeldJobs();
  const warmer = new Warmer(jobs);
  const failed = warmer.bringIn(range(0)).catch((error: unknown) => error);
  await microtasks();
  jobs.fail(0, new StorageError("UNAVAILABLE", "closing"));
  expect(await failed).toBeInstanceOf(StorageError);
  const next = warmer.bringIn(range(0));
  await microtasks();
  jobs.answer(1);
  await next;
});
