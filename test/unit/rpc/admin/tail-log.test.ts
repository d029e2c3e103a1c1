import { expect, test } from "bun:test";
import type { LogLineReport } from "../../../../src/rpc/admin/sources.ts";
import { type TailLogRequest, tailLog } from "../../../../src/rpc/admin/tail-log.ts";
import { ManualClock } from "../../../support/manual-clock.ts";

/** A log of which three lines are kept. */
function tailed(request: Partial<TailLogRequest> = {}, writtenBefore = 0) {
  const clock = new ManualClock();
  const lines: LogLineReport[] = [];
  let lastSequence = 0;
  let isTaken = false;
  const write = (level: LogLineReport["level"]) => {
    lastSequence++;
    lines.push({ sequence: lastSequence, atMs: 1, level, message: `line ${lastSequence}`, fields: "{}" });
    if (lines.length > 3) lines.shift();
  };
  for (let index = 0; index < writtenBefore; index++) write("info");
  const log = {
    get lastSequence() {
      return lastSequence;
    },
    after: (sequence: number) => lines.filter((line) => line.sequence > sequence),
  };
  const take = () => {
    isTaken = true;
    return () => void (isTaken = false);
  };
  const tail = tailLog(log, { level: "", backlogCount: 0, ...request }, clock, take);
  const next = async () => {
    const step = tail.next();
    clock.advance(500);
    const { value } = await step;
    return { messages: value?.lines?.map(({ message }) => message), missedCount: value?.missedCount };
  };
  return { write, next, tail, isTaken: () => isTaken };
}

test("begins with the backlog, as far as it is kept, and goes on with what is written", async () => {
  const { write, next } = tailed({ backlogCount: 100 }, 5);
  expect(await next()).toEqual({ messages: ["line 3", "line 4", "line 5"], missedCount: 0 });
  write("warn");
  expect(await next()).toEqual({ messages: ["line 6"], missedCount: 0 });
});

test("says what was missed between two messages", async () => {
  const { write, next } = tailed();
  write("info");
  expect(await next()).toEqual({ messages: ["line 1"], missedCount: 0 });
  for (let index = 0; index < 5; index++) write("info");
  expect(await next()).toEqual({ messages: ["line 4", "line 5", "line 6"], missedCount: 2 });
});

test("leaves lighter lines out", async () => {
  const { write, next } = tailed({ level: "error" });
  for (const level of ["info", "error", "warn"] as const) write(level);
  expect(await next()).toEqual({ messages: ["line 2"], missedCount: 0 });
});

test("gives its place back, and takes none for a level that is none", async () => {
  const { tail, isTaken } = tailed();
  expect(isTaken()).toBe(true);
  await tail.return();
  expect(isTaken()).toBe(false);
  expect(() => tailed({ level: "debug" })).toThrow("allowed is info, warn, error");
});
