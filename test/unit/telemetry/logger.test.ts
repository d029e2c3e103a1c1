import { describe, expect, test } from "bun:test";
import { StorageError } from "../../../src/base/errors.ts";
import { createLogger, type LogFormat, type Logger, prettyLine } from "../../../src/telemetry/logger.ts";

function capture(format: LogFormat): { logger: Logger; lines: string[] } {
  const lines: string[] = [];
  const logger = createLogger({ nodeId: "n1", level: "info", format, write: (line) => lines.push(line) });
  return { logger, lines };
}

describe("log", () => {
  test("a JSON line carries level, time, node and fields", () => {
    const { logger, lines } = capture("json");
    logger.warn("the disk fills up", { used_percent: 81 });
    const line = JSON.parse(lines[0] ?? "");
    expect(line).toMatchObject({ level: "warn", node_id: "n1", msg: "the disk fills up", used_percent: 81 });
    expect(new Date(line.time).toISOString()).toBe(line.time);
  });

  test("errors are told by code and message, with their causes", () => {
    const { logger, lines } = capture("json");
    const cause = new TypeError("x");
    const error = new StorageError("DISK_FULL", "no room", { cause });
    logger.error("call failed", { error, other: cause });
    const line = JSON.parse(lines[0] ?? "");
    expect(line).toMatchObject({ error: "DISK_FULL: no room; caused by x", other: "x" });
  });

  test("the level can change while the node runs", () => {
    const { logger, lines } = capture("json");
    logger.debug("unheard");
    logger.level = "debug";
    expect(logger.level).toBe("debug");
    logger.debug("heard");
    logger.level = "error";
    logger.warn("unheard");
    expect(lines.map((line) => JSON.parse(line).msg)).toEqual(["heard"]);
  });

  test("a line for people", () => {
    const { logger, lines } = capture("pretty");
    logger.info("serving", { grpc_port: 1, host: "::1", note: "a b" });
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(
      /^\d\d:\d\d:\d\d\.\d{3} INFO {2}serving {2}grpc_port=1 {2}host=::1 {2}note="a b"\n$/,
    );
    const json = '{"level":"error","time":"2026-01-02T03:04:05.678Z","node_id":"n","msg":"m"}';
    expect(prettyLine(json)).toBe("03:04:05.678 ERROR m\n");
  });
});
