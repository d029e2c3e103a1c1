import { expect, test } from "bun:test";
import { createLogger } from "../../../src/telemetry/logger.ts";
import { limitRepeats } from "../../../src/telemetry/repeat-limit.ts";
import { ManualClock } from "../../support/manual-clock.ts";

function limited() {
  const clock = new ManualClock();
  const lines: Record<string, unknown>[] = [];
  const write = (line: string) => lines.push(JSON.parse(line));
  const logger = limitRepeats(createLogger({ nodeId: "n", level: "debug", format: "json", write }), clock);
  return { clock, lines, logger };
}

test("of a message that comes again and again, the first ones and the last one are written", () => {
  const { clock, lines, logger } = limited();
  for (let index = 0; index < 50; index++) logger.warn("slow call", { index });
  logger.error("slow call", { index: "another level" });
  logger.warn("another message");
  expect(lines).toHaveLength(22);
  clock.advance(10_000);
  expect(lines).toHaveLength(23);
  expect(lines.at(-1)).toMatchObject({ level: "warn", msg: "slow call", index: 49, suppressed: 30 });
  clock.advance(60_000);
  expect(lines).toHaveLength(23);
  expect(clock.pendingTimerCount).toBe(0);
  logger.warn("slow call", { index: 50 });
  expect(lines.at(-1)).toMatchObject({ index: 50 });
  expect(lines.at(-1)).not.toHaveProperty("suppressed");
});

test("debug lines and those of the audit log are all written", () => {
  const { lines, logger } = limited();
  for (let index = 0; index < 50; index++) {
    logger.debug("detail");
    logger.info("admin call", { audit: true });
  }
  expect(lines).toHaveLength(100);
});

test("what is held back is written when the node ends", () => {
  const { clock, lines, logger } = limited();
  for (let index = 0; index < 25; index++) logger.info("flushed often", { index });
  logger.tellSuppressed();
  expect(lines.at(-1)).toMatchObject({ index: 24, suppressed: 5 });
  expect(clock.pendingTimerCount).toBe(0);
});

test("more messages than can be followed are written as they come", () => {
  const { lines, logger } = limited();
  for (let index = 0; index < 3000; index++) logger.info(`message ${index}`);
  expect(lines).toHaveLength(3000);
});

test("the level is that of the log behind", () => {
  const { lines, logger } = limited();
  logger.level = "error";
  logger.warn("unheard");
  expect([logger.level, lines.length]).toEqual(["error", 0]);
});
