import { expect, test } from "bun:test";
import { JobHistory, type RunningJob } from "../../../../src/engine/statistics/job-history.ts";

const job = (startedAtMs: number): RunningJob => ({
  kind: "merge",
  trigger: "size",
  level: 0,
  outputLevel: 1,
  startedAtMs,
  inputTableCount: 4,
  inputBytes: 4000,
});

const outcome = { durationMs: 5, outputTableCount: 2, outputBytes: 3900 };

test("a job runs until it ends, and then is told with its outcome", () => {
  const history = new JobHistory();
  history.started(1, job(100));
  history.started(2, job(200));
  expect([history.running, history.ended]).toEqual([[job(100), job(200)], []]);
  history.finished(1, outcome);
  history.failed(2, 7, new Error("no room"));
  expect(history.running).toEqual([]);
  expect(history.ended).toEqual([
    { ...job(200), durationMs: 7, outputTableCount: 0, outputBytes: 0, failure: "no room" },
    { ...job(100), ...outcome, failure: undefined },
  ]);
});

test("what fails before it starts is not told", () => {
  const history = new JobHistory();
  history.failed("flush", 1, new Error("the log could not be synced"));
  expect(history.ended).toEqual([]);
});

test("only the last ones are kept", () => {
  const history = new JobHistory();
  for (let number = 0; number < 1000; number++) {
    history.started(number, job(number));
    history.finished(number, outcome);
  }
  expect(history.ended).toHaveLength(128);
  expect([history.ended[0]!.startedAtMs, history.ended.at(-1)!.startedAtMs]).toEqual([999, 872]);
});
