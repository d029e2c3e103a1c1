import { expect, test } from "bun:test";
import { StorageError } from "../../../src/base/errors.ts";
import { createNodeLog } from "../../../src/telemetry/node-log.ts";
import { ManualClock } from "../../support/manual-clock.ts";

function nodeLog() {
  const options = { nodeId: "n", level: "debug", format: "json", write: () => undefined } as const;
  return createNodeLog(options, new ManualClock(1000));
}

test("keeps lines of the log with their fields, but not those of debugging and auditing", () => {
  const log = nodeLog();
  log.info("serving", { grpc_port: 1 });
  log.debug("detail", { key: "secret" });
  log.info("admin call", { audit: true });
  log.error("call failed", { error: new StorageError("DISK_FULL", "no room") });
  expect(log.recent.after(0)).toEqual([
    { sequence: 1, atMs: 1000, level: "info", message: "serving", fields: '{"grpc_port":1}' },
    {
      sequence: 2,
      atMs: 1000,
      level: "error",
      message: "call failed",
      fields: '{"error":"DISK_FULL: no room"}',
    },
  ]);
  expect(log.recent.after(1).map(({ sequence }) => sequence)).toEqual([2]);
});

test("keeps what is written, and no more", () => {
  const log = nodeLog();
  log.level = "warn";
  log.info("unheard");
  expect(log.recent.lastSequence).toBe(0);
  for (let index = 0; index < 30; index++) log.warn("again");
  expect(log.recent.lastSequence).toBe(20);
});

test("keeps the last 500, long ones cut", () => {
  const log = nodeLog();
  for (let index = 1; index <= 600; index++) log.info(`line ${index}`, { text: "x".repeat(5000) });
  const lines = log.recent.after(0);
  expect([lines.length, lines[0]!.sequence, lines.at(-1)!.sequence]).toEqual([500, 101, 600]);
  expect(lines[0]!.fields).toHaveLength(2000);
});
