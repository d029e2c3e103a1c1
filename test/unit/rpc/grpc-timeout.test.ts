import { expect, test } from "bun:test";
import { parseTimeout } from "@connectrpc/connect/protocol-grpc";
import fc from "fast-check";
import { longestDelayMs } from "../../../src/platform/clock.ts";
import { grpcTimeoutMs, withinTimers } from "../../../src/rpc/grpc-timeout.ts";

test("texts mean what they mean to Connect", () => {
  const anyText = fc.oneof(
    fc.stringMatching(/^\d{0,9}[HMSmun]?$/),
    fc.string({ maxLength: 5 }),
    fc.constantFrom("1 S", " 1S", "1S ", "+1S", "1.5S", "0x1S", "S", ""),
  );
  fc.assert(
    fc.property(anyText, (text) => {
      const { timeoutMs } = parseTimeout(text, Number.MAX_SAFE_INTEGER);
      expect(grpcTimeoutMs(text)).toBe(timeoutMs && Math.min(timeoutMs, longestDelayMs));
    }),
  );
});

test("more than timers can wait counts as the most", () => {
  expect(grpcTimeoutMs("99999999H")).toBe(longestDelayMs);
});

test("headers keep timeouts that timers can wait for, and get the longest in place of others", () => {
  const changed = (fields: Record<string, string>) =>
    Object.fromEntries([...withinTimers(new Headers(fields))]);
  const usual = { "grpc-timeout": "100S", "connect-timeout-ms": "2147483000" };
  expect(changed(usual)).toEqual(usual);
  expect(changed({ "grpc-timeout": "99999999M" })).toEqual({ "grpc-timeout": "2147483S" });
  expect(changed({ "connect-timeout-ms": "9999999999" })).toEqual({ "connect-timeout-ms": "2147483000" });
  const odd = { "grpc-timeout": "x", "connect-timeout-ms": "y" };
  expect(changed(odd)).toEqual(odd);
  expect(changed({})).toEqual({});
});
