import { describe, expect, test } from "bun:test";
import type { StorageError } from "../../../../src/base/errors.ts";
import { StorageNodeService } from "../../../../src/gen/storage/storage_node_pb.ts";
import { Admission, type OverloadLimits } from "../../../../src/rpc/overload/admission.ts";
import { workClassOf } from "../../../../src/rpc/overload/work-class.ts";
import { noOverloadLimits } from "../../../support/everyone.ts";
import { ManualClock } from "../../../support/manual-clock.ts";

function admissionWith(limits: Partial<OverloadLimits>) {
  const clock = new ManualClock();
  const refused: string[] = [];
  const admission = new Admission({
    clock,
    limits: { ...noOverloadLimits, ...limits },
    refused: (workClass, reason) => refused.push(`${workClass} ${reason}`),
  });
  return { admission, clock, refused };
}

function failureOf(act: () => void): StorageError {
  try {
    act();
  } catch (error) {
    return error as StorageError;
  }
  throw new Error("nothing was refused");
}

describe("Admission", () => {
  test("holds each class to its limit", () => {
    const maxInFlight = { read: 2, write: 1, scan: 1, control: 1 };
    const { admission, refused } = admissionWith({ maxInFlight });
    admission.enter("read");
    admission.enter("read");
    const failure = failureOf(() => admission.enter("read"));
    expect(failure).toMatchObject({ code: "UNAVAILABLE", retryAfterMs: 100 });
    expect(failure.message).toBe(
      "2 calls of the class read are in flight, which is the limit; try again in 100 ms, or ask another replica",
    );
    admission.enter("write");
    expect(admission.inFlight.read).toBe(2);
    admission.leave("read");
    admission.enter("read");
    expect(refused).toEqual(["read in_flight_limit"]);
  });

  test("words a refusal once for each class and reason, and counts each", () => {
    const maxInFlight = { read: 0, write: 0, scan: 0, control: 0 };
    const { admission, refused } = admissionWith({ maxInFlight });
    const failures = (["read", "write", "read"] as const).map((workClass) =>
      failureOf(() => admission.enter(workClass)),
    );
    expect(failures[2]).toBe(failures[0]!);
    expect(failures[1]).not.toBe(failures[0]!);
    expect(refused).toEqual(["read in_flight_limit", "write in_flight_limit", "read in_flight_limit"]);
  });

  test("sheds once the event loop has been late three times, and takes everything when it is in time again", () => {
    const { admission, refused } = admissionWith({ maxLagMs: 200, shedOrder: ["write"] });
    for (let i = 0; i < 4; i++) admission.sample(900);
    expect(admission.pressure).toBe(1);
    const failures = Array.from({ length: 16 }, () => {
      try {
        admission.enter("write");
        return undefined;
      } catch (error) {
        return error as StorageError;
      }
    });
    expect(failures.filter((failure) => failure === undefined).length).toBe(1);
    expect(failures[3]).toMatchObject({ code: "UNAVAILABLE", retryAfterMs: 500 });
    expect(new Set(refused)).toEqual(new Set(["write event_loop_lag"]));
    for (let i = 0; i < 21; i++) admission.sample(0);
    expect(admission.pressure).toBe(0);
    expect(() => admission.enter("write")).not.toThrow();
  });

  test("charges tenants for each of their entries, and says which one is above its rate", () => {
    const { admission, clock, refused } = admissionWith({ tenantRate: { requestsPerSecond: 10, burst: 2 } });
    expect(admission.hasTenantRates).toBe(true);
    admission.charge(["a", "b", "a"], "write");
    const failure = failureOf(() => admission.charge(["b", "a"], "write"));
    expect(failure).toMatchObject({ code: "RESOURCE_EXHAUSTED", retryAfterMs: 100 });
    expect(failure.message).toContain('the tenant "a" sends more than 10 requests a second');
    expect(refused).toEqual(["write tenant_rate"]);
    clock.advance(100);
    admission.charge(["a"], "write");
  });
});

test("methods that touch records have a class", () => {
  const { read, batchWrite, scan, healthCheck } = StorageNodeService.method;
  expect([read, batchWrite, scan, healthCheck].map(workClassOf)).toEqual([
    "read",
    "write",
    "scan",
    "control",
  ]);
});
