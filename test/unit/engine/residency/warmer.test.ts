import { expect, test } from "bun:test";
import { StorageError } from "../../../../src/base/errors.ts";
import type { ColdRange } from "../../../../src/engine/residency/cold-range.ts";
import { unpackWarmJob, type WarmJob, type WarmResult } from "../../../../src/engine/residency/warm-job.ts";
import { Warmer } from "../../../../src/engine/residency/warmer.ts";
import type { Job, JobResult, JobRunner } from "../../../../src/engine/workers/protocol.ts";

/** Answers when the test says so. */
class HeldJobs implements JobRunner {
  readonly ranges: (readonly ColdRange[])[] = [];
  readonly #answers: PromiseWithResolvers<WarmResult>[] = [];

  run<J extends Job>(job: J): Promise<JobResult<J>> {
    this.ranges.push(unpackWarmJob(job as unknown as WarmJob));
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
const turn = () => new Promise((resolve) => setImmediate(resolve));

/** Waits for a range as a read does. */
function bringIn(warmer: Warmer, wanted: ColdRange): Promise<void> {
  const { promise, resolve: arrived, reject: failed } = Promise.withResolvers<void>();
  warmer.bringIn(wanted, { arrived, failed });
  return promise;
}

test("what is asked for in one turn goes in one job, and a range once", async () => {
  const jobs = new HeldJobs();
  const warmer = new Warmer(jobs);
  const asked = [range(0), range(0), range(100)].map((wanted) => bringIn(warmer, wanted));
  await turn();
  expect(jobs.ranges).toEqual([[range(0), range(100)]]);
  jobs.answer(0);
  await Promise.all(asked);
  expect([warmer.rangeCount, warmer.byteCount]).toEqual([2, 200]);
});

test("a range that nobody waits for is brought in all the same", async () => {
  const jobs = new HeldJobs();
  const warmer = new Warmer(jobs);
  warmer.bringIn(range(0));
  await turn();
  jobs.answer(0);
  await turn();
  await turn();
  expect(warmer.rangeCount).toBe(1);
});

test("while all threads read, requests gather for the next one that is free", async () => {
  const jobs = new HeldJobs();
  const warmer = new Warmer(jobs);
  const asked: Promise<void>[] = [];
  for (let offset = 0; offset < 6; offset++) {
    asked.push(bringIn(warmer, range(offset)));
    await turn();
  }
  expect(jobs.ranges.map((ranges) => ranges.length)).toEqual([1, 1]);
  jobs.answer(1);
  await asked[1];
  await turn();
  expect(jobs.ranges.map((ranges) => ranges.length)).toEqual([1, 1, 4]);
  jobs.answer(0);
  jobs.answer(2);
  await Promise.all(asked);
});

test("however many arrive at once, few are told in one turn", async () => {
  const jobs = new HeldJobs();
  const warmer = new Warmer(jobs);
  let toldCount = 0;
  const told = { arrived: () => toldCount++, failed: () => {} };
  for (let offset = 0; offset < 64; offset++) warmer.bringIn(range(offset), told);
  await turn();
  jobs.answer(0);
  jobs.answer(1);
  let mostAtOnce = 0;
  for (let before = 0; toldCount < 64; before = toldCount) {
    await turn();
    mostAtOnce = Math.max(mostAtOnce, toldCount - before);
  }
  expect(mostAtOnce).toBe(16);
});

test("a range may be asked for again once it was answered", async () => {
  const jobs = new HeldJobs();
  const warmer = new Warmer(jobs);
  const first = bringIn(warmer, range(0));
  await turn();
  jobs.answer(0);
  await first;
  warmer.bringIn(range(0));
  await turn();
  expect(jobs.ranges).toHaveLength(2);
});

test("a table that is gone is no failure; what the disk cannot read is, with its place", async () => {
  const jobs = new HeldJobs();
  const warmer = new Warmer(jobs);
  const gone = bringIn(warmer, range(0));
  await turn();
  jobs.answer(0, "ENOENT");
  await gone;
  const unreadable = bringIn(warmer, range(7)).catch((error: unknown) => error);
  await turn();
  jobs.answer(1, "EIO");
  const error = (await unreadable) as StorageError;
  expect(error).toBeInstanceOf(StorageError);
  expect([error.code, error.file, error.offset]).toEqual(["SSTABLE_FAILED", "/a.sst", 7]);
});

test("a job that fails fails its requests, and the next ones run", async () => {
  const jobs = new HeldJobs();
  const warmer = new Warmer(jobs);
  const failed = bringIn(warmer, range(0)).catch((error: unknown) => error);
  await turn();
  jobs.fail(0, new StorageError("UNAVAILABLE", "closing"));
  expect(await failed).toBeInstanceOf(StorageError);
  const next = bringIn(warmer, range(0));
  await turn();
  jobs.answer(1);
  await next;
});

test("a close fails what waits, what is being read and what was read, and a late answer tells nobody", async () => {
  const jobs = new HeldJobs();
  const warmer = new Warmer(jobs);
  const outcomes: string[] = [];
  const told = {
    arrived: () => outcomes.push("arrived"),
    failed: (error: unknown) => outcomes.push((error as StorageError).code),
  };
  for (let offset = 0; offset < 3; offset++) {
    warmer.bringIn(range(offset), told);
    await turn();
  }
  jobs.answer(0);
  await Promise.resolve();
  warmer.close(new StorageError("UNAVAILABLE", "closing"));
  jobs.answer(1);
  await turn();
  await turn();
  expect(outcomes).toEqual(["UNAVAILABLE", "UNAVAILABLE", "UNAVAILABLE"]);
});
