import { expect, test } from "bun:test";
import { anonymousIdentity } from "../../../src/auth/identity.ts";
import { AuditLog } from "../../../src/telemetry/audit-log.ts";
import { createLogger } from "../../../src/telemetry/logger.ts";
import { ManualClock } from "../../support/manual-clock.ts";

const identity = anonymousIdentity([]);

function auditLog() {
  const lines: Record<string, unknown>[] = [];
  const write = (line: string) => void lines.push(JSON.parse(line));
  const logger = createLogger({ nodeId: "n", level: "info", format: "json", write });
  const clock = new ManualClock();
  return { log: new AuditLog(logger, clock), clock, lines };
}

const refusal = { method: "Write", identity, address: "192.0.2.1", reason: "no_credentials" } as const;

test("every admin call has its line", () => {
  const { log, lines } = auditLog();
  for (const status of ["begun", "OK"] as const) {
    log.adminCall({ method: "Flush", identity, address: undefined, requestId: "r", status });
  }
  const common = { audit: true, msg: "admin call", method: "Flush", caller: "anonymous", request_id: "r" };
  expect(lines).toEqual([
    expect.objectContaining({ ...common, status: "begun" }),
    expect.objectContaining({ ...common, status: "OK" }),
  ]);
});

test("the same refusal again and again is one line in ten seconds, which counts them", () => {
  const { log, clock, lines } = auditLog();
  for (let i = 0; i < 100; i++) log.accessRefused(refusal);
  expect(lines).toEqual([
    expect.objectContaining({ level: "warn", audit: true, reason: "no_credentials", repeats: 0 }),
  ]);
  log.accessRefused({ ...refusal, method: "Read" });
  expect(lines).toHaveLength(2);
  clock.advance(10_000);
  log.accessRefused(refusal);
  expect(lines[2]).toMatchObject({ method: "Write", address: "192.0.2.1", repeats: 99 });
});

test("refusals of many kinds are one line for what is over", () => {
  const { log, clock, lines } = auditLog();
  for (let i = 0; i < 1000; i++) log.accessRefused({ ...refusal, address: `192.0.2.${i}` });
  expect(lines).toHaveLength(257);
  expect(lines[256]).toMatchObject({ audit: true, msg: "calls refused for many reasons" });
  clock.advance(10_000);
  log.accessRefused({ ...refusal, address: "another" });
  expect(lines).toHaveLength(258);
});
