import { expect, test } from "bun:test";
import { type Finding, HealthChecker } from "../../../../src/telemetry/health/health-checker.ts";
import { ManualClock } from "../../../support/manual-clock.ts";

function checkerOf(look: () => Finding | Promise<Finding>) {
  const clock = new ManualClock();
  const changes: string[] = [];
  const checker = new HealthChecker(clock, [{ name: "one", intervalMs: 1000, look }], ({ status }) =>
    changes.push(status),
  );
  const advance = async (durationMs: number) => {
    clock.advance(durationMs);
    for (let turn = 0; turn < 5; turn++) await Promise.resolve();
  };
  return { clock, checker, changes, advance };
}

test("looks once in an interval, and tells of changes alone", async () => {
  const findings: Finding[] = [
    undefined,
    { status: "degraded", reason: "a" },
    { status: "degraded", reason: "b" },
    { status: "unhealthy", reason: "c" },
    undefined,
  ];
  const { checker, changes, advance } = checkerOf(() => findings.shift());
  const seen = [];
  for (let round = 0; round < 5; round++) {
    await advance(1000);
    seen.push(checker.reports()[0]!.reason);
  }
  expect(seen).toEqual([undefined, "a", "b", "c", undefined]);
  expect(changes).toEqual(["degraded", "unhealthy", "healthy"]);
});

test("a look that fails is a finding", async () => {
  const { checker, advance } = checkerOf(() => Promise.reject(new Error("no answer")));
  await advance(1000);
  expect(checker.reports()).toEqual([
    { name: "one", status: "degraded", reason: "the check one failed: no answer" },
  ]);
});

test("a look that does not come back is a finding until it does, and no second one begins", async () => {
  let lookCount = 0;
  const answer = Promise.withResolvers<Finding>();
  const { checker, advance } = checkerOf(() => {
    lookCount++;
    return answer.promise;
  });
  await advance(10_000);
  expect(checker.reports()[0]).toEqual({ name: "one", status: "healthy" });
  await advance(1000);
  expect(checker.reports()[0]).toMatchObject({ status: "degraded", reason: expect.stringContaining("10 s") });
  expect(lookCount).toBe(1);
  answer.resolve(undefined);
  await advance(0);
  expect(checker.reports()[0]).toEqual({ name: "one", status: "healthy" });
});

test("nothing is looked at after the end, and a look under way tells nobody", async () => {
  const answer = Promise.withResolvers<Finding>();
  const { clock, checker, changes, advance } = checkerOf(() => answer.promise);
  await advance(1000);
  checker.stop();
  answer.resolve({ status: "unhealthy", reason: "late" });
  await advance(5000);
  expect(changes).toEqual([]);
  expect(clock.pendingTimerCount).toBe(0);
});
